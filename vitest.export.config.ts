import { defineConfig, type ViteUserConfig } from "vitest/config";

/** The tests of exported Python, which need an interpreter with torch, jax and optax: npm run test:export. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/export/*.check.ts"],
    setupFiles: ["src/kernels/node.ts"],
    pool: "forks",
    testTimeout: 120_000,
    hookTimeout: 900_000,
  },
});

export default config;
