import { groupBy, unique } from "../evaluation/group.ts";
import { methodKey } from "../evaluation/method-id.ts";
import type { Comparison, EvaluationRecord, Results, SharpnessSeed } from "../evaluation/results.ts";
import type { Finding } from "./facts.ts";
import { isJudge, judgeOf, measureOf } from "./measures.ts";

/** What came out on every task at its longest runs: the best means, then the tested differences. */
export function findingsOf(results: Results): Finding[] {
  const { evaluations, comparisons } = results;
  const tasks = unique([...evaluations, ...comparisons].map(({ task }) => task));
  return tasks.flatMap((task) => [
    ...leadersOf(longestOf(evaluations, task), results),
    ...differencesOf([
      ...longestOf(
        comparisons.filter(({ measure }) => isJudge(measure, results)),
        task,
      ),
      // sharpness may have been measured after fewer steps
      ...longestOf(
        comparisons.filter(({ measure, below }) => measure === "curvatureGap" && below === undefined),
        task,
      ),
    ]),
  ]);
}

/** How many runs diverged, if any; a run that is evaluated after several numbers of steps is one run. */
export function divergenceOf({ evaluations }: Results): Finding[] {
  const runs = evaluations.flatMap(({ task, spec, seeds }) =>
    seeds.flatMap(({ seed, diverged }) => (diverged ? [JSON.stringify([task, spec, seed])] : [])),
  );
  return runs.length === 0 ? [] : [{ fact: "diverged", runs: new Set(runs).size }];
}

/** Measures that ended before they converged, one fact for each that it happened to. */
export function convergenceOf(
  records: readonly { readonly seeds: readonly Pick<SharpnessSeed, "unconverged" | "loss">[] }[],
): Finding[] {
  const points = records.flatMap(({ seeds }) => seeds).filter(({ loss }) => loss !== null);
  return (["topEigenvalue", "trace", "eigenvalues"] as const).flatMap((measure): Finding[] => {
    const count = points.filter(({ unconverged }) => unconverged?.includes(measure)).length;
    return count === 0 ? [] : [{ fact: "not converged", measure, count, of: points.length }];
  });
}

function leadersOf(records: readonly EvaluationRecord[], { metrics }: Results): Finding[] {
  const trained = best(records, ({ summary }) => summary.trainLoss.mean, "lower");
  if (records.length < 2 || trained === undefined) return [];
  const { task, steps } = records[0]!;
  const measure = judgeOf(records, metrics);
  const { better } = measureOf(measure, metrics);
  const judged = best(records, ({ summary }) => summary.metrics[measure]?.mean ?? null, better);
  return [
    {
      fact: "leader",
      task,
      steps,
      trained: { method: trained.record.method, loss: trained.value },
      ...(judged && { judged: { method: judged.record.method, measure, value: judged.value } }),
    },
  ];
}

/** One finding for each pair, whose difference in quality and in curvature stand side by side. */
function differencesOf(comparisons: readonly Comparison[]): Finding[] {
  const pairs = groupBy(comparisons, ({ candidate, baseline, steps }) =>
    JSON.stringify([methodKey(candidate), methodKey(baseline), steps]),
  );
  return [...pairs.values()].map(([first, ...rest]) => ({ fact: "difference", tests: [first!, ...rest] }));
}

function longestOf<R extends { task: string; steps: number }>(records: readonly R[], task: string): R[] {
  const own = records.filter((record) => record.task === task);
  const longest = Math.max(...own.map(({ steps }) => steps));
  return own.filter(({ steps }) => steps === longest);
}

function best<R>(
  records: readonly R[],
  read: (record: R) => number | null,
  better: "higher" | "lower",
): { record: R; value: number } | undefined {
  const direction = better === "higher" ? 1 : -1;
  let found: { record: R; value: number } | undefined;
  for (const record of records) {
    const value = read(record);
    if (value !== null && (found === undefined || direction * (value - found.value) > 0))
      found = { record, value };
  }
  return found;
}
