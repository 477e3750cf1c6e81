import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openKernels } from "./module.ts";

const platform = `${process.platform}-${process.arch}`;
const addon = fileURLToPath(new URL(`../../addons/${platform}.node`, import.meta.url));
const { calls, memory, backend } = openKernels({ memoryMiB: 16, threads: 2 });

describe.skipIf(!existsSync(addon) || backend !== "native")("native kernels", () => {
  it("refuse offsets that lie outside the memory, and numbers that are none, by the name of the kernel", () => {
    const end = memory.buffer.byteLength;
    expect(() => calls.scale(1, end, 1)).toThrow("kernel scale: argument 1 lies outside the memory");
    expect(() => calls.dot(1024, -4, 1)).toThrow(/kernel dot: argument 1/);
    expect(() => calls.dot(1024, 1024, Number.NaN)).toThrow(/kernel dot: argument 2/);
  });

  it.runIf(process.platform === "linux")("name the kernel that runs out of the memory", () => {
    const program = `
      const memory = new WebAssembly.Memory({ initial: 16, maximum: 16 });
      const addon = process.getBuiltinModule("node:module").createRequire(import.meta.url)(${JSON.stringify(addon)});
      const { scale } = addon.open(memory.buffer, addon.level);
      const block = new Float64Array(memory.buffer, 512, 3);
      block.set([1, 1024, 2 ** 30]);
      scale();`;
    const { signal, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
    });
    expect(stderr).toContain("lowland: kernel scale left the memory");
    expect(signal).toBe("SIGSEGV");
  });

  it("leave accesses of WebAssembly to the engine, which throws", () => {
    const wasm = openKernels({ backend: "wasm", memoryMiB: 16 });
    expect(() => wasm.calls.scale(1, 1024, 2 ** 28)).toThrow(/memory access out of bounds/);
    expect(() => calls.scale(1, 1024, 4)).not.toThrow();
  });
});
