import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { caseOf, cases, drawing } from "../../test/kernels/cases.ts";
import { type KernelOptions, type Kernels, openKernels } from "./module.ts";

/** Kernels with these options, or none where this machine cannot run them. */
function opened(options: KernelOptions): Kernels[] {
  try {
    return [openKernels({ memoryMiB: 64, ...options })];
  } catch {
    return [];
  }
}

const classes = {
  fma: [
    ...opened({ backend: "wasm", variant: "fma" }),
    ...["avx512", "avx2", "neon"].flatMap((level) => opened({ backend: "native", level })),
    ...opened({ backend: "native", variant: "fma", threads: 3 }),
  ],
  portable: [
    ...opened({ backend: "wasm", variant: "portable" }),
    ...opened({ backend: "native", variant: "portable" }),
    ...opened({ backend: "native", variant: "portable", threads: 3 }),
  ],
};

const nameOf = ({ backend, level, threads }: Kernels): string => `${backend} ${level} ×${threads}`;

describe.each(Object.entries(classes))("bits of class %s", (_, [first, ...others]) => {
  it.each(Object.keys(cases))(`%s: the same from ${[first!, ...others].map(nameOf).join(", ")}`, (name) => {
    fc.assert(
      fc.property(caseOf(name), ({ run, seed }) => {
        const results = [first!, ...others].map((kernels) => {
          const arena = kernels.arena();
          const { draw, vectors } = drawing(arena, seed);
          const result = run(kernels.calls, draw);
          const bytes = vectors.map((vector) => Buffer.from(vector));
          arena.close();
          return { kernels, result, bytes };
        });
        for (const { kernels, result, bytes } of results) {
          expect(result, nameOf(kernels)).toBe(results[0]!.result);
          for (const [i, vector] of bytes.entries()) {
            if (!vector.equals(results[0]!.bytes[i]!))
              expect.fail(`vector ${i} of ${nameOf(kernels)} differs`);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});

it("every kernel is compared, those of learned optimizers beside them", () => {
  const { calls } = openKernels({ backend: "wasm", variant: "portable", memoryMiB: 16 });
  const kernels = Object.entries(calls).flatMap(([name, value]) =>
    typeof value === "function" ? [name] : [],
  );
  expect(
    kernels.filter((name) => !(name in cases) && !/^(lstm|rnnprop|tensor|registerPeak|peakFlops)/.test(name)),
  ).toEqual([]);
});
