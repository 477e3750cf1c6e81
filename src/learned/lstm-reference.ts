// The LSTM optimizer coordinate by coordinate in float64, forward only, as plainly as the definition reads. The
// tests hold the kernels' updates against it, and the kernels' meta-gradients against finite differences of it.
import { lstmLayout } from "./lstm.ts";

/** State of one coordinate: h and c of both layers. */
export interface ReferenceState {
  readonly h: [Float64Array, Float64Array];
  readonly c: [Float64Array, Float64Array];
}

/** Zero state for `size` coordinates. */
export function referenceStates(size: number, hidden: number): ReferenceState[] {
  const zeros = () => new Float64Array(hidden);
  return Array.from({ length: size }, () => ({ h: [zeros(), zeros()], c: [zeros(), zeros()] }));
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** LogAndSign of one gradient entry. */
export function logAndSign(g: number, k: number): [number, number] {
  return Math.abs(g) >= Math.exp(-k) ? [Math.log(Math.abs(g)) / k, Math.sign(g)] : [-1, Math.exp(k) * g];
}

/** One step: the updates u for these gradients; `states` change in place. */
export function referenceStep(
  metaParams: ArrayLike<number>,
  gradient: ArrayLike<number>,
  states: readonly ReferenceState[],
  { hidden, k, scale }: { hidden: number; k: number; scale: number },
): Float64Array {
  const layout = lstmLayout(hidden);
  const phi = Float64Array.from(metaParams);
  const slot = (name: string): Float64Array => {
    const { offset, size } = layout.slots.find((entry) => entry.name === name)!;
    return phi.subarray(offset, offset + size);
  };
  const linear = slot("linear.w");
  return Float64Array.from(states, ({ h, c }, coordinate) => {
    let input: number[] = logAndSign(gradient[coordinate]!, k);
    for (const layer of [0, 1] as const) {
      const w = slot(`lstm.${layer}.w_gates`);
      const b = slot(`lstm.${layer}.b_gates`);
      const x = [...input, ...h[layer]];
      const z = Float64Array.from(b, (bias, gate) =>
        x.reduce((sum, value, row) => sum + value * w[row * 4 * hidden + gate]!, bias),
      );
      for (let u = 0; u < hidden; u++) {
        const [i, j, f, o] = [z[u]!, z[hidden + u]!, z[2 * hidden + u]!, z[3 * hidden + u]!];
        c[layer][u] = sigmoid(f + 1) * c[layer][u]! + sigmoid(i) * Math.tanh(j);
        h[layer][u] = sigmoid(o) * Math.tanh(c[layer][u]!);
      }
      input = [...h[layer]];
    }
    return scale * input.reduce((sum, value, u) => sum + value * linear[u]!, slot("linear.b")[0]!);
  });
}
