import { LowlandError } from "../errors.ts";
import type { Ops } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { type Shape, sizeOf } from "./layers.ts";

/** What outputs are compared with: labels, one a row of outputs, or values, one an output. */
export type Targets = Uint8Array | Vector;

/** The sum of the losses of a minibatch, and how many rows a classifier got right (0 for other heads). */
export interface HeadResult {
  readonly loss: number;
  readonly correct: number;
}

/** A loss of the outputs of a network, with its first two derivatives. */
export interface Head {
  readonly name: string;
  /** Targets an example has. */
  targets(outputs: Shape): number;
  open(context: { readonly ops: Ops; readonly outputs: Shape }): OpenHead;
}

/** A head on the operations of one precision. */
export interface OpenHead {
  /**
   * Replaces the outputs y of `count` examples by scale·∂ℓ/∂y and returns Σ ℓ.
   *
   * @throws {LowlandError} E_DATA for targets that cannot be, before anything is written
   */
  loss(y: Vector, targets: Targets, count: number, scale: number): HeadResult;
  /** Replaces ẏ by scale·(∂²ℓ/∂y²)ẏ, where `dy` is what `loss` left. */
  tangent(dy: Vector, yDot: Vector, targets: Targets, count: number, scale: number): void;
}

/**
 * Softmax cross-entropy over the last extent of the outputs: ℓ = log Σ_c e^{y_c} − y_label, summed over rows.
 *
 * A row counts as correct where the largest output is the label's.
 */
export function softmaxCrossEntropy(): Head {
  return {
    name: "softmaxCrossEntropy",
    targets: (outputs) => sizeOf(outputs) / outputs.at(-1)!,
    open({ ops, outputs }) {
      const classes = outputs.at(-1)!;
      const rowsOf = sizeOf(outputs) / classes;
      return {
        loss(y, targets, count, scale) {
          const labels = checkedLabels(targets, count * rowsOf, classes);
          return ops.softmaxCrossEntropy(y, labels, count * rowsOf, classes, scale);
        },
        // dy = scale·(p − onehot), ∂²ℓ/∂y² = diag p − p pᵀ
        tangent(dy, yDot, targets, count, scale) {
          for (let row = 0; row < count * rowsOf; row++) {
            const first = row * classes;
            const probability = (c: number): number => dy[first + c]! / scale + (c === targets[row] ? 1 : 0);
            let mean = 0;
            for (let c = 0; c < classes; c++) mean += probability(c) * yDot[first + c]!;
            for (let c = 0; c < classes; c++) {
              yDot[first + c] = scale * probability(c) * (yDot[first + c]! - mean);
            }
          }
        },
      };
    },
  };
}

/** Half the squared distance of the outputs from values: ℓ = ½ Σ (y − t)². */
export function squaredError(): Head {
  return {
    name: "squaredError",
    targets: sizeOf,
    open({ outputs }) {
      const size = sizeOf(outputs);
      return {
        loss(y, targets, count, scale) {
          if (targets.length < count * size) {
            throw new LowlandError(
              "E_DATA",
              `${targets.length} values for ${count * size} outputs; give one for each`,
            );
          }
          let loss = 0;
          for (let i = 0; i < count * size; i++) {
            const error = y[i]! - targets[i]!;
            loss += 0.5 * error * error;
            y[i] = scale * error;
          }
          return { loss, correct: 0 };
        },
        tangent(_dy, yDot, _targets, count, scale) {
          for (let i = 0; i < count * size; i++) yDot[i] = scale * yDot[i]!;
        },
      };
    },
  };
}

/** Refuses labels that are missing or name no output: the loss would read and write beyond a row. */
function checkedLabels(targets: Targets, count: number, classes: number): Uint8Array {
  for (let i = 0; i < count; i++) {
    if (targets[i]! < classes) continue;
    throw new LowlandError(
      "E_DATA",
      `label ${i} of ${count} is ${targets[i]}, ${classes} outputs go from 0 to ${classes - 1}; correct the labels`,
    );
  }
  return targets as Uint8Array;
}
