import { LowlandError } from "../errors.ts";
import { CHECKPOINT_FORMATS } from "../learned/weights.ts";
import { decodeSafetensors } from "../runs/safetensors.ts";
import { parseSpec } from "../spec.ts";

/** How far a run had come at a checkpoint. */
export interface Progress {
  readonly outerStep: number;
  readonly bestOuterStep: number;
  /** Its meta-validation loss, if there was one. */
  readonly bestLoss?: number;
  readonly innerSteps: number;
  readonly gradientEvaluations: number;
  /** Estimates thrown away because something in them was not finite. */
  readonly diverged: number;
  /** Whether the schedule has ended the run. */
  readonly stopped: boolean;
}

/**
 * Reads how far a run had come from a checkpoint of any version, without building what it trains.
 *
 * @throws {LowlandError} E_CHECKPOINT if it is damaged or no checkpoint
 */
export function progressOf(bytes: Uint8Array, source: string): Progress {
  return progressFrom(decodeSafetensors(bytes, { source }).metadata, source);
}

/** The same from a checkpoint's metadata. Throws E_CHECKPOINT if they are of something else. */
export function progressFrom(metadata: Readonly<Record<string, string>>, source: string): Progress {
  const { format, state = "{}", config = "{}" } = metadata;
  if (!(CHECKPOINT_FORMATS as readonly (string | undefined)[]).includes(format)) {
    throw new LowlandError(
      "E_CHECKPOINT",
      `${source} is no checkpoint of a meta-training run; give one written by lowland meta-train`,
    );
  }
  const saved = JSON.parse(state) as {
    outerStep: number;
    best?: { outerStep: number; loss: number };
    innerSteps?: number;
    gradientEvaluations: number;
    diverged?: number;
    stopped?: boolean;
  };
  return {
    outerStep: saved.outerStep,
    bestOuterStep: saved.best?.outerStep ?? saved.outerStep,
    ...(saved.best && { bestLoss: saved.best.loss }),
    innerSteps: saved.innerSteps ?? saved.outerStep * stepsOf(JSON.parse(config)),
    gradientEvaluations: saved.gradientEvaluations,
    diverged: saved.diverged ?? 0,
    stopped: saved.stopped ?? false,
  };
}

/** Inner steps of an outer step, for checkpoints of 0.1.0, which do not count them. */
function stepsOf(config: { truncation?: number; instances?: number; estimator?: string }): number {
  const truncation =
    config.truncation ?? Number(parseSpec(config.estimator ?? "bptt").settings.truncation ?? 20);
  return truncation * (config.instances ?? 1);
}
