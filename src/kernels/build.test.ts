import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("the kernels that are checked in are what assembly/ compiles to", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, ["scripts/build-kernels.mjs", "--check"], {
    encoding: "utf8",
    cwd: root,
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
});
