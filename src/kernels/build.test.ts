import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { callsOf, interfaceOf, readKernels } from "../../scripts/kernel-interface.mjs";
import { openKernels } from "./module.ts";

it("the interface that is checked in is what kernels/ declares, and what the module exports", () => {
  const declared = readKernels();
  const text = (name: string): string => readFileSync(`src/kernels/generated/${name}.ts`, "utf8");
  expect(text("exports")).toContain(interfaceOf(declared));
  expect(text("native-calls")).toContain(callsOf(declared));
  const { calls, memory } = openKernels({ backend: "wasm", variant: "portable", memoryMiB: 16 });
  const exported = Object.entries(calls).flatMap(([name, value]) =>
    typeof value === "function" ? [name] : [],
  );
  expect(exported.sort()).toEqual(declared.map(({ name }) => name).sort());
  expect(memory.usedBytes).toBe(0);
});
