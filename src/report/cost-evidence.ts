import { judgeOf } from "../analysis/measures.ts";
import { explicitTests } from "../analysis/verdicts.ts";
import { groupBy, mean, unique } from "../evaluation/group.ts";
import { methodKey } from "../evaluation/method-id.ts";
import type { EvaluationRecord, MethodId } from "../evaluation/results.ts";
import { figure, type Line, legend } from "./figures.ts";
import { count, MISSING, significant } from "./format.ts";
import { type Html, html } from "./html.ts";
import type { Labels } from "./labels.ts";
import { type Drawn, folded } from "./section.ts";
import { familyOf } from "./series.ts";
import { type Column, comparisonTable, table } from "./tables.ts";
import { seriesColor } from "./theme.ts";

/** What one method costs and gives, over tasks. */
interface Price {
  readonly method: MethodId;
  readonly gradients: number;
  /** Mean over tasks of what they are judged by; undefined where one is missing. */
  readonly quality: number | undefined;
  readonly records: readonly EvaluationRecord[];
}

/** What a step costs, and what it buys. */
export function costEvidence({ results, labels }: Drawn): Html {
  const { evaluations, metrics } = results;
  const steps = Math.max(...evaluations.map((record) => record.steps));
  const last = evaluations.filter((record) => record.steps === steps);
  const tasks = unique(last.map(({ task }) => task));
  const judge = judgeOf(last, metrics);
  const prices = [...groupBy(last, ({ method }) => methodKey(method)).values()].map((records): Price => {
    const values = records.flatMap(({ summary }) => summary.metrics[judge]?.mean ?? []);
    return {
      method: records[0]!.method,
      gradients: mean(records.map(({ gradientsPerStep }) => gradientsPerStep)),
      quality: values.length === tasks.length ? mean(values) : undefined,
      records,
    };
  });
  const ranked = [...prices].sort((a, b) => a.gradients - b.gradients || (b.quality ?? 0) - (a.quality ?? 0));
  const columns: Column[] = [
    { name: "Optimizer", text: true },
    { name: "Gradients", unit: "per step" },
    { name: "Milliseconds", unit: "per step" },
    {
      name: labels.measure(judge),
      unit: `${labels.unit(judge) === "" ? "" : "%, "}${tasks.length === 1 ? labels.task(tasks[0]!) : `mean of ${tasks.length} tasks`}`,
    },
  ];
  const lines = ranked.map(({ method, gradients, quality, records }) => {
    const times = records.flatMap(({ secondsPerStep }) => secondsPerStep ?? []);
    const range = times.length === 0 ? MISSING : spread(times.map((seconds) => 1000 * seconds));
    return html`<tr><th scope="row" class="name">${labels.method(method)}</th><td class="num">${significant(gradients).replace(/\.?0+$/, "")}</td><td class="num">${range}</td><td class="num">${labels.value(judge)(quality)}</td></tr>
`;
  });
  const families = familiesOf(prices, labels);
  const price = figure({
    title: `${labels.measure(judge)} by gradients a step, percent`,
    note: `After ${count(steps)} steps, mean over tasks. Points are means over the optimizers of a family at one price, bars reach from the lowest to the highest.`,
    xLabel: "Gradients per step",
    lines: families,
    kind: "points",
  });
  const explicit = explicitTests(results);
  return html`${
    price === undefined
      ? ""
      : html`${legend(families.map(({ series }) => series))}
<div class="figures">${price}</div>`
  }
${lines.length === 0 ? "" : table(`Price and result after ${count(steps)} steps; times by task, lowest to highest.`, columns, [{ heading: "", rows: lines }], false)}
${
  explicit.length === 0
    ? ""
    : folded(
        "Learned against explicit regularization, task by task",
        html`${comparisonTable(explicit, labels)}
`,
      )
}`;
}

/** Quality by price: one line for each hand-designed optimizer, one for each source of learned ones. */
function familiesOf(prices: readonly Price[], labels: Labels): Line[] {
  const families = groupBy(prices, ({ method }) => methodKey(familyOf(method)));
  return [...families.values()].map((own, i): Line => {
    const family = familyOf(own[0]!.method);
    // whole prices: where a run diverged, the gradients of its last step belong to no step
    const byPrice = groupBy(own, ({ gradients }) => String(Math.round(gradients)));
    const points = [...byPrice].flatMap(([x, members]) => {
      const values = members.flatMap(({ quality }) => (quality === undefined ? [] : [100 * quality]));
      if (values.length === 0) return [];
      return [{ x: Number(x), y: mean(values), low: Math.min(...values), high: Math.max(...values) }];
    });
    const name = family.source === undefined ? labels.method(family) : `from ${labels.source(family.source)}`;
    return {
      series: {
        name,
        color: seriesColor(i),
        ...(family.source === undefined && { dash: "6 3.5" }),
      },
      points: points.sort((a, b) => a.x - b.x),
    };
  });
}

function spread(values: readonly number[]): string {
  const [low, high] = [significant(Math.min(...values)), significant(Math.max(...values))];
  return low === high ? low : `${low} – ${high}`;
}
