import {
  normalized,
  perceptron,
  type ReferenceStep,
  type ReferenceTensor,
  referenceAccumulators,
  type Theta,
  timeEmbedding,
} from "./tensor-reference.ts";

/** `mlp` in float64, one tensor. */
export function mlpReference(theta: Theta, { shape }: ReferenceTensor): ReferenceStep {
  const accumulators = referenceAccumulators(shape, { momenta: [0.1, 0.5, 0.9, 0.99, 0.999, 0.9999] });
  return (params, gradient, step) => {
    accumulators.update(gradient);
    const columns = [gradient, params, ...accumulators.momenta].map((x) => normalized(x, x.length, 1e-5));
    const outputs = perceptron(theta, columns, timeEmbedding(step));
    return params.map((p, i) => p - outputs[i]![0]! * Math.exp(0.001 * outputs[i]![1]!) * 0.001);
  };
}
