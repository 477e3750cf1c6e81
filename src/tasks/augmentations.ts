import { LowlandError } from "../errors.ts";
import type { Layout } from "../kernels/types.ts";
import { foldIn, type Key, uniform } from "../random/key.ts";
import { type NumberParameter, type SettingValue, type SpecRegistry, specEntry } from "../spec.ts";
import type { Relabel } from "./examples.ts";
import { type Factors, reparametrized } from "./reparametrize.ts";
import type { Task } from "./types.ts";

/** What a task on images is built from. */
export interface Draft {
  /** Settings of its model. */
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly classes: number;
  readonly relabel?: Relabel;
}

/** Makes a family of a task: what is drawn anew for every sample. */
export interface Augmentation {
  readonly name: string;
  /** Changes what the task is built from; only tasks on images are built. */
  build?(key: Key, draft: Draft): Draft;
  /** Changes a built task, of any kind. */
  wrap?(key: Key, task: Task): Task;
}

const positive = (byDefault: number, description: string): NumberParameter => ({
  default: byDefault,
  exclusiveMin: 0,
  description,
});
const whole = (byDefault: number, description: string): NumberParameter => ({
  default: byDefault,
  min: 1,
  integer: true,
  description,
});
const share = (byDefault: number, description: string): NumberParameter => ({
  default: byDefault,
  min: 0,
  max: 1,
  description,
});

/** How many factors `reparam` draws. */
const SCOPES = ["one", "tensor", "parameter"];

/** Everything that can follow a task's name behind a +. */
export const augmentations: SpecRegistry<Augmentation> = {
  reparam: specEntry({
    description: "other coordinates w = s·v, s log-uniform: the function is the same, its dynamics are not",
    parameters: {
      low: positive(0.001, "smallest factor"),
      high: positive(1000, "largest factor"),
      scope: { default: "one", choices: SCOPES, description: "one factor for all, a tensor or a parameter" },
    },
    create: ({ low, high, scope }) => ({
      name: "reparam",
      wrap(key, task) {
        return reparametrized(task, drawFactors(key, task.layout, { low, high, scope }));
      },
      ...ordered("reparam", low, high),
    }),
  }),
  "batch-size": specEntry({
    description: "minibatches of a size that is drawn log-uniformly",
    parameters: { low: whole(16, "smallest size"), high: whole(256, "largest size") },
    create: ({ low, high }) => ({
      name: "batch-size",
      build: (key, draft) => ({
        ...draft,
        settings: { ...draft.settings, batch: logUniformInteger(key, low, high) },
      }),
      ...ordered("batch-size", low, high),
    }),
  }),
  "network-size": specEntry({
    description: "a network whose width (hidden units, filters) is drawn log-uniformly",
    parameters: { low: whole(16, "smallest width"), high: whole(64, "largest width") },
    create: ({ low, high }) => ({
      name: "network-size",
      build(key, draft) {
        const width = ["hidden", "width"].find((name) => name in draft.settings);
        if (width === undefined) {
          throw new LowlandError(
            "E_CONFIG",
            "network-size needs a model with a width; use mlp, mlp-relu, mlp-residual or cnn4-bn",
          );
        }
        return { ...draft, settings: { ...draft.settings, [width]: logUniformInteger(key, low, high) } };
      },
      ...ordered("network-size", low, high),
    }),
  }),
  "label-noise": specEntry({
    description: "a share of the training labels, drawn uniformly, is replaced by labels drawn uniformly",
    parameters: { low: share(0, "smallest share"), high: share(0.5, "largest share") },
    create: ({ low, high }) => ({
      name: "label-noise",
      build(key, draft) {
        const noisy = low + (high - low) * fraction(foldIn(key, 0));
        const labels = foldIn(key, 1);
        const relabel: Relabel = (example, label) => {
          const { hi, lo } = foldIn(labels, example);
          return hi < noisy * 2 ** 32 ? Math.floor((lo / 2 ** 32) * draft.classes) : label;
        };
        return { ...draft, relabel };
      },
      ...ordered("label-noise", low, high),
    }),
  }),
  "initial-scale": specEntry({
    description: "initial parameters times a factor that is drawn log-uniformly",
    parameters: { low: positive(0.3, "smallest factor"), high: positive(3, "largest factor") },
    create: ({ low, high }) => ({
      name: "initial-scale",
      wrap(key, task) {
        const factor = logUniform(key, low, high);
        return {
          ...task,
          init(initKey, params) {
            task.init(initKey, params);
            for (let i = 0; i < params.length; i++) params[i] = factor * params[i]!;
          },
        };
      },
      ...ordered("initial-scale", low, high),
    }),
  }),
};

/** Nothing, where a range is one. */
function ordered(name: string, low: number, high: number): Record<string, never> {
  if (low <= high) return {};
  throw new LowlandError("E_CONFIG", `${name} has low=${low} above high=${high}; exchange them`);
}

/** A number in (0, 1). */
function fraction(key: Key): number {
  const out = new Float64Array(1);
  uniform(key, out);
  return out[0]! + 2 ** -24;
}

/** A factor in [low, high], its logarithm uniform, as float32 holds it. */
function logUniform(key: Key, low: number, high: number): number {
  return Math.fround(low * (high / low) ** fraction(key));
}

function logUniformInteger(key: Key, low: number, high: number): number {
  return Math.min(high, Math.floor(low * ((high + 1) / low) ** fraction(key)));
}

function drawFactors(
  key: Key,
  layout: Layout,
  { low, high, scope }: { low: number; high: number; scope: string },
): Factors {
  if (scope === "one") return logUniform(key, low, high);
  if (scope === "tensor") return layout.slots.map((_, i) => logUniform(foldIn(key, i), low, high));
  const factors = new Float64Array(layout.size);
  uniform(key, factors);
  return factors.map((u) => Math.fround(low * (high / low) ** (u + 2 ** -24)));
}
