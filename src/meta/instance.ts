import type { Key } from "../random/key.ts";

/** An inner training run under way, as plain data: what a window takes and gives back. */
export interface Instance {
  /** Which of the run's tasks it trains. */
  readonly task: number;
  /** Draws its initial parameters and its minibatches. */
  readonly key: Key;
  /** Inner steps done. */
  readonly step: number;
  /** Parameters and optimizer state after those steps; missing at step 0, where they follow from the key. */
  readonly params?: Float32Array;
  readonly optimizer?: Readonly<Record<string, Float32Array>>;
}

/** What one truncation window gives. */
export interface WindowResult {
  /** The instance after the window. */
  readonly instance: Instance;
  /** ∂(meta-loss of the window)/∂φ; meaningless if the window diverged. */
  readonly metaGradient: Float32Array;
  /** Plain minibatch losses at the points visited: before the first step and after every step. */
  readonly losses: Float64Array;
  /** Terms of the meta-loss at the same points. */
  readonly metaLosses: Float64Array;
  /** Whether a loss or the meta-gradient was not finite. */
  readonly diverged: boolean;
  /** Evaluations of the optimizee's gradient. */
  readonly gradientEvaluations: number;
}

/** Losses of one validation run. */
export interface ValidationResult {
  /** Mean training minibatch loss along the run. */
  readonly meanLoss: number;
  /** Loss and accuracy on the meta-validation split at the end. */
  readonly loss: number;
  readonly accuracy?: number;
}
