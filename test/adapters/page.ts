import { checkJaxJs } from "./jax-js-checks.ts";
import { checkTfjs } from "./tfjs-checks.ts";

// What the test calls in the page.
Object.assign(globalThis, {
  runChecks: async (zoo: number[]) => ({
    "jax-js": await checkJaxJs(Uint8Array.from(zoo)),
    tfjs: await checkTfjs(Uint8Array.from(zoo)),
  }),
});
