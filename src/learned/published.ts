import { LowlandError } from "../errors.ts";
import { buildSpec, formatSpec, parseSpec } from "../spec.ts";
import { learnedOptimizers } from "./registry.ts";
import type { LearnedOptimizer } from "./types.ts";

/** A tensor of a published file. */
export interface PublishedTensor {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** Published weights in Lowland's order. */
export interface Imported {
  readonly learned: LearnedOptimizer;
  /** Spec string of the architecture. */
  readonly spec: string;
  readonly metaParams: Float32Array;
  /** Names of tensors that have no effect on the updates, and were left out. */
  readonly unused: readonly string[];
}

/** How an architecture's authors name its tensors. */
interface Published {
  /** Ends of the names of a slot's tensors, one below the other where there are several. */
  names(slot: string): readonly string[];
  /** The spec string, by what the file holds. */
  spec(size: (name: string) => number | undefined): string;
}

const FIRST_LAYER = Array.from({ length: 14 }, (_, block) => `w0__${block}`);

/** `mlp.1.w` → w1, of a first layer in one piece or in blocks. */
const perceptron =
  (firstLayer: readonly string[]) =>
  (slot: string): readonly string[] => {
    const [, layer, kind] = slot.split(".");
    return slot === "mlp.0.w" ? firstLayer : [`${kind}${layer}`];
  };

/** `lstm.0.w_gates` → lstm_1/w_gates. */
const recurrent = (slot: string): readonly string[] => [
  slot
    .replace(/^lstm\.(\d)\./, (_, layer: string) => `lstm_${Number(layer) + 1}/`)
    .replace("input.", "input_projection/")
    .replace(".", "/"),
];

const SCHEDULE: Readonly<Record<string, string>> = {
  hidden: "lstm_init_state/hidden",
  cell: "lstm_init_state/cell",
  relu: "linear_1",
  skip: "linear_2",
  lstm: "rnn/linear",
  rate: "step_size",
};

/** Units of the second LSTM layer, which has four gates. */
const units = (size: (name: string) => number | undefined): number => (size("lstm_2/b_gates") ?? 80) / 4;

/** By architecture, those that hold the names of others first. */
const published: Readonly<Record<string, Published>> = {
  celo: {
    names(slot) {
      const [part, layer, kind] = slot.split(".") as [string, string, string | undefined];
      if (part === "mlp") return perceptron(FIRST_LAYER)(slot);
      return [kind === undefined ? SCHEDULE[layer]! : `${SCHEDULE[layer]}/${kind}`];
    },
    spec: () => "celo",
  },
  celo2: { names: perceptron(FIRST_LAYER), spec: () => "celo2" },
  "celo2-base": { names: perceptron(FIRST_LAYER), spec: () => "celo2-base" },
  "adafac-mlp": {
    names: (slot) =>
      ({
        "decays.momentum": ["momentum_decays"],
        "decays.second": ["rms_decays"],
        "decays.factored": ["adafactor_decays"],
      })[slot] ?? perceptron(["w0"])(slot),
    spec: () => "adafac-mlp",
  },
  mlp: {
    names: (slot) => [slot.replace(/^mlp\.(\d)\./, "linear_$1/")],
    spec: () => "mlp",
  },
  rnnprop: { names: recurrent, spec: (size) => `rnnprop:hidden=${units(size)}` },
  // the code of 2016, which published weights come from, has k = 5
  lstm: { names: recurrent, spec: (size) => `lstm:hidden=${units(size)},k=5` },
};

/**
 * A learned optimizer from weights that others published, by the names and shapes of their tensors: Celo, Celo2 and
 * `adafac-mlp` as their authors' JAX code has them, `mlp` as learned_optimization does, L2O-DM and RNNprop as in the code of
 * 2016 and 2017.
 *
 * @param options `spec`: the architecture, where it should not be found by names: `celo2-base` (whose weights look like
 * Celo2's) or `lstm:k=10`
 * @throws {LowlandError} E_CHECKPOINT if a tensor is missing or of another shape, E_CONFIG for an unknown architecture
 */
export function importPublished(
  tensors: ReadonlyMap<string, PublishedTensor>,
  { spec }: { readonly spec?: string } = {},
): Imported {
  const paths = new Map([...tensors].map(([name, tensor]) => [pathOf(name), { name, tensor }]));
  const find = (end: string): { name: string; tensor: PublishedTensor } | undefined => {
    const found = [...paths].filter(([path]) => path === end || path.endsWith(`/${end}`));
    return found.length === 1 ? found[0]![1] : undefined;
  };
  const size = (end: string): number | undefined => find(end)?.tensor.data.length;

  const attempts = candidates(spec).map((name) => {
    const { names, spec: found } = published[name]!;
    const written = architectureOf(found(size), spec);
    return read(written, names, find, [...tensors.keys()]);
  });
  const fitting = attempts.find(({ faults }) => faults.length === 0);
  if (fitting !== undefined) return fitting.imported();
  const nearest = attempts.reduce((best, next) => (next.faults.length < best.faults.length ? next : best));
  const more = nearest.faults.length - 3;
  throw new LowlandError(
    "E_CHECKPOINT",
    `no published architecture fits; of ${nearest.imported().spec}, the nearest, ${nearest.faults.slice(0, 3).join(", ")}${
      more > 0 ? ` and ${more} more` : ""
    }; give the authors' whole file, or name the architecture with --learned`,
  );
}

/** `rnn_params.rnn/linear.w:0` → rnn_params/rnn/linear/w. */
function pathOf(name: string): string {
  return name.replace(/:\d+$/, "").split(/[./]/).join("/");
}

function candidates(spec: string | undefined): readonly string[] {
  if (spec === undefined) return Object.keys(published);
  const { name } = parseSpec(spec);
  if (Object.hasOwn(published, name)) return [name];
  throw new LowlandError(
    "E_CONFIG",
    `weights of ${spec} cannot be imported; one of ${Object.keys(published).join(", ")} can`,
  );
}

/** The architecture that a file is of, with the settings that the user gives. */
function architectureOf(found: string, given: string | undefined): LearnedOptimizer {
  const settings = { ...parseSpec(found).settings, ...(given && parseSpec(given).settings) };
  return buildSpec(
    formatSpec({ name: parseSpec(found).name, settings }),
    "learned optimizer",
    learnedOptimizers,
  );
}

/** Reads an architecture's slots, and says what does not fit. */
function read(
  learned: LearnedOptimizer,
  names: Published["names"],
  find: (end: string) => { name: string; tensor: PublishedTensor } | undefined,
  all: readonly string[],
) {
  const metaParams = new Float32Array(learned.layout.size);
  const used = new Set<string>();
  const faults: string[] = [];
  for (const { name: slot, shape, offset, size } of learned.layout.slots) {
    const parts = names(slot).map((end) => ({ end, found: find(end) }));
    const missing = parts.filter(({ found }) => found === undefined);
    if (missing.length > 0) {
      faults.push(...missing.map(({ end }) => `"${end}" is missing`));
      continue;
    }
    const data = parts.flatMap(({ found }) => Array.from(found!.tensor.data));
    const width = shape.at(-1)!;
    if (data.length !== size || parts.some(({ found }) => found!.tensor.shape.at(-1) !== width)) {
      const shapes = parts.map(({ found }) => `[${found!.tensor.shape}]`).join(" ");
      faults.push(`"${parts[0]!.found!.name}" has shape ${shapes}, not [${shape}]`);
      continue;
    }
    for (const { found } of parts) used.add(found!.name);
    metaParams.set(data, offset);
  }
  return {
    faults,
    imported: (): Imported => ({
      learned,
      spec: formatSpec(learned),
      metaParams,
      unused: all.filter((name) => !used.has(name)),
    }),
  };
}
