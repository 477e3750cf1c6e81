import type { Arena } from "../kernels/memory.ts";
import { kernelOps, type Ops, referenceOps } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { inKernelMemory } from "../kernels/vector.ts";
import type { OpenNetwork } from "../nn/open-network.ts";
import type { Network } from "../nn/sequential.ts";
import type { Key } from "../random/key.ts";
import type { Split } from "./types.ts";

/** An open network of one precision and batch size, and the minibatch its input holds at present. */
export interface Runner extends OpenNetwork {
  readonly ops: Ops;
  readonly labels: Uint8Array;
  /** The minibatch in `input` and `labels`, if they hold one. */
  split: Split | undefined;
  batch: Key | undefined;
  /** Where the statistics were measured that the network holds, if on this minibatch. */
  normalizedAt: Vector | undefined;
}

/** A network's runners, opened once for every precision and batch size that is asked for. */
export interface Runners {
  /**
   * The runner for minibatches of up to `batch` examples in the precision of `params`: float32 by the kernels, float64 by
   * the reference.
   */
  at(params: Vector, batch: number): Runner;
  /** Forgets all, when their arena is closed. */
  clear(): void;
}

/** Runners of a network in an arena. */
export function openRunners(network: Network, arena: Arena): Runners {
  const runners = new Map<string, Runner>();
  const at: Runners["at"] = (params, batch) => {
    const precision = params instanceof Float32Array ? "float32" : "float64";
    const id = `${precision} ${batch}`;
    let runner = runners.get(id);
    if (runner === undefined) {
      const ops = precision === "float32" ? kernelOps(arena) : referenceOps;
      const opened = network.open(ops, batch);
      const able = precision === "float32" ? takingAnyVectors(opened, ops, network.layout.size) : opened;
      // bound: what a network of the user's own opens may be an object of a class
      runner = {
        input: opened.input,
        run: able.run.bind(able),
        hessianVectorProduct: able.hessianVectorProduct.bind(able),
        readStatistics: opened.readStatistics.bind(opened),
        ops,
        labels: new Uint8Array(batch),
        split: undefined,
        batch: undefined,
        normalizedAt: undefined,
      };
      runners.set(id, runner);
    }
    return runner;
  };
  return { at, clear: () => runners.clear() };
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
