import { layoutOf, type Vector } from "../../kernels/types.ts";
import { foldIn, key as keyOf, normal } from "../../random/key.ts";
import { type NumberParameter, type SpecRegistry, specEntry } from "../../spec.ts";
import { defineTask } from "../define.ts";
import type { Metric } from "../types.ts";
import { distanceTo } from "./planted.ts";
import { DISTANCE, type Domain, SEED } from "./types.ts";

const whole = (byDefault: number, description: string): NumberParameter => ({
  default: byDefault,
  min: 1,
  max: 500,
  integer: true,
  description,
});

/** ‖UVᵀ − M‖/‖M‖. */
const ERROR: Metric = {
  name: "error",
  label: "relative error",
  better: "lower",
  compare: "ratio",
  format: "number",
};

/** Problems whose unknown is known up to a symmetry, and which have no bad minima. */
export const recovery: SpecRegistry<Domain> = {
  /**
   * ½‖UVᵀ − M‖²/(rows·columns), M of the rank sought, entries of variance 1; every minimum is global.
   *
   * @see Ge, Jin, Zheng, "No Spurious Local Minima in Nonconvex Low Rank Problems", 2017
   */
  "matrix-factorization": specEntry({
    description: "a matrix of low rank as a product of two",
    parameters: {
      rows: whole(20, "rows"),
      columns: whole(20, "columns"),
      rank: whole(3, "rank"),
      seed: SEED,
    },
    create:
      ({ rows, columns, rank, seed }): Domain =>
      (name) => {
        const [left, right] = [new Float64Array(rows * rank), new Float64Array(columns * rank)];
        normal(foldIn(keyOf(seed), 0), left, { stddev: rank ** -0.25 });
        normal(foldIn(keyOf(seed), 1), right, { stddev: rank ** -0.25 });
        const split = rows * rank;
        const [ones, target] = [rows * columns, new Float64Array(rows * columns)];
        multiply(left, right, target);
        const size = Math.sqrt(target.reduce((sum, entry) => sum + entry * entry, 0));
        /** UVᵀ of two vectors of parameters, U of one and V of the other. */
        function multiply(u: Vector, v: Vector, out: Float64Array): void {
          for (let i = 0; i < rows; i++) {
            for (let j = 0; j < columns; j++) {
              let sum = 0;
              for (let k = 0; k < rank; k++) sum += u[i * rank + k]! * v[j * rank + k]!;
              out[i * columns + j] = sum;
            }
          }
        }
        /** out += (E V, Eᵀ U)/count for U, V of `w`. */
        const transposed = (error: Float64Array, w: Vector, out: Float64Array): void => {
          for (let i = 0; i < rows; i++) {
            for (let j = 0; j < columns; j++) {
              const e = error[i * columns + j]! / ones;
              for (let k = 0; k < rank; k++) {
                out[i * rank + k]! += e * w[split + j * rank + k]!;
                out[split + j * rank + k]! += e * w[i * rank + k]!;
              }
            }
          }
        };
        const errorAt = (w: Vector): Float64Array => {
          const error = new Float64Array(ones);
          multiply(w, w.subarray(split), error);
          return error.map((entry, i) => entry - target[i]!);
        };
        const halfSquares = (error: Float64Array): number =>
          error.reduce((sum, entry) => sum + 0.5 * entry * entry, 0) / ones;
        return defineTask({
          name,
          layout: layoutOf([
            { name: "u", shape: [rows, rank] },
            { name: "v", shape: [columns, rank] },
          ]),
          metrics: [ERROR],
          init: (key, w) => normal(key, w, { stddev: 0.1 }),
          lossAndGradient(w, _batch, gradient) {
            const error = errorAt(w);
            const sums = new Float64Array(w.length);
            transposed(error, w, sums);
            gradient.set(sums);
            return halfSquares(error);
          },
          hessianVectorProduct(w, _batch, direction, product) {
            const [change, other] = [new Float64Array(ones), new Float64Array(ones)];
            multiply(direction, w.subarray(split), change);
            multiply(w, direction.subarray(split), other);
            const sums = new Float64Array(w.length);
            transposed(
              change.map((entry, i) => entry + other[i]!),
              w,
              sums,
            );
            transposed(errorAt(w), direction, sums);
            product.set(sums);
          },
          evaluate(w) {
            const loss = halfSquares(errorAt(w));
            return { loss, count: 1, metrics: { error: Math.sqrt(2 * ones * loss) / size } };
          },
        });
      },
  }),

  /**
   * Σ((aᵢᵀx)² − (aᵢᵀx*)²)²/(4m): a signal from magnitudes, known up to its sign. With m ≫ n log n no bad minima.
   *
   * @see Sun, Qu, Wright, "A Geometric Analysis of Phase Retrieval", 2018
   */
  "phase-retrieval": specEntry({
    description: "a signal from the sizes of its projections",
    parameters: { size: whole(20, "numbers"), measurements: whole(160, "projections"), seed: SEED },
    create:
      ({ size, measurements, seed }): Domain =>
      (name) => {
        const a = new Float64Array(measurements * size);
        normal(foldIn(keyOf(seed), 0), a);
        const signal = new Float64Array(size);
        normal(foldIn(keyOf(seed), 1), signal, { stddev: size ** -0.5 });
        const projection = (x: Vector, row: number): number => {
          let sum = 0;
          for (let j = 0; j < size; j++) sum += a[row * size + j]! * x[j]!;
          return sum;
        };
        const squares = Float64Array.from({ length: measurements }, (_, row) => projection(signal, row) ** 2);
        const value = (x: Vector, gradient: Vector): number => {
          const sums = new Float64Array(size);
          let loss = 0;
          for (let row = 0; row < measurements; row++) {
            const p = projection(x, row);
            const error = p * p - squares[row]!;
            loss += (0.25 * error * error) / measurements;
            for (let j = 0; j < size; j++) sums[j]! += (error * p * a[row * size + j]!) / measurements;
          }
          gradient.set(sums);
          return loss;
        };
        return defineTask({
          name,
          layout: size,
          metrics: [DISTANCE],
          init: (key, x) => normal(key, x, { stddev: size ** -0.5 }),
          lossAndGradient: (x, _batch, gradient) => value(x, gradient),
          hessianVectorProduct(x, _batch, v, product) {
            const sums = new Float64Array(size);
            for (let row = 0; row < measurements; row++) {
              const factor = (3 * projection(x, row) ** 2 - squares[row]!) * projection(v, row);
              for (let j = 0; j < size; j++) sums[j]! += (factor * a[row * size + j]!) / measurements;
            }
            product.set(sums);
          },
          evaluate: (x) => ({
            loss: value(x, x.slice()),
            count: 1,
            metrics: {
              distance: Math.min(
                distanceTo(signal, x),
                distanceTo(
                  signal.map((entry) => -entry),
                  x,
                ),
              ),
            },
          }),
        });
      },
  }),
};
