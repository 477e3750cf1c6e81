import { defineConfig, type ViteUserConfig } from "vitest/config";

/** File for a JSON report beside the usual output; .ci/run counts from it. */
const report = process.env.LOWLAND_TEST_REPORT;

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["{src,test,examples,web}/**/*.test.ts"],
    globalSetup: ["test/build.ts"],
    setupFiles: ["src/kernels/node.ts"],
    pool: "forks",
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: report === undefined ? ["default"] : ["default", "json"],
    ...(report !== undefined && { outputFile: { json: report } }),
  },
});

export default config;
