import { defineConfig, type ViteUserConfig as UserConfig } from "vitest/config";

const report = process.env.LOWLAND_TEST_REPORT;

const config: UserConfig = defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks",
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
  },
});

export default config;
