// The optimizers of two LSTM layers coordinate by coordinate in float64, forward only, as plainly as the definitions
// read. The tests hold the kernels' updates against them, and the kernels' meta-gradients against finite differences.
import { LEAST_MOMENT, LEAST_SQUARE, settled } from "../optimizers/reference.ts";
import { lstmLayout } from "./lstm.ts";
import { rnnpropLayout } from "./rnnprop.ts";

/** State of one coordinate: h and c of both layers; steps and moments, which RNNprop reads. */
export interface ReferenceState {
  step: number;
  readonly moments: [m: number, v: number];
  readonly h: [Float64Array, Float64Array];
  readonly c: [Float64Array, Float64Array];
}

/** Settings of `lstm`. */
export interface LstmReference {
  readonly hidden: number;
  readonly k: number;
  readonly scale: number;
}

/** Settings of `rnnprop`. */
export interface RnnpropReference {
  readonly hidden: number;
  readonly b1: number;
  readonly b2: number;
  readonly eps: number;
  readonly scale: number;
}

/** Zero state for `size` coordinates. */
export function referenceStates(size: number, hidden: number): ReferenceState[] {
  const zeros = () => new Float64Array(hidden);
  return Array.from({ length: size }, () => ({
    step: 0,
    moments: [0, 0],
    h: [zeros(), zeros()],
    c: [zeros(), zeros()],
  }));
}

/** LogAndSign of one gradient entry. */
export function logAndSign(g: number, k: number): [number, number] {
  return Math.abs(g) >= Math.exp(-k) ? [Math.log(Math.abs(g)) / k, Math.sign(g)] : [-1, Math.exp(k) * g];
}

/** (m̃, g̃) of one gradient entry; the moments change in place. */
export function relativeMoments(
  g: number,
  { step, moments }: ReferenceState,
  { b1, b2, eps }: RnnpropReference,
): [number, number] {
  moments[0] = settled(b1 * moments[0] + (1 - b1) * g, LEAST_MOMENT);
  moments[1] = settled(b2 * moments[1] + (1 - b2) * g * g, LEAST_SQUARE);
  const size = Math.sqrt(moments[1] / (1 - b2 ** step)) + eps;
  return [moments[0] / (1 - b1 ** step) / size, g / size];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** x·W + b, W of shape [x.length, b.length]. */
function dense(x: readonly number[], w: Float64Array, b: Float64Array): number[] {
  return Array.from(b, (bias, j) => x.reduce((sum, value, i) => sum + value * w[i * b.length + j]!, bias));
}

/** One step: the updates u for these gradients; `states` change in place. */
export function referenceStep(
  metaParams: ArrayLike<number>,
  gradient: ArrayLike<number>,
  states: readonly ReferenceState[],
  settings: LstmReference | RnnpropReference,
): Float64Array {
  const { hidden, scale } = settings;
  const layout = "k" in settings ? lstmLayout(hidden) : rnnpropLayout(hidden);
  const phi = Float64Array.from(metaParams);
  const slots = new Map(layout.slots.map((s) => [s.name, phi.subarray(s.offset, s.offset + s.size)]));
  const layer = (name: string, x: readonly number[]): number[] => {
    const [w, b] = name.startsWith("lstm") ? ["w_gates", "b_gates"] : ["w", "b"];
    return dense(x, slots.get(`${name}.${w}`)!, slots.get(`${name}.${b}`)!);
  };
  return Float64Array.from(states, (state, coordinate) => {
    state.step++;
    const g = gradient[coordinate]!;
    let x: number[] =
      "k" in settings
        ? logAndSign(g, settings.k)
        : layer("input", relativeMoments(g, state, settings)).map((e) => (e > 0 ? e : Math.expm1(e)));
    for (const index of [0, 1] as const) {
      const [h, c] = [state.h[index], state.c[index]];
      const z = layer(`lstm.${index}`, [...x, ...h]);
      for (let u = 0; u < hidden; u++) {
        const [i, j, f, o] = [z[u]!, z[hidden + u]!, z[2 * hidden + u]!, z[3 * hidden + u]!];
        c[u] = sigmoid(f + 1) * c[u]! + sigmoid(i) * Math.tanh(j);
        h[u] = sigmoid(o) * Math.tanh(c[u]!);
      }
      x = [...h];
    }
    const y = layer("linear", x)[0]!;
    return scale * ("k" in settings ? y : Math.tanh(y));
  });
}
