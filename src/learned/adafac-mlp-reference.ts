import {
  normalized,
  perceptron,
  type ReferenceStep,
  type ReferenceTensor,
  referenceAccumulators,
  rsqrt,
  type Theta,
  timeEmbedding,
  times,
} from "./tensor-reference.ts";

/** Decays are learned as δ: β = 1 − (1−β₀)·e^{10δ}. */
function learnedDecays(initial: readonly number[], offsets: ArrayLike<number>): number[] {
  return initial.map((decay, i) => 1 - (1 - decay) * Math.exp(10 * offsets[i]!));
}

/** `adafac-mlp` in float64, one tensor. */
export function adafacMlpReference(theta: Theta, { shape }: ReferenceTensor): ReferenceStep {
  const accumulators = referenceAccumulators(shape, {
    momenta: learnedDecays([0.9, 0.99, 0.999], theta["decays.momentum"]!),
    second: learnedDecays([0.999], theta["decays.second"]!)[0]!,
    factored: learnedDecays([0.9, 0.99, 0.999], theta["decays.factored"]!),
  });
  return (params, gradient, step) => {
    accumulators.update(gradient);
    const { momenta, second: r, vector } = accumulators;
    const factors = accumulators.factors();
    const q = r.map((x) => rsqrt(x + 1e-6));
    const columns = [
      ...[gradient, params, ...momenta, r, ...momenta.map((m) => times(m, q)), q],
      ...factors.map(({ factor }) => times(gradient, factor)),
      ...factors.map(({ row }) => row),
      ...factors.map(({ col }) => col),
      ...factors.map(({ row }) => row.map((x) => rsqrt(x + 1e-8))),
      ...factors.map(({ col }) => col.map((x) => rsqrt(x + 1e-8))),
      ...factors.map(({ row, factor }, k) =>
        times(momenta[k]!, vector ? row.map((v) => rsqrt(v + 1e-6)) : factor),
      ),
    ].map((x) => normalized(x, x.length, 1e-5));
    const outputs = perceptron(theta, columns, timeEmbedding(step));
    return params.map((p, i) => p - outputs[i]![0]! * Math.exp(0.001 * outputs[i]![1]!) * 0.001);
  };
}
