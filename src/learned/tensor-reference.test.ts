import { describe, expect, it } from "vitest";
import { celoTheta, golden, inputs, worstUpdate } from "../../test/learned/golden.ts";
import { adafacMlpReference } from "./adafac-mlp-reference.ts";
import { celoReference, celoScheduleReference } from "./celo-reference.ts";
import { celo2Reference } from "./celo2-reference.ts";
import { mlpReference } from "./mlp-reference.ts";
import type { ReferenceStep, ReferenceTensor, Theta } from "./tensor-reference.ts";

const { tensors, horizon, losses } = inputs;

type Make = (theta: Theta, tensor: ReferenceTensor) => ReferenceStep;

/** Runs the five steps of the goldens. */
function run(theta: Theta, make: Make): (readonly Float64Array[])[] {
  const steps = tensors.map((tensor) => make(theta, tensor));
  let params = inputs.params;
  return inputs.gradients.map((gradients, t) => {
    params = params.map((p, i) => steps[i]!(p, gradients[i]!, t));
    return params;
  });
}

const celo2 = (settings: { decay?: number; orthogonal?: boolean }): Make => {
  return (theta, tensor) =>
    celo2Reference(theta, tensor, { lr: 0.001, decay: 0, orthogonal: false, ...settings });
};

describe("float64 references", () => {
  it.each([
    ["mlp_lopt", mlpReference],
    ["adafac_mlp_lopt", adafacMlpReference],
    ["celo2_base", celo2({})],
    ["celo2_base_wd", celo2({ decay: 0.1 })],
    ["celo2", celo2({ orthogonal: true })],
  ] as const)(
    "%s: the updates of the authors' code in float64, and nearly those of the code as shipped",
    (name, make) => {
      const { theta, f64, f32 } = golden(name);
      const points = run(theta!, make);
      expect(worstUpdate(points, f64)).toBeLessThan(1e-6);
      // float32 arithmetic, 1 − 0.999 among it
      expect(worstUpdate(points, f32!)).toBeLessThan(2e-4);
    },
  );

  it("celo: the updates of a NumPy reference that reproduces the authors' numbers, with and without schedule", () => {
    const theta = celoTheta();
    expect(worstUpdate(run(theta, celoReference), golden("celo_phase1").f64)).toBeLessThan(1e-6);
    const schedule = celoScheduleReference(theta, horizon);
    const rates = losses.map((loss, step) => schedule(loss, step));
    const scheduled = run(theta, (phi, tensor) => celoReference(phi, tensor, (step) => rates[step]!));
    expect(worstUpdate(scheduled, golden("celo").f64)).toBeLessThan(1e-6);
  });
});
