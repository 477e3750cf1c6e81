// Runs everything that is sensitive to the kernels again on the portable variant: the other files run on the best one
// the engine has.
import { describe, expect, it } from "vitest";

process.env.LOWLAND_KERNELS = "portable";
const { kernels } = await import("./module.ts");
await import("./elementary.test.ts");
await import("./kernels.test.ts");
await import("../learned/coordinatewise.test.ts");
await import("../meta/estimators/bptt.test.ts");
await import("../nn/sequential.test.ts");
await import("../optimizers/optimizers.test.ts");

describe("LOWLAND_KERNELS=portable", () => {
  it("chooses the portable kernels", () => {
    expect(kernels().variant).toBe("portable");
  });
});
