import { type Change, type Claim, type ClaimId, type Contest, claimsOf } from "../analysis/claims.ts";
import { unique } from "../evaluation/group.ts";
import { methodKey } from "../evaluation/method-id.ts";
import { CLAIMS, claimRule, STANDINGS, sentenceOf } from "./catalogue.ts";
import { count, fixed, listed, MISSING, signed } from "./format.ts";
import { type Html, html } from "./html.ts";
import type { Labels } from "./labels.ts";
import { capitalized } from "./prose.ts";
import { type Drawn, folded, type Section } from "./section.ts";
import { methodsIn } from "./series.ts";
import { type Column, estimateCell, table } from "./tables.ts";

/** The claims of the transfer experiment one by one, each with its answer and its numbers; none for other results. */
export function claimSections(drawn: Drawn): Section[] {
  const { results, labels } = drawn;
  if (results.kind !== "reproduce-transfer") return [];
  return [
    accuracySection(drawn),
    ...claimsOf(results).map((claim) => ({
      id: `claim-${claim.id}`,
      title: CLAIMS[claim.id].question,
      body: claimBody(claim, labels),
    })),
  ];
}

/** The claims at a glance. */
export function claimTable({ results }: Drawn): Html {
  const claims = claimsOf(results);
  const met = ({ contests }: Claim) =>
    unique(contests.filter((each) => each.met).map(({ candidate }) => methodKey(candidate))).length;
  const asked = ({ contests }: Claim) => unique(contests.map(({ candidate }) => methodKey(candidate))).length;
  return html`<div class="scroll answers" tabindex="0" role="region" aria-label="Answers"><table class="facts"><caption><span>What these results say. An optimizer is counted where it meets the rule after some number of steps.</span></caption>
<thead><tr><th scope="col">Question</th><th scope="col">Answer</th><th scope="col" class="num">Optimizers</th></tr></thead><tbody>
${claims.map(
  (claim) =>
    html`<tr><th scope="row"><a href="#claim-${claim.id}">${CLAIMS[claim.id].question}</a></th><td>${chip(claim)}</td><td class="num">${
      asked(claim) === 0 ? MISSING : `${met(claim)} of ${asked(claim)}`
    }</td></tr>\n`,
)}</tbody></table></div>`;
}

function chip({ standing }: Claim): Html {
  const look = { holds: "reproduced", "does not hold": "not-reproduced", "not tested": "not-tested" }[
    standing
  ];
  return html`<span class="chip ${look}">${standing}</span>`;
}

function claimBody(claim: Claim, labels: Labels): Html {
  const { id, standing, contests } = claim;
  return html`<p class="claim"><b>The claim.</b> ${CLAIMS[id].claim}</p>
<p><b>Here:</b> ${chip(claim)}</p>
<p>${capitalized(STANDINGS[standing])}. ${claimRule(id)}</p>
<ul class="findings">${contests.map((contest) => html`<li${contest.met ? "" : html` class="plain"`}>${sentenceOf(contest, labels)}</li>\n`)}</ul>
${contests.map((contest) => folded(contestName(contest, labels), contestTable(id, contest, labels)))}`;
}

function contestName({ candidate, baseline, steps, baselineSteps }: Contest, labels: Labels): string {
  const opponent = `${labels.method(baseline)}${baselineSteps === undefined ? "" : `, ${count(baselineSteps)} steps`}`;
  return `${labels.method(candidate)}, ${count(steps)} steps, against ${opponent}`;
}

/** One row a task. */
function contestTable(id: ClaimId, contest: Contest, labels: Labels): Html {
  const flatter = id === "flatter";
  const columns: Column[] = [
    { name: "Task", text: true },
    { name: "Test accuracy", unit: "difference, points" },
    ...(flatter
      ? [
          { name: "Top eigenvalue", unit: "times its twin’s" },
          { name: "Top eigenvalue", unit: "times AdamW’s" },
        ]
      : []),
    { name: "Rule", text: true },
  ];
  const points = signed(fixed(1));
  const rows = contest.places.map(
    ({ task, quality, twin, opponent, met }) =>
      html`<tr><th scope="row" class="name">${labels.task(task)}</th>${changeCell(quality, (value) => points(100 * value))}${
        flatter ? html`${changeCell(twin, times)}${changeCell(opponent, times)}` : ""
      }<td>${met ? "met" : "not met"}</td></tr>
`,
  );
  const caption = `${contestName(contest, labels)}: differences with 95\u00a0% intervals over seeds.`;
  return table(caption, columns, [{ heading: "", rows }], false);
}

const times = (change: number): string => fixed(2)(1 + change);

function changeCell(change: Change | undefined, format: (value: number) => string): Html {
  if (change === undefined) return html`<td class="num">${MISSING}</td>`;
  const { mean, low, high } = change;
  return html`<td class="num">${format(mean)}${
    low === null || high === null ? "" : html`<span class="ci">[${format(low)}, ${format(high)}]</span>`
  }</td>`;
}

/** Test accuracy of every optimizer on every task, a table for each number of steps. */
function accuracySection({ results, labels }: Drawn): Section {
  const { evaluations, metrics } = results;
  const metric = metrics.find(({ format }) => format === "percent");
  const lengths = unique(evaluations.map(({ steps }) => steps)).sort((a, b) => b - a);
  const tables = lengths.map((steps) => {
    const own = evaluations.filter((record) => record.steps === steps);
    const tasks = unique(own.map(({ task }) => task));
    const bestOn = new Map(
      tasks.map((task) => [
        task,
        Math.max(...own.filter((record) => record.task === task).map(qualityOf(metric?.name))),
      ]),
    );
    const rows = methodsIn(own).map((method) => {
      const records = tasks.map((task) =>
        own.find((record) => record.task === task && methodKey(record.method) === methodKey(method)),
      );
      const gradients = unique(records.flatMap((record) => record?.gradientsPerStep.toFixed(1) ?? []));
      return html`<tr><th scope="row" class="name">${labels.method(method)}</th><td class="num">${listed(gradients.slice(0, 1)).replace(".0", "")}</td>${records.map(
        (record, i) =>
          estimateCell(
            record?.summary.metrics[metric?.name ?? ""],
            labels.value(metric?.name ?? ""),
            record !== undefined && qualityOf(metric?.name)(record) === bestOn.get(tasks[i]!),
          ),
      )}</tr>
`;
    });
    const columns: Column[] = [
      { name: "Optimizer", text: true },
      { name: "Gradients", unit: "a step" },
      ...tasks.map((task) => ({ name: labels.task(task) })),
    ];
    const caption = `Test ${metric?.label ?? "accuracy"} after ${count(steps)} steps, percent: mean and 95\u00a0% interval over seeds.`;
    return { steps, body: table(caption, columns, [{ heading: "", rows }], false) };
  });
  const [longest, ...shorter] = tables;
  return {
    id: "accuracy",
    title: "Accuracy on every task",
    body: html`${longest?.body ?? ""}${shorter.map(({ steps, body }) => folded(`After ${count(steps)} steps`, body))}`,
  };
}

function qualityOf(metric: string | undefined): (record: Drawn["results"]["evaluations"][number]) => number {
  return ({ summary }) => summary.metrics[metric ?? ""]?.mean ?? Number.NEGATIVE_INFINITY;
}
