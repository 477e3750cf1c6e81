import { layoutOf, type Vector } from "../kernels/types.ts";
import { foldIn, type Key, key, normal } from "../random/key.ts";
import { countGradients } from "../regularizers/count.ts";
import type { Regularizer } from "../regularizers/types.ts";
import { completeObjective } from "../tasks/complete.ts";
import type { Objective } from "../tasks/types.ts";
import { allFinite as allEntriesFinite, type Expect, expectOf, sameBits, sameLayout } from "./promises.ts";

/**
 * Checks what every regularizer promises, in float32 and float64: the layout is kept; `params` and
 * `known.gradient` are left bit-identical; the same call gives the same bits, also after calls at other points
 * and in the other precision; knowing the plain gradient changes no bit; the loss alone has the bits of the loss with its
 * gradient; neither costs more than the regularizer says; a point where the gradient vanishes gives finite numbers; a
 * NaN is not hidden.
 *
 * @throws LowlandError `E_CONFIG` that names the promise that was broken
 * @example
 * checkRegularizer(defineRegularizer("mine", mine));
 */
export function checkRegularizer(regularizer: Regularizer): void {
  const objective = quartic();
  const regularized = regularizer.apply(objective);
  const expect = expectOf(`regularizer ${regularizer.name}`);
  expect(sameLayout(regularized.layout, objective.layout), "changes the layout; hand on objective.layout");

  for (const kind of [Float32Array, Float64Array]) {
    const vector = (): Vector => new kind(objective.layout.size);
    const at = (regularizedAt: Objective, params: Vector, batch: Key): Outcome => {
      const gradient = vector().fill(NaN);
      return { loss: regularizedAt.lossAndGradient(params, batch, gradient), gradient };
    };
    for (let draw = 0; draw < 4; draw++) {
      const batch = key(draw);
      const params = vector();
      normal(foldIn(batch, 1), params);
      const before = params.slice();

      const first = at(regularized, params, batch);
      expect(sameBits(params, before), "changes params; perturb a copy");
      expect(allFinite(first), "gives numbers that are not finite, or leaves entries of gradient unwritten");

      const plain = at(objective, params, batch);
      const handedOver = { loss: plain.loss, gradient: plain.gradient.slice() };
      const gradient = vector().fill(NaN);
      const loss = regularized.lossAndGradient(params, batch, gradient, handedOver);
      expect(same({ loss, gradient }, first), "gives other bits when the plain gradient is known");
      expect(
        Object.is(regularized.loss(params, batch), first.loss),
        "has a loss of other bits than its value",
      );
      expect(sameBits(params, before), "changes params in loss; perturb a copy");
      expect(
        Object.is(regularized.loss(params, batch, handedOver), first.loss),
        "has a loss of other bits when the plain gradient is known",
      );
      expect(sameBits(handedOver.gradient, plain.gradient), "changes known.gradient; copy it first");

      expect(same(at(regularized, params, batch), first), "gives other bits for the same call");
      const anew = at(regularizer.apply(quartic()), params, batch);
      expect(same(anew, first), "keeps something from earlier calls that changes the result");
    }

    checkCost(expect, regularizer, vector().fill(1));
    const zero = vector();
    expect(
      Object.is(regularized.loss(zero, key(0)), at(regularized, zero, key(0)).loss),
      "has a loss of other bits than its value where the gradient is zero",
    );
    expect(
      allFinite(at(regularized, vector(), key(0))),
      "is not finite where the gradient is zero; use e = 0",
    );

    const broken = vector().fill(1);
    broken[0] = NaN;
    expect(!allFinite(at(regularized, broken, key(0))), "hides a NaN; let it through");
  }
}

/** Compares what was asked of the plain objective with what the regularizer says it asks. */
function checkCost(expect: Expect, { apply, cost }: Regularizer, params: Vector): void {
  const calls = [
    ["lossAndGradient", (of: Objective) => of.lossAndGradient(params, key(0), params.slice())],
    ["loss", (of: Objective) => of.loss(params, key(0))],
  ] as const;
  for (const [what, call] of calls) {
    const counted = countGradients(quartic());
    call(apply(counted));
    const { gradients, losses } = cost[what];
    const spent = counted.gradients + counted.losses;
    expect(
      counted.gradients <= gradients && spent <= gradients + losses,
      `takes ${counted.gradients} gradients and ${counted.losses} losses for one ${what}, but says ${gradients} and ${losses}`,
    );
  }
}

interface Outcome {
  readonly loss: number;
  readonly gradient: Vector;
}

/** ½Σ a_i w_i² + ¼Σ w_i⁴ with curvatures a that depend on the batch; its gradient vanishes at w = 0. */
function quartic(): Objective {
  const layout = layoutOf([
    { name: "w", shape: [3, 2] },
    { name: "b", shape: [2], kind: "bias" },
  ]);
  const curvature = new Float64Array(layout.size);
  return completeObjective({
    layout,
    lossAndGradient(params, batch, gradient) {
      normal(batch, curvature);
      let loss = 0;
      for (let i = 0; i < layout.size; i++) {
        const w = params[i]!;
        const a = 1 + curvature[i]! * curvature[i]!;
        loss += 0.5 * a * w * w + 0.25 * w * w * w * w;
        gradient[i] = a * w + w * w * w;
      }
      return loss;
    },
  });
}

function allFinite({ loss, gradient }: Outcome): boolean {
  return Number.isFinite(loss) && allEntriesFinite(gradient);
}

function same(a: Outcome, b: Outcome): boolean {
  return Object.is(a.loss, b.loss) && sameBits(a.gradient, b.gradient);
}
