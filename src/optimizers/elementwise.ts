import { type KernelExports, kernels } from "../kernels/module.ts";
import { withScratch } from "../kernels/scratch.ts";
import type { Vector } from "../kernels/types.ts";
import { axpy, inKernelMemory } from "../kernels/vector.ts";
import type { SettingValue } from "../spec.ts";
import { defineOptimizer, requireLength, zeros } from "./define.ts";
import type { Optimizer, OptimizerReads, OptimizerState } from "./types.ts";

/** An update that treats all entries alike, as a kernel and in plain TypeScript: both give the same bits. */
export interface Elementwise<Name extends string> {
  readonly name: string;
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly reads?: OptimizerReads;
  /** Names of the state's vectors. */
  readonly vectors: readonly Name[];
  /** Calls the kernel on pointers: it writes u and leaves w alone, or where `u` is 0 does w ← w + u. */
  readonly kernel: (
    calls: KernelExports,
    at: Readonly<Record<Name | "w" | "u" | "g", number>>,
    length: number,
    step: number,
  ) => void;
  /** Writes u. Steps count from 1. */
  readonly plain: (at: Readonly<Record<Name | "w" | "u" | "g", Vector>>, step: number) => void;
}

/** Makes an optimizer of an elementwise update. What lies outside kernel memory runs in plain TypeScript. */
export function elementwise<const Name extends string = never>(update: Elementwise<Name>): Optimizer {
  const { name, settings, reads, vectors, kernel, plain } = update;

  /** Runs the kernel, if all that is given lies in its memory; throws where a length is wrong. */
  function onKernels(given: Readonly<Record<string, Vector>>, { layout, step }: OptimizerState): boolean {
    const pointers: Record<string, number> = { u: 0 };
    let inside = true;
    for (const what in given) {
      const vector = given[what]!;
      requireLength(name, vector, layout.size, `${PARTS[what] ?? what} has`);
      inside &&= inKernelMemory(vector);
      pointers[what] = vector.byteOffset;
    }
    if (inside) kernel(kernels().calls, pointers as Parameters<typeof kernel>[1], layout.size, step);
    return inside;
  }
  const partsOf = (state: OptimizerState): Record<Name, Vector> =>
    Object.fromEntries(vectors.map((vector) => [vector, state.vectors[vector]!])) as Record<Name, Vector>;

  return defineOptimizer({
    name,
    settings,
    ...(reads && { reads }),
    init: (layout, start) => zeros(layout, vectors, start),
    update(g, state, { params: w }, u) {
      state.step++;
      const parts = { w, u, g, ...partsOf(state) };
      if (!onKernels(parts, state)) plain(parts, state.step);
    },
    step(w, g, state) {
      state.step++;
      const parts = { w, g, ...partsOf(state) };
      if (onKernels(parts, state)) return;
      withScratch(w, 1, ([u]) => {
        plain({ ...parts, u: u! }, state.step);
        axpy(1, u!, w);
      });
    },
  });
}

/** What messages call a vector that is not one of the state. */
const PARTS: Readonly<Record<string, string>> = { w: "params", u: "update", g: "gradient" };
