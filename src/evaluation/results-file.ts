import { z } from "zod";
import { LowlandError } from "../errors.ts";
import type { Results, Settings } from "./results.ts";

const measured = z.number().nullable();
const count = z.int().nonnegative();
const settings: z.ZodType<Settings> = z.record(z.string(), z.json());
const estimateSchema = z.looseObject({ mean: measured, sd: measured, low: measured, high: measured, count });
const located = { task: z.string(), optimizer: z.string(), steps: count };
const radiusOf = <T extends z.ZodType>(value: T) =>
  z.looseObject({
    radius: z.number().positive(),
    maxLoss: value,
    surrogateGap: value,
    oneStepGap: value,
    maxGradientNorm: value,
    curvatureGap: value,
  });

const sharpnessSeed = {
  seed: z.int(),
  loss: measured,
  gradientNorm: measured,
  topEigenvalue: measured,
  radii: z.array(radiusOf(measured)),
  trace: measured.exactOptional(),
  traceStandardError: measured.exactOptional(),
  largestEigenvalues: z.array(measured).exactOptional(),
  smallestEigenvalues: z.array(measured).exactOptional(),
  unconverged: z.array(z.enum(["topEigenvalue", "trace", "eigenvalues"])).exactOptional(),
  landscape: z
    .looseObject({
      dimensions: z.union([z.literal(1), z.literal(2)]),
      coordinates: z.array(z.number()).min(2),
      losses: z.array(measured),
    })
    .refine(({ dimensions, coordinates, losses }) => losses.length === coordinates.length ** dimensions, {
      message: "a landscape needs one loss for each point",
    })
    .exactOptional(),
  diverged: z.boolean().exactOptional(),
};
const sharpnessSummary = {
  seeds: count,
  diverged: count,
  loss: estimateSchema,
  gradientNorm: estimateSchema,
  topEigenvalue: estimateSchema,
  radii: z.array(radiusOf(estimateSchema)),
  trace: estimateSchema.exactOptional(),
  largestEigenvalues: z.array(estimateSchema).exactOptional(),
  smallestEigenvalues: z.array(estimateSchema).exactOptional(),
};

const schema: z.ZodType<Results> = z.looseObject({
  schemaVersion: z.literal(1),
  kind: z.enum(["reproduce-quick", "reproduce-paper", "evaluate", "sharpness"]),
  title: z.string(),
  command: z.string(),
  version: z.string(),
  kernelVariant: z.string(),
  node: z.string(),
  platform: z.string(),
  seed: z.int(),
  startedAt: z.string().exactOptional(),
  durationSeconds: z.number().nonnegative(),
  runSeconds: z.number().nonnegative().exactOptional(),
  settings,
  metaTraining: z.array(
    z.looseObject({
      name: z.string(),
      regularizer: z.string(),
      task: z.string(),
      metaSeed: count.exactOptional(),
      outerSteps: count,
      settings,
      metaLossCurve: z.array(z.looseObject({ outerStep: count, metaLoss: measured })),
      metaValidationCurve: z.array(
        z.looseObject({ outerStep: count, loss: measured, accuracy: measured.exactOptional() }),
      ),
      bestOuterStep: count,
      seconds: z.number().nonnegative(),
      innerStepsPerSecond: z.number().nonnegative(),
      gradientEvaluations: count,
    }),
  ),
  evaluations: z.array(
    z.looseObject({
      ...located,
      spec: z.string(),
      group: z.enum(["learned", "hand-designed"]),
      gradientsPerStep: z.number().nonnegative(),
      secondsPerStep: z.number().nonnegative().exactOptional(),
      seeds: z.array(
        z.looseObject({
          seed: z.int(),
          trainLoss: measured,
          testLoss: measured,
          testAccuracy: measured.exactOptional(),
          curve: z.array(
            z.looseObject({ step: count, loss: measured, validationAccuracy: measured.exactOptional() }),
          ),
          diverged: z.boolean().exactOptional(),
        }),
      ),
      summary: z.looseObject({
        seeds: count,
        diverged: count,
        trainLoss: estimateSchema,
        testLoss: estimateSchema,
        testAccuracy: estimateSchema.exactOptional(),
      }),
    }),
  ),
  sharpness: z.array(
    z.looseObject({
      ...located,
      seeds: z.array(z.looseObject(sharpnessSeed)),
      summary: z.looseObject(sharpnessSummary),
    }),
  ),
  sharpnessAtLoss: z
    .array(
      z.looseObject({
        task: z.string(),
        optimizer: z.string(),
        below: z.number(),
        every: count,
        maxSteps: count,
        seeds: z.array(z.looseObject({ ...sharpnessSeed, step: count.nullable() })),
        summary: z.looseObject({ ...sharpnessSummary, reached: count, step: estimateSchema }),
      }),
    )
    .exactOptional(),
  comparisons: z.array(
    z.looseObject({
      task: z.string(),
      steps: count,
      measure: z.string(),
      radius: z.number().exactOptional(),
      below: z.number().exactOptional(),
      candidate: z.string(),
      baseline: z.string(),
      scale: z.literal("share").exactOptional(),
      baselineMean: measured.exactOptional(),
      repetitions: count.exactOptional(),
      agreeing: count.exactOptional(),
      source: z.string().exactOptional(),
      regularizer: z.string().exactOptional(),
      pairs: count,
      meanDifference: measured,
      low: measured,
      high: measured,
      t: measured,
      p: measured,
      pHolm: measured,
      effectSize: measured,
    }),
  ),
  datasets: z
    .array(
      z.looseObject({
        name: z.string(),
        kind: z.enum(["files", "synthetic"]),
        checksums: z.enum(["official", "not official"]),
        trainingExamples: z.number().exactOptional(),
        note: z.string().exactOptional(),
      }),
    )
    .exactOptional(),
  search: z
    .array(
      z.looseObject({
        regularizer: z.string(),
        task: z.string(),
        candidates: z.array(
          z.looseObject({
            spec: z.string(),
            outerSteps: count,
            loss: measured,
            accuracy: measured.exactOptional(),
            bestOuterStep: count,
            gradientEvaluations: count,
          }),
        ),
        chosen: z.string(),
      }),
    )
    .exactOptional(),
  tuning: z
    .array(
      z.looseObject({
        task: z.string(),
        optimizer: z.string(),
        seeds: z.array(z.int()),
        candidates: z.array(
          z.looseObject({
            spec: z.string(),
            scores: z.array(
              z.looseObject({ steps: count, loss: measured, accuracy: measured.exactOptional() }),
            ),
            gradientEvaluations: count,
          }),
        ),
        chosen: z.array(z.looseObject({ steps: count, spec: z.string() })),
      }),
    )
    .exactOptional(),
  transfer: z
    .array(
      z.looseObject({
        source: z.string(),
        regularizer: z.string(),
        task: z.string(),
        steps: count,
        measure: z.string(),
        radius: z.number().positive().exactOptional(),
        value: estimateSchema,
        change: estimateSchema.exactOptional(),
      }),
    )
    .exactOptional(),
  estimates: z
    .array(z.looseObject({ stage: z.string(), work: z.string(), seconds: z.number().nonnegative() }))
    .exactOptional(),
});

/** The text of `results.json`: numbers that are not finite become null. */
export function formatResults(results: Results): string {
  // an experiment has thousands of runs: without indentation its file is half as large
  return `${JSON.stringify(results, null, results.kind === "reproduce-paper" ? 0 : 1)}\n`;
}

/**
 * Reads the text of a `results.json`.
 *
 * @param source where the text comes from, for messages
 * @throws E_DATA, one line: not JSON, not a results file of Lowland, of a later schema, or damaged (with the
 *   place of the first fault)
 */
export function parseResults(json: string, source: string): Results {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new LowlandError(
      "E_DATA",
      `${source} is not JSON (${describe(json)}); run the command that wrote it again`,
    );
  }
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version === undefined) {
    throw new LowlandError(
      "E_DATA",
      `${source} has no "schemaVersion", so it is not a results file; give the results.json of evaluate, sharpness or reproduce`,
    );
  }
  if (version !== 1) {
    throw new LowlandError(
      "E_DATA",
      `${source} has schemaVersion ${JSON.stringify(version)?.slice(0, 40)}, this version reads 1; use the version of Lowland that wrote it`,
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const place = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  throw new LowlandError(
    "E_DATA",
    `${source} is damaged at ${place.replace(/^\./, "") || "its top"}: ${message.replace(/\s+/g, " ")}; run the command that wrote it again`,
  );
}

function describe(text: string): string {
  return text.trim() === "" ? "it is empty" : `${text.length} characters, damaged or cut short`;
}
