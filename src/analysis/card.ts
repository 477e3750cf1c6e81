import { unique } from "../evaluation/group.ts";
import { isSameMethod } from "../evaluation/method-id.ts";
import type { Estimate, EvaluationRecord, MethodId, Results } from "../evaluation/results.ts";
import type { CardFact } from "./facts.ts";
import { judgeOf, measureOf } from "./measures.ts";
import { summarizeEvaluation, summarizeSharpness } from "./summaries.ts";

/** What one method reached at one place, beside the best hand-designed one there. */
export interface CardRow {
  readonly task: string;
  readonly steps: number;
  readonly seeds: number;
  readonly trainLoss: Estimate;
  /** What the task is judged by. */
  readonly measure: string;
  readonly quality: Estimate | undefined;
  readonly topEigenvalue: Estimate | undefined;
  readonly best?: { readonly method: MethodId; readonly quality: Estimate };
}

/** The figures of one method, and what of them is clear beyond the intervals and worth a warning. */
export function cardOf(
  results: Results,
  isIt: (record: EvaluationRecord) => boolean,
): { readonly rows: readonly CardRow[]; readonly limits: readonly CardFact[] } {
  const { evaluations, sharpness, metrics } = results;
  // from the seeds: files of 0.1.0 hold intervals that a runaway seed decides
  const summaryOf = ({ seeds }: EvaluationRecord) => summarizeEvaluation(seeds, metrics);
  const mine = evaluations.filter(isIt);
  const rows = mine.map((record): CardRow => {
    const { task, steps, method } = record;
    const summary = summaryOf(record);
    const measure = judgeOf([{ summary }], metrics);
    const qualityOf = (other: EvaluationRecord) =>
      measure === "testLoss" ? summaryOf(other).testLoss : summaryOf(other).metrics[measure];
    const sign = measureOf(measure, metrics).better === "higher" ? 1 : -1;
    const [best] = evaluations
      .filter((other) => other.task === task && other.steps === steps && other.group === "hand-designed")
      .flatMap((other) => {
        const quality = qualityOf(other);
        return quality === undefined || quality.mean === null ? [] : [{ method: other.method, quality }];
      })
      .sort((a, b) => sign * (b.quality.mean! - a.quality.mean!));
    const flat = sharpness.find(
      (other) => other.task === task && other.steps === steps && isSameMethod(other.method, method),
    );
    return {
      task,
      steps,
      seeds: summary.seeds,
      trainLoss: summary.trainLoss,
      measure,
      quality: qualityOf(record),
      topEigenvalue: flat && summarizeSharpness(flat.seeds).topEigenvalue,
      ...(best && { best }),
    };
  });
  return { rows, limits: limitsOf(rows, mine, results) };
}

/** Number by number of steps: where it is clearly behind, worse than before, or diverged. */
function limitsOf(
  rows: readonly CardRow[],
  records: readonly EvaluationRecord[],
  { metrics }: Results,
): CardFact[] {
  return unique(rows.map(({ steps }) => steps)).flatMap((steps): CardFact[] => {
    const here = rows.filter((row) => row.steps === steps);
    const tasksWhere = (holds: (row: CardRow) => boolean) => here.filter(holds).map(({ task }) => task);
    const behind = tasksWhere(({ measure, quality, best }) =>
      measureOf(measure, metrics).better === "higher"
        ? isBelow(quality, best?.quality)
        : isBelow(best?.quality, quality),
    );
    const worse = tasksWhere(({ task, trainLoss }) =>
      rows.some((other) => other.task === task && other.steps < steps && isBelow(other.trainLoss, trainLoss)),
    );
    const own = records.filter((record) => record.steps === steps);
    const diverged = own.reduce((sum, { summary }) => sum + summary.diverged, 0);
    const runs = own.reduce((sum, { summary }) => sum + summary.seeds, 0);
    return [
      ...(behind.length > 0 ? [{ fact: "behind", steps, tasks: behind } as const] : []),
      ...(worse.length > 0 ? [{ fact: "worse later", steps, tasks: worse } as const] : []),
      ...(diverged > 0 ? [{ fact: "runs diverged", steps, runs: diverged, of: runs } as const] : []),
    ];
  });
}

/** Whether the intervals lie apart; without intervals nothing does. */
function isBelow(one: Estimate | undefined, other: Estimate | undefined): boolean {
  return typeof one?.high === "number" && typeof other?.low === "number" && one.high < other.low;
}
