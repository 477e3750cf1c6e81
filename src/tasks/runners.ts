import type { Arena } from "../kernels/memory.ts";
import { openArena } from "../kernels/module.ts";
import { kernelOps, type Ops, referenceOps } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { inKernelMemory } from "../kernels/vector.ts";
import type { OpenNetwork } from "../nn/open-network.ts";
import type { Network } from "../nn/sequential.ts";
import type { Examples, Relabel } from "./examples.ts";
import type { FixedSets } from "./fixed-sets.ts";
import type { Split } from "./types.ts";

/** An open network of one precision for minibatches of up to `most`, and the minibatch its input holds at present. */
export interface Runner extends OpenNetwork {
  readonly ops: Ops;
  readonly most: number;
  readonly labels: Uint8Array;
  /** Where a minibatch's examples are drawn. */
  readonly drawn: Uint32Array;
  /** The minibatch in `input` and `labels`; no `split` if they hold none. */
  readonly held: {
    split: Split | undefined;
    hi: number;
    lo: number;
    count: number;
    relabel: Relabel | undefined;
  };
  /** Where the statistics were measured that the network holds, if on this minibatch. */
  normalizedAt: Vector | undefined;
}

/** Open networks, by network, precision and size of the minibatch. */
export interface Runners {
  /**
   * A runner for minibatches of up to `count` examples in the precision of `params`: float32 by the kernels, float64 by
   * the reference.
   */
  at(network: Network, params: Vector, count: number): Runner;
  /** Frees all. */
  close(): void;
}

/** A network on a dataset: what its objectives are made of. */
export interface NetworkOnExamples {
  readonly network: Network;
  readonly examples: Examples;
  readonly runners: Runners;
  readonly fixedSets: FixedSets;
  readonly batchSize: number;
  /** Gives examples other labels in minibatches of `train`. */
  readonly relabel: Relabel | undefined;
}

/** Puts examples of a split into a runner's input, which then holds no minibatch. */
export function fill(
  runner: Runner,
  examples: Examples,
  split: Split,
  places: { readonly start: number; readonly count: number },
): void {
  examples.unpack(split, places, { ops: runner.ops, x: runner.input, labels: runner.labels });
  runner.held.split = undefined;
  runner.normalizedAt = undefined;
}

/** Zeros of the precision of `params`. */
export function vectorLike(params: Vector, length: number): Vector {
  return params instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
}

/** Networks that stay open at a time: tasks of a family have networks of many sizes, and take turns. */
const OPEN_NETWORKS = 4;

/** Opens networks when they are first asked for, and closes those used longest ago. */
export function openRunners(): Runners {
  interface Opened {
    readonly arena: Arena;
    readonly runners: Runner[];
  }
  const opened = new Map<Network, Opened>();
  let last: { readonly network: Network; readonly opened: Opened } | undefined;

  function openedOf(network: Network): Opened {
    if (last?.network === network) return last.opened;
    const found = opened.get(network) ?? { arena: openArena(), runners: [] };
    // a Map keeps the order of insertion: the last used last
    opened.delete(network);
    opened.set(network, found);
    for (const [oldest, { arena }] of opened) {
      if (opened.size <= OPEN_NETWORKS) break;
      arena.close();
      opened.delete(oldest);
    }
    last = { network, opened: found };
    return found;
  }

  return {
    at(network, params, count) {
      const { arena, runners } = openedOf(network);
      const single = params instanceof Float32Array;
      let most = 1; // powers of two, so that minibatches of many sizes share few buffers
      while (most < count) most *= 2;
      for (const runner of runners) {
        if (runner.most === most && runner.input instanceof Float32Array === single) return runner;
      }
      const runner = openRunner(network, single ? kernelOps(arena) : referenceOps, most);
      runners.push(runner);
      return runner;
    },
    close() {
      for (const { arena } of opened.values()) arena.close();
      opened.clear();
      last = undefined;
    },
  };
}

function openRunner(network: Network, ops: Ops, most: number): Runner {
  const opened = network.open(ops, most);
  const able =
    opened.input instanceof Float32Array ? takingAnyVectors(opened, ops, network.layout.size) : opened;
  // bound: what a network of the user's own opens may be an object of a class
  return {
    input: opened.input,
    run: able.run.bind(able),
    hessianVectorProduct: able.hessianVectorProduct.bind(able),
    readStatistics: opened.readStatistics.bind(opened),
    ops,
    most,
    labels: ops.allocateBytes(most),
    drawn: new Uint32Array(most),
    held: { split: undefined, hi: 0, lo: 0, count: 0, relabel: undefined },
    normalizedAt: undefined,
  };
}

/** A network in the kernels' memory for vectors anywhere: those from outside are copied in, and results out again. */
function takingAnyVectors(
  network: OpenNetwork,
  ops: Ops,
  size: number,
): Pick<OpenNetwork, "run" | "hessianVectorProduct"> {
  const inside = new Map<string, Vector>();
  const borrowed = (role: string, vector: Vector): Vector => {
    if (inKernelMemory(vector)) return vector;
    const own = inside.get(role) ?? ops.allocate(size);
    inside.set(role, own);
    own.set(vector);
    return own;
  };
  const returned = (own: Vector, vector: Vector): void => {
    if (own !== vector) vector.set(own);
  };
  return {
    run(params, labels, count, options = {}) {
      const own = borrowed("params", params);
      const { gradient: outside } = options;
      if (outside === undefined) return network.run(own, labels, count, options);
      const gradient = borrowed("gradient", outside);
      const result = network.run(own, labels, count, { ...options, gradient });
      returned(gradient, outside);
      return result;
    },
    hessianVectorProduct(params, labels, count, options) {
      const product = borrowed("gradient", options.product);
      const direction = borrowed("direction", options.direction);
      const own = borrowed("params", params);
      network.hessianVectorProduct(own, labels, count, { ...options, direction, product });
      returned(product, options.product);
    },
  };
}
