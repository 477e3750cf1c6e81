import { edgeOf } from "../analysis/limits.ts";
import { unique } from "../evaluation/group.ts";
import type { Results } from "../evaluation/results.ts";
import { count, significant } from "./format.ts";
import { type Html, html } from "./html.ts";
import type { Labels } from "./labels.ts";
import { type Column, table } from "./tables.ts";

/** How settings were chosen: the search in the meta-objective and the tuning of baselines; nothing if neither was made. */
export function choicesBody(
  { search = [], tuning = [], metaTraining, metrics }: Results,
  labels: Labels,
): Html | undefined {
  if (search.length === 0 && tuning.length === 0) return undefined;
  const counts = unique(tuning.map(({ candidates }) => String(candidates.length))).join(", ");
  const seeds = unique(tuning.map(({ seeds }) => String(seeds.length))).join(", ");
  const used = new Set(metaTraining.map(({ regularizer }) => regularizer));
  const followed = search.every(({ chosen }) => used.has(chosen));
  return html`${
    search.length === 0
      ? ""
      : html`<h3>Regularizers in the meta-objective</h3>
<p>Every candidate was meta-trained for a short while. ${
          followed
            ? "The lowest meta-validation loss was chosen and is bold."
            : "The search is recorded, and was not followed: bold are the settings that the learned optimizers of this page were meta-trained with. Meta-validation loss is that without the regularizer, and so prefers the weakest one."
        }</p>
${searchTable(search, followed ? new Set(search.map(({ chosen }) => chosen)) : used, metrics, labels)}`
  }
${
  tuning.length === 0
    ? ""
    : html`<h3>Learning rates and settings in use</h3>
<p>Every optimizer had ${counts} settings to choose from on every task, each run from ${seeds} ${seeds === "1" ? "seed" : "seeds"} that no final run uses. The lowest meta-validation loss was chosen, for each number of steps on its own. Test data were not read. The candidates that were not chosen are in results.json.</p>
<details><summary>What was chosen, and the gradients the choice took</summary>
${tuningTable(tuning, labels)}
</details>`
}`;
}

function searchTable(
  search: NonNullable<Results["search"]>,
  bold: ReadonlySet<string>,
  metrics: Results["metrics"],
  labels: Labels,
): Html {
  const shown = metrics.filter(({ name }) =>
    search.some(({ candidates }) => candidates.some((candidate) => candidate.metrics?.[name] !== undefined)),
  );
  const columns: Column[] = [
    { name: "Candidate", text: true },
    { name: "Outer steps" },
    { name: "Best validation", unit: "loss" },
    ...shown.map(({ label, format }) => ({
      name: `${label.charAt(0).toUpperCase()}${label.slice(1)}`,
      ...(format === "percent" && { unit: "%" }),
    })),
    { name: "Gradients", unit: "evaluated" },
  ];
  const groups = search.map(({ regularizer, source, candidates }) => ({
    heading: `${labels.regularizer(regularizer)} on ${labels.source(source)}`,
    rows: candidates.map(
      ({ spec, outerSteps, loss, metrics: own, gradientEvaluations }) =>
        html`<tr><th scope="row"><span class="mono${bold.has(spec) ? " best" : ""}">${spec}</span></th><td class="num">${count(
          outerSteps,
        )}</td><td class="num">${significant(loss)}</td>${shown.map(
          ({ name }) => html`<td class="num">${labels.value(name)(own?.[name])}</td>`,
        )}<td class="num">${count(gradientEvaluations)}</td></tr>
`,
    ),
  }));
  return table("Search over settings in the meta-objective.", columns, groups, true);
}

function edgeNote(edge: ReturnType<typeof edgeOf>): Html | string {
  return edge === undefined ? "" : html`<span class="note">the ${edge} learning rate there was</span>`;
}

function tuningTable(tuning: NonNullable<Results["tuning"]>, labels: Labels): Html {
  const columns: Column[] = [
    { name: "Optimizer", text: true },
    { name: "Steps" },
    { name: "Chosen", text: true },
    { name: "Validation", unit: "loss" },
    {
      name: "Gradients",
      unit: tuning.some(({ chosen }) => chosen.length > 1)
        ? "of all candidates and numbers of steps"
        : "of all candidates",
    },
  ];
  const groups = unique(tuning.map(({ task }) => task)).map((task) => ({
    heading: labels.task(task),
    rows: tuning
      .filter((record) => record.task === task)
      .flatMap((record) => {
        const { method, candidates, chosen } = record;
        return chosen.map(({ steps, spec }) => {
          const score = candidates
            .find((candidate) => candidate.spec === spec)
            ?.scores.find((at) => at.steps === steps);
          const edge = edgeOf(record, spec);
          const spent = candidates.reduce((sum, candidate) => sum + candidate.gradientEvaluations, 0);
          return html`<tr><th scope="row" class="name">${labels.method(method)}</th><td class="num">${count(
            steps,
          )}</td><td><span class="mono">${spec}</span>${edgeNote(edge)}</td><td class="num">${significant(score?.loss)}</td><td class="num">${count(
            spent,
          )}</td></tr>
`;
        });
      }),
  }));
  return table("Settings chosen for each task and number of steps.", columns, groups, true);
}
