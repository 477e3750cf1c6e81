import type { Vector } from "../../kernels/types.ts";
import { type Key, uniform } from "../../random/key.ts";
import { type SpecRegistry, specEntry } from "../../spec.ts";
import { defineTask } from "../define.ts";
import { distanceTo } from "./planted.ts";
import { DISTANCE, type Domain } from "./types.ts";

/** A function of n numbers with its first two derivatives, its minimum, and where one starts. */
interface TestFunction {
  /** Minimum, the same in every entry, with value 0. */
  readonly minimum: number;
  /** Starts are uniform in [−reach, reach]ⁿ around the origin. */
  readonly reach: number;
  value(x: Vector, gradient: Vector): number;
  /** H(x)v. */
  product(x: Vector, v: Vector, out: Vector): void;
}

/**
 * Rosenbrock's valley: Σ 100(x_{i+1} − x_i²)² + (1 − x_i)².
 *
 * @see Rosenbrock, "An automatic method for finding the greatest or least value of a function", 1960
 */
const rosenbrock: TestFunction = {
  minimum: 1,
  reach: 2,
  value(x, gradient) {
    let loss = 0;
    const slope = new Float64Array(x.length);
    for (let i = 0; i + 1 < x.length; i++) {
      const [a, b] = [x[i + 1]! - x[i]! * x[i]!, 1 - x[i]!];
      loss += 100 * a * a + b * b;
      slope[i]! += -400 * a * x[i]! - 2 * b;
      slope[i + 1]! += 200 * a;
    }
    gradient.set(slope);
    return loss;
  },
  product(x, v, out) {
    const sum = new Float64Array(x.length);
    for (let i = 0; i + 1 < x.length; i++) {
      const cross = -400 * x[i]!;
      sum[i]! += (1200 * x[i]! * x[i]! - 400 * x[i + 1]! + 2) * v[i]! + cross * v[i + 1]!;
      sum[i + 1]! += 200 * v[i + 1]! + cross * v[i]!;
    }
    out.set(sum);
  },
};

/**
 * Rastrigin's grid of minima: Σ x² + 10(1 − cos 2πx).
 *
 * @see Rastrigin, "Systems of extremal control", 1974
 */
const rastrigin: TestFunction = {
  minimum: 0,
  reach: 5.12,
  value(x, gradient) {
    let loss = 0;
    for (let i = 0; i < x.length; i++) {
      const w = x[i]!;
      loss += w * w + 10 * (1 - Math.cos(2 * Math.PI * w));
      gradient[i] = 2 * w + 20 * Math.PI * Math.sin(2 * Math.PI * w);
    }
    return loss;
  },
  product(x, v, out) {
    for (let i = 0; i < x.length; i++) {
      out[i] = (2 + 40 * Math.PI ** 2 * Math.cos(2 * Math.PI * x[i]!)) * v[i]!;
    }
  },
};

/**
 * Ackley's function: 20(1 − e^{−0.2r}) + e − e^{mean cos 2πx}, r the root mean square of x. Smoothed at its cusp: r is
 * √(mean x² + 10⁻⁶) − 10⁻³.
 *
 * @see Ackley, "A connectionist machine for genetic hillclimbing", 1987
 */
const ackley: TestFunction = {
  minimum: 0,
  reach: 5,
  value(x, gradient) {
    const n = x.length;
    const { root, near, waves } = ackleyParts(x);
    for (let i = 0; i < n; i++) {
      gradient[i] =
        (4 * near * x[i]!) / (n * root) + (2 * Math.PI * waves * Math.sin(2 * Math.PI * x[i]!)) / n;
    }
    return 20 * (1 - near) + Math.E - waves;
  },
  product(x, v, out) {
    const n = x.length;
    const { root, near, waves } = ackleyParts(x);
    const sine = (i: number): number => Math.sin(2 * Math.PI * x[i]!);
    let [along, across] = [0, 0];
    for (let i = 0; i < n; i++) {
      along += x[i]! * v[i]!;
      across += sine(i) * v[i]!;
    }
    // d(near/root)/dx along v
    const change = (-near * (0.2 / root + 1 / root ** 2) * along) / (n * root);
    for (let i = 0; i < n; i++) {
      out[i] =
        (4 / n) * ((near * v[i]!) / root + change * x[i]!) +
        ((4 * Math.PI ** 2 * waves) / n) * (Math.cos(2 * Math.PI * x[i]!) * v[i]! - (sine(i) * across) / n);
    }
  },
};

function ackleyParts(x: Vector): { root: number; near: number; waves: number } {
  let [squares, cosines] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    squares += x[i]! * x[i]!;
    cosines += Math.cos(2 * Math.PI * x[i]!);
  }
  const root = Math.sqrt(squares / x.length + 1e-6);
  return { root, near: Math.exp(-0.2 * (root - 1e-3)), waves: Math.exp(cosines / x.length) };
}

function entry(description: string, { minimum, reach, value, product }: TestFunction) {
  return specEntry({
    description,
    parameters: { size: { default: 10, min: 2, max: 1000, integer: true, description: "numbers" } },
    create:
      ({ size }): Domain =>
      (name) => {
        const optimum = new Float64Array(size).fill(minimum);
        return defineTask({
          name,
          layout: size,
          metrics: [DISTANCE],
          init: (key: Key, x: Vector) => uniform(key, x, { min: -reach, max: reach }),
          lossAndGradient: (x, _batch, gradient) => value(x, gradient),
          hessianVectorProduct: (x, _batch, v, out) => product(x, v, out),
          evaluate: (x) => ({
            loss: value(x, x.slice()),
            count: 1,
            // the origin has no length to be measured by: root mean square there
            metrics: { distance: minimum === 0 ? rootMeanSquare(x) : distanceTo(optimum, x) },
          }),
        });
      },
  });
}

function rootMeanSquare(x: Vector): number {
  return Math.sqrt(Array.from(x).reduce((sum, entry) => sum + entry * entry, 0) / x.length);
}

/** Non-convex functions in closed form. */
export const functions: SpecRegistry<Domain> = {
  rosenbrock: entry("a curved valley", rosenbrock),
  rastrigin: entry("a grid of minima in a bowl", rastrigin),
  ackley: entry("waves around a funnel", ackley),
};
