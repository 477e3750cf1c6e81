import { describe, expect, it } from "vitest";
import { lowland } from "./lowland.ts";

const asked = async (env: Readonly<Record<string, string>>): Promise<Record<string, unknown>> => {
  const { code, stdout, stderr } = await lowland(["info", "--json"], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Record<string, unknown>;
};

describe("lowland info", () => {
  it("says what computes, and why nothing faster does", async () => {
    const best = await asked({});
    expect(["native", "wasm"]).toContain(best.backend);
    expect(best.memoryMiB).toBe(1024);
    // only the native kernels are the fastest there are
    expect(best.reason === null).toBe(best.backend === "native");
    const wasm = await asked({ LOWLAND_KERNELS: "wasm", LOWLAND_MEMORY_MIB: "64" });
    expect(wasm).toEqual({
      schemaVersion: 1,
      backend: "wasm",
      level: "simd128",
      bits: expect.stringMatching(/^(fma|portable)$/),
      threads: 1,
      memoryMiB: 64,
      reason: 'only "wasm" was asked for',
    });
    const portable = await asked({ LOWLAND_KERNELS: "portable" });
    expect(portable).toMatchObject({ backend: best.backend, bits: "portable" });
  });

  it("prints it for people", async () => {
    const { stdout } = await lowland(["info"], { env: { LOWLAND_KERNELS: "wasm-portable" } });
    expect(stdout).toMatch(/^backend +wasm$/m);
    expect(stdout).toMatch(/^bits +portable$/m);
    expect(stdout).toMatch(/^not faster, because +only "wasm" was asked for$/m);
  });

  it.each([
    ["LOWLAND_KERNELS", "nativ", /use auto, native, wasm, portable/],
    ["LOWLAND_MEMORY_MIB", "8", /use a number from 16 to 4096/],
  ])("refuses %s=%s", async (name, value, advice) => {
    const { code, stderr } = await lowland(["info"], { env: { [name]: value } });
    expect(code).toBe(2);
    expect(stderr).toMatch(advice);
  });
});
