import {
  linear,
  normalized,
  perceptron,
  type ReferenceAccumulators,
  type ReferenceStep,
  type ReferenceTensor,
  referenceAccumulators,
  rsqrt,
  type Theta,
  times,
} from "./tensor-reference.ts";

/** Blocks of inputs of Celo and Celo2, before normalization; `vectors` adds the factored ones for tensors of rank 1. */
export function celoColumns(
  params: Float64Array,
  clipped: Float64Array,
  accumulators: ReferenceAccumulators,
  { eps, vectors }: { readonly eps: number; readonly vectors: boolean },
): Float64Array[] {
  const { momenta, second: r, vector } = accumulators;
  const factors = accumulators.factors();
  const q = r.map((x) => rsqrt(x + eps));
  const columns = [
    ...[clipped, clipped.map((x) => Math.min(0.1, Math.max(-0.1, x))), params, ...momenta, r],
    ...momenta.map((m) => times(m, q)),
    q,
    ...factors.map(({ factor }) => times(clipped, factor)),
    times(clipped, q),
  ];
  if (vector && !vectors) return columns;
  return [
    ...columns,
    ...factors.map(({ row }) => row),
    ...factors.map(({ col }) => col),
    ...factors.map(({ row }) => row.map((x) => rsqrt(x + 1e-8))),
    ...factors.map(({ col }) => col.map((x) => rsqrt(x + 1e-8))),
    ...factors.map(({ row, factor }, k) => times(momenta[k]!, vector ? row.map(rsqrt) : factor)),
  ];
}

/** Entries of a gradient, at most 1000 in size. */
export function clip1000(gradient: Float64Array): Float64Array {
  return gradient.map((x) => Math.min(1000, Math.max(-1000, x)));
}

/** Celo's update rule in float64, one tensor; `rate` is the schedule's factor of the step. */
export function celoReference(
  theta: Theta,
  { shape }: ReferenceTensor,
  rate: (step: number) => number = () => 1,
): ReferenceStep {
  const accumulators = referenceAccumulators(shape, {
    ...{ momenta: [0.9, 0.99, 0.999], second: 0.999, factored: [0.9, 0.99, 0.999] },
  });
  return (params, gradient, step) => {
    const clipped = clip1000(gradient);
    accumulators.update(clipped);
    const columns = celoColumns(params, clipped, accumulators, { eps: 1e-6, vectors: true });
    const outputs = perceptron(
      theta,
      columns.map((x) => normalized(x, x.length, 1e-5)),
    );
    const size = Math.sqrt(params.reduce((sum, p) => sum + p * p, 0) / params.length + 1e-9);
    const factor = rate(step) * size * 0.001;
    return params.map((p, i) => p - outputs[i]![0]! * Math.exp(0.001 * outputs[i]![1]!) * factor);
  };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Celo's schedule in float64: losses, before each step, to the factor of that step. */
export function celoScheduleReference(theta: Theta, horizon: number): (loss: number, step: number) => number {
  const scales = Array.from({ length: 10 }, (_, i) => 10 ** (1 + (i * (Math.log10(horizon) - 1)) / 9));
  const decays = scales.map((scale) => Math.exp(-1 / scale));
  let means = decays.map(() => 0);
  let minima = decays.map(() => 999999999999);
  let h = Array.from(theta["schedule.hidden"]!);
  let c = Array.from(theta["schedule.cell"]!);
  const layer = (name: string, x: readonly number[]): number[] =>
    linear(x, theta[`schedule.${name}.w`]!, theta[`schedule.${name}.b`]!);
  return (loss, step) => {
    const corrected = (): number[] => means.map((mean, i) => mean / (1 - decays[i]! ** (step + 1)));
    const top = step === 0 ? loss : Math.max(...corrected());
    const seen = Math.min(2 * Math.abs(top), loss);
    means = means.map((mean, i) => mean * decays[i]! + seen * (1 - decays[i]!));
    const now = corrected();
    minima = minima.map((least, i) => Math.min(least, now[i]!));
    const losses = now.slice(0, 9).map((mean, i) => {
      if (step < 2) return 0;
      const range = Math.max(1e-8, now[i + 1]! - minima[i]!);
      return Math.min(1, Math.max(-1, (mean - minima[i]!) / range - 1));
    });
    const fractions = [0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1, 1.1].map((at) =>
      Math.tanh(10 * (step / horizon - at)),
    );
    const inputs = [...fractions, ...losses];
    const relu = layer("relu", inputs);
    const x = layer("skip", inputs).map((value, i) => value + Math.max(0, relu[i]!));
    const gates = layer("lstm", [...x, ...h]);
    const gate = (number: number, unit: number): number => gates[64 * number + unit]!;
    c = c.map((cell, u) => sigmoid(gate(2, u) + 1) * cell + sigmoid(gate(0, u)) * Math.tanh(gate(1, u)));
    h = c.map((cell, u) => sigmoid(gate(3, u)) * Math.tanh(cell));
    return 0.1 * Math.exp(layer("rate", h)[0]!);
  };
}
