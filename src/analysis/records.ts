import { groupBy } from "../evaluation/group.ts";
import type { EvaluatedMethod, JobResult } from "../evaluation/jobs.ts";
import type {
  AtLossRecord,
  AtLossSeed,
  EvaluationRecord,
  EvaluationSeed,
  MetricRecord,
  Results,
  SharpnessRecord,
  SharpnessSeed,
} from "../evaluation/results.ts";
import type { PointSharpness } from "../sharpness/point.ts";
import { summarizeAtLoss, summarizeEvaluation, summarizeSharpness } from "./summaries.ts";

/** What a grid of runs says, by optimizer. */
export type Records = Pick<Results, "evaluations" | "sharpness" | "sharpnessAtLoss" | "metrics">;

/** What the tasks of a grid say of their metrics, each once. */
function metricsOf(results: readonly JobResult[]): MetricRecord[] {
  const metrics = new Map(results.flatMap(({ metrics }) => metrics.map((metric) => [metric.name, metric])));
  return [...metrics.values()];
}

/** Groups the results of a grid into records over seeds, in the order of tasks, methods and steps. */
export function recordsOf(results: readonly JobResult[], methods: readonly EvaluatedMethod[]): Records {
  const methodOf = new Map(methods.map(({ method, spec }) => [spec, method]));
  const metrics = metricsOf(results);
  const groups = groupBy(results, ({ job }) => JSON.stringify([job.task, job.spec, job.steps]));
  const evaluations: EvaluationRecord[] = [];
  const sharpness: SharpnessRecord[] = [];
  const sharpnessAtLoss: AtLossRecord[] = [];
  for (const group of groups.values()) {
    const { job, group: kind } = group[0]!;
    const { task, spec } = job;
    const method = methodOf.get(spec) ?? { optimizer: spec, regularizer: "none" };
    const gradients = group.reduce((sum, { training }) => sum + training.gradientEvaluations, 0);
    const taken = group.reduce((sum, { training }) => sum + training.steps, 0);
    const seconds = group.reduce((sum, { training }) => sum + training.seconds, 0);
    for (const steps of job.steps) {
      const seeds = group.map((result) => evaluationSeed(result, steps));
      evaluations.push({
        task,
        method,
        spec,
        group: kind,
        gradientsPerStep: gradients / Math.max(1, taken),
        secondsPerStep: seconds / Math.max(1, taken),
        steps,
        seeds,
        summary: summarizeEvaluation(seeds, metrics),
      });
      if (!job.sharpness?.steps.includes(steps)) continue;
      const measured = group.map((result) => sharpnessSeed(result, steps));
      sharpness.push({ task, method, steps, seeds: measured, summary: summarizeSharpness(measured) });
    }
    const { losses, every } = job.sharpness?.atLoss ?? { losses: [], every: 1 };
    for (const below of losses) {
      const seeds = group.map((result) => atLossSeed(result, below));
      sharpnessAtLoss.push({
        task,
        method,
        below,
        every,
        maxSteps: Math.max(...job.steps),
        seeds,
        summary: summarizeAtLoss(seeds),
      });
    }
  }
  return { evaluations, sharpness, metrics, ...(sharpnessAtLoss.length > 0 && { sharpnessAtLoss }) };
}

function evaluationSeed({ job, training }: JobResult, steps: number): EvaluationSeed {
  const reached = training.milestones.find(({ step }) => step === steps);
  const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
  const curve = training.curve.filter(({ step }) => step <= steps);
  if (reached === undefined) {
    return { seed: job.seed, trainLoss: null, testLoss: null, metrics: {}, curve, diverged: true };
  }
  return {
    seed: job.seed,
    trainLoss: finite(reached.trainLoss),
    testLoss: finite(reached.testLoss),
    metrics: reached.metrics,
    curve,
    ...(!Number.isFinite(reached.trainLoss) && { diverged: true }),
  };
}

function sharpnessSeed({ job, sharpness }: JobResult, steps: number): SharpnessSeed {
  const measured = sharpness.find(({ step }) => step === steps);
  if (measured === undefined) {
    return { seed: job.seed, loss: null, gradientNorm: null, topEigenvalue: null, radii: [], diverged: true };
  }
  return pointSeed(job.seed, measured);
}

function atLossSeed({ job, training, atLoss }: JobResult, below: number): AtLossSeed {
  const measured = atLoss?.find((point) => point.below === below);
  if (measured !== undefined) return { ...pointSeed(job.seed, measured), step: measured.step };
  const nothing = { loss: null, gradientNorm: null, topEigenvalue: null, radii: [] };
  const diverged = training.divergedAt !== undefined;
  return { seed: job.seed, step: null, ...nothing, ...(diverged && { diverged }) };
}

function pointSeed(seed: number, measured: PointSharpness): SharpnessSeed {
  const { loss, gradientNorm, topEigenvalue, radii, trace, eigenvalues, landscape } = measured;
  const { dimensions, coordinates, losses } = landscape ?? {};
  const iterated = { topEigenvalue, trace, eigenvalues };
  const unconverged = (Object.keys(iterated) as (keyof typeof iterated)[]).filter(
    (measure) => iterated[measure]?.converged === false,
  );
  return {
    seed,
    loss,
    gradientNorm,
    topEigenvalue: topEigenvalue.value,
    radii,
    ...(trace && { trace: trace.value, traceStandardError: trace.standardError }),
    ...(eigenvalues && {
      largestEigenvalues: eigenvalues.largest,
      smallestEigenvalues: eigenvalues.smallest,
    }),
    ...(dimensions && coordinates && losses && { landscape: { dimensions, coordinates, losses } }),
    ...(unconverged.length > 0 && { unconverged }),
  };
}
