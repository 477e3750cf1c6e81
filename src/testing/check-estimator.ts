import { dot, norm } from "../kernels/vector.ts";
import { lstm } from "../learned/lstm.ts";
import type { LearnedOptimizer } from "../learned/types.ts";
import type { Instance, WindowResult } from "../meta/instance.ts";
import type { WindowRunner, WindowSettings } from "../meta/window.ts";
import { foldIn, key, normal } from "../random/key.ts";
import { noRegularizer } from "../regularizers/registry.ts";
import { defineTask } from "../tasks/define.ts";
import type { Task } from "../tasks/types.ts";
import { allFinite, expectOf, sameBits } from "./promises.ts";

const SIZE = 21;
const TRUNCATION = 4;

/**
 * Checks what every meta-gradient estimator promises: a window is a pure function of (φ, instance), whatever ran
 * before, and of plain data, so that any thread or a resumed run gives the same bits; instance and φ are left alone;
 * the curves have a point before the first step and one after each; the expected meta-gradient is the derivative of
 * the meta-loss; a loss that is not finite is reported as divergence.
 *
 * @param open the estimator: `openWindowRunner`
 * @param options `learned`: what to meta-train, default a small LSTM; `samples`: windows the meta-gradient is
 * averaged over, for estimators that draw, default 1; `tolerance`: allowed error of that mean, relative to its
 * length, default 0.005
 * @throws LowlandError `E_CONFIG` that names the promise that was broken
 * @example
 * checkEstimator(openWindowRunner);
 */
export function checkEstimator(
  open: (settings: WindowSettings) => WindowRunner,
  options: {
    readonly learned?: LearnedOptimizer;
    readonly samples?: number;
    readonly tolerance?: number;
  } = {},
): void {
  const { learned = lstm({ hidden: 4 }), samples = 1, tolerance = 5e-3 } = options;
  const expect = expectOf("estimator");
  const settings = (task: Task): WindowSettings => ({
    tasks: [task],
    learned,
    regularizer: noRegularizer.apply,
    truncation: TRUNCATION,
    metaLossBatch: "same",
  });
  const metaParams = new Float32Array(learned.layout.size);
  learned.init(key(1), metaParams);
  const untouched = metaParams.slice();
  const start: Instance = { task: 0, key: key(2), step: 0 };

  const runner = open(settings(slope()));
  const first = runner.window(metaParams, start);
  expect(sameBits(metaParams, untouched), "changes the meta-parameters");
  expect(start.step === 0 && start.params === undefined, "changes the instance; return a new one");
  expect(first.instance.step === TRUNCATION, "does not advance the instance by the truncation");
  expect(
    first.losses.length === TRUNCATION + 1 && first.metaLosses.length === TRUNCATION + 1,
    "does not report a loss before the first step and one after each",
  );
  expect(
    !first.diverged && allFinite(first.metaGradient) && allFinite(first.losses),
    "is not finite on a linear objective",
  );
  expect(norm(first.metaGradient) > 0, "has a meta-gradient of zero");

  const second = runner.window(metaParams, first.instance);
  const other = runner.window(metaParams, { task: 0, key: key(3), step: 0 });
  expect(!sameBits(other.losses, first.losses), "gives different instances the same window");
  expect(same(runner.window(metaParams, start), first), "keeps something from earlier windows");
  const copied = structuredClone(first.instance);
  expect(same(runner.window(metaParams, copied), second), "does not go on from a copy of the instance");
  expect(
    same(open(settings(slope())).window(metaParams, copied), second),
    "does not go on in another runner",
  );

  // Input gradients do not depend on w here, so holding them constant loses nothing and differences are exact.
  const mean = new Float64Array(metaParams.length);
  for (let i = 0; i < samples; i++) {
    const { metaGradient } = runner.window(metaParams, start);
    for (let j = 0; j < mean.length; j++) mean[j]! += metaGradient[j]! / samples;
  }
  for (let i = 0; i < 3; i++) {
    const direction = i === 0 ? mean.slice() : new Float64Array(mean.length);
    if (i > 0) normal(foldIn(key(9), i), direction);
    const length = norm(direction);
    const h = 1e-2;
    const at = (step: number): number => {
      const phi = metaParams.map((entry, j) => entry + (step * direction[j]!) / length);
      return runner.window(phi, start).metaLosses.reduce((sum, loss) => sum + loss, 0);
    };
    const rise = (at(h) - at(-h)) / (2 * h);
    const expected = dot(mean, direction) / length;
    expect(
      Math.abs(rise - expected) <= tolerance * norm(mean),
      `has a meta-gradient of ${expected} along a direction in which the meta-loss rises by ${rise}`,
    );
  }

  const broken = open(settings(slope(NaN)));
  expect(broken.window(metaParams, start).diverged, "does not report a loss that is not finite");

  const validate = (): string =>
    JSON.stringify(runner.validate(metaParams, { task: 0, key: key(4), steps: 3 }));
  const validation = validate();
  runner.window(metaParams, start);
  expect(validate() === validation, "validates to other numbers for the same call");
}

/** L = a(batch)·w + offset. */
function slope(offset = 0): Task {
  const a = new Float64Array(SIZE);
  return defineTask({
    name: "slope",
    layout: SIZE,
    lossAndGradient(params, batch, gradient) {
      normal(batch, a);
      gradient.set(a);
      return dot(a, params) + offset;
    },
  });
}

function same(a: WindowResult, b: WindowResult): boolean {
  return (
    sameBits(a.metaGradient, b.metaGradient) &&
    sameBits(a.losses, b.losses) &&
    sameBits(a.metaLosses, b.metaLosses) &&
    sameBits(a.instance.params!, b.instance.params!) &&
    a.instance.step === b.instance.step
  );
}
