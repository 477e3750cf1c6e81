import { learnedOptimizers } from "../../src/learned/registry.ts";
import { optimizerOf } from "../../src/learned/types.ts";
import { decodeWeights } from "../../src/learned/weights.ts";
import { makeOptimizer } from "../../src/optimizers/method.ts";
import type { Optimizer } from "../../src/optimizers/types.ts";
import { key } from "../../src/random/key.ts";
import { buildSpec } from "../../src/spec.ts";

export const STEPS = 200;

/** Bytes of a learned optimizer of the zoo, which a page is given and Node reads. */
export type ZooBytes = Uint8Array;

/** Hand-designed ones that look at entries, tensors and schedules; every architecture, and one that is meta-trained. */
export const CASES: readonly { readonly name: string; make(zoo: ZooBytes): Optimizer }[] = [
  ...[
    "adam:lr=0.01",
    "adamw:lr=0.003+clip:norm=1+cosine:warmup=5",
    "muon",
    "soap",
    "lion+mask:train=weights",
  ].map((spec) => ({ name: spec, make: () => makeOptimizer(spec) })),
  ...Object.keys(learnedOptimizers).map((name) => ({
    name: `${name} of fresh weights`,
    make: () => fresh(name),
  })),
  {
    name: "one of the zoo",
    make: (zoo) => {
      const { learned, metaParams } = decodeWeights(zoo, "the zoo");
      return optimizerOf(learned, metaParams);
    },
  },
];

function fresh(name: string): Optimizer {
  const learned = buildSpec(name, "learned optimizer", learnedOptimizers);
  const metaParams = new Float32Array(learned.layout.size);
  learned.init(key(1), metaParams);
  return optimizerOf(learned, metaParams);
}

/** What one step of a framework's training was given, and where it came. */
export interface Recorded {
  readonly gradient: Float32Array;
  readonly loss: number;
  readonly after: Float32Array;
}

/** The shapes of the network that both frameworks train here: 4 filters of 3×3 on 8×8 images, 5 classes. */
export const SLOTS = [
  { name: "conv.w", shape: [4, 3, 3, 2] },
  { name: "conv.b", shape: [4], kind: "bias" },
  { name: "dense.w", shape: [5, 144] },
  { name: "dense.b", shape: [5], kind: "bias" },
] as const;

/** The step after which parameters are not those of Lowland from the same gradients, if there is one. */
export function firstDifference(
  optimizer: Optimizer,
  layout: Parameters<Optimizer["init"]>[0],
  start: Float32Array,
  recorded: readonly Recorded[],
): number | undefined {
  const params = start.slice();
  const state = optimizer.init(layout, { horizon: STEPS });
  for (const [step, { gradient, loss, after }] of recorded.entries()) {
    optimizer.step(params, gradient, state, { loss });
    if (!sameBits(params, after)) return step + 1;
  }
  return undefined;
}

export function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [x, y] = [new Uint32Array(a.slice().buffer), new Uint32Array(b.slice().buffer)];
  return x.length === y.length && x.every((word, i) => word === y[i]);
}

/** Entries of a tensor (positions …, inputs, outputs) as Lowland has them, [outputs, positions …, inputs]. */
export function outputsFirst(data: ArrayLike<number>, outputs: number): Float32Array {
  const others = data.length / outputs;
  return Float32Array.from({ length: data.length }, (_, i) => {
    const output = Math.floor(i / others);
    return data[(i % others) * outputs + output]!;
  });
}

/** Entries of a convolution's weights (outputs, inputs, height, width) as Lowland has them. */
export function inputsLast(
  data: ArrayLike<number>,
  [, height, width, inputs]: readonly number[],
): Float32Array {
  const positions = height! * width!;
  return Float32Array.from({ length: data.length }, (_, i) => {
    const input = i % inputs!;
    const position = Math.floor(i / inputs!) % positions;
    const output = Math.floor(i / (inputs! * positions));
    return data[(output * inputs! + input) * positions + position]!;
  });
}

export function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}
