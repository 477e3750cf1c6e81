import { spawnSync } from "node:child_process";
import { isStale } from "../src/threads/worker-module.ts";

const root = new URL("../", import.meta.url);
const program = new URL("dist/cli/main.js", root);

/** Worker threads and the program run from dist/ in tests too: it is built first where a source is newer. */
export default function setup(): void {
  if (!isStale(program)) return;
  const { stdout, stderr } = spawnSync("npm", ["run", "build"], { cwd: root, encoding: "utf8" });
  if (isStale(program)) throw new Error(`dist/ cannot be built:\n${stdout}${stderr}`);
}
