import { LowlandError } from "../../errors.ts";
import { scale } from "../../kernels/vector.ts";
import { type NumberParameter, type Settings, settle } from "../../spec.ts";
import { around, type Combinator } from "./combinator.ts";

/** Settings of schedules that fall. */
export const fallParameters: Readonly<Record<"warmup" | "end" | "steps", NumberParameter>> = {
  warmup: {
    default: 0,
    min: 0,
    description:
      "first steps, in which the factor rises in equal parts to 1; below 1: a share of the training",
  },
  end: { default: 0, min: 0, description: "factor that it ends in" },
  steps: {
    default: 0,
    min: 0,
    integer: true,
    description: "steps after which it has ended; 0: those of the training",
  },
};
export const warmupParameters: Readonly<Record<"steps", NumberParameter>> = {
  steps: {
    default: 100,
    min: 0,
    integer: true,
    description: "first steps, in which the factor rises in equal parts to 1",
  },
};

export const scaleParameters: Readonly<Record<"by", NumberParameter>> = {
  by: { default: 1, exclusiveMin: 0, description: "the number" },
};

export type FallOptions = Partial<Settings<typeof fallParameters>>;

/**
 * Scales updates by a factor that rises over `warmup` steps and falls along half a cosine:
 * f(t) = (t + 1)/W for t < W, else e + (1 − e)·(1 + cos π(t − W)/(T − W))/2. (Loshchilov & Hutter, 2017.)
 *
 * @param options `warmup` W (below 1: a share of T), `end` e, `steps` T (0: the horizon that `init` is given)
 */
export function cosine(options: FallOptions = {}): Combinator {
  return falling("cosine", options, (share) => (1 + cosPi(share)) / 2);
}

/** The same along a straight line: f(t) = 1 − (1 − e)·(t − W)/(T − W) for t ≥ W. */
export function linear(options: FallOptions = {}): Combinator {
  return falling("linear", options, (share) => 1 - share);
}

/** Scales updates by a factor that rises to 1 and stays there: f(t) = min(1, (t + 1)/W), with `steps` W. */
export function warmup(options: Partial<Settings<typeof warmupParameters>> = {}): Combinator {
  const settings = settle("combinator warmup", warmupParameters, options);
  return scheduled("warmup", settings, (step) => Math.min(1, (step + 1) / settings.steps));
}

/** Scales updates by a number: the learning rate of an optimizer whose own is fixed, as a learned one's is by its file. */
export function scaleBy(options: Partial<Settings<typeof scaleParameters>> = {}): Combinator {
  const settings = settle("combinator scale", scaleParameters, options);
  return scheduled("scale", settings, () => settings.by);
}

/** A schedule by the shape of its fall, from 1 to 0 as the share of it that is done goes from 0 to 1. */
function falling(name: string, options: FallOptions, shape: (share: number) => number): Combinator {
  const settings = settle(`combinator ${name}`, fallParameters, options);
  const { warmup, end, steps } = settings;
  return scheduled(name, settings, (step, horizon) => {
    const total = steps || horizon!;
    const rise = warmup < 1 ? Math.round(warmup * total) : warmup;
    if (step < rise) return Math.min(1, (step + 1) / rise);
    const share = total > rise ? Math.min(1, (step - rise) / (total - rise)) : 1;
    return end + (1 - end) * shape(share);
  });
}

function scheduled(
  name: string,
  settings: Readonly<Record<string, number>>,
  factorAt: (step: number, horizon: number | undefined) => number,
): Combinator {
  const needsHorizon = settings.steps === 0 && "end" in settings;
  return (optimizer) =>
    around(optimizer, {
      name,
      settings,
      ...(needsHorizon && { reads: { horizon: true } }),
      check(_layout, { horizon }) {
        if (!needsHorizon || horizon !== undefined) return;
        throw new LowlandError(
          "E_CONFIG",
          `schedule ${name} falls over the length of the training, which is not known; give init a horizon, or write ${name}:steps=1000`,
        );
      },
      update(inner, gradient, state, context, update) {
        const factor = factorAt(state.step, state.horizon);
        inner.update(gradient, state, context, update);
        if (factor !== 1) scale(factor, update);
      },
    });
}

/** cos πx for x from 0 to 1 by its Taylor series, to 1e-16: the same bits in every engine, unlike Math.cos. */
export function cosPi(x: number): number {
  if (x > 0.5) return -cosPi(1 - x);
  const square = Math.PI * x * (Math.PI * x);
  let term = 1;
  let sum = 1;
  // (π/2)^24/24! < 1e-19
  for (let k = 2; k <= 22; k += 2) {
    term *= -square / (k * (k - 1));
    sum += term;
  }
  return sum;
}
