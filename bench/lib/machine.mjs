// What the figures were measured on.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { root } from "./lowland.mjs";

/** Processor, cores, memory and load. */
export function machine() {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? "unknown",
    cpuid: cpuFamily(),
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    load: os.loadavg().map((value) => Math.round(value * 100) / 100),
  };
}

/** Family and model number: "AMD EPYC" alone says little. */
function cpuFamily() {
  try {
    const info = readFileSync("/proc/cpuinfo", "utf8");
    const field = (name) => info.match(new RegExp(`^${name}\\s*: (.*)$`, "m"))?.[1];
    return `family ${field("cpu family")}, model ${field("model")}`;
  } catch {
    return undefined;
  }
}

/** The commit the benchmark ran at, with a + where tracked files differ from it. */
export function commit() {
  try {
    const git = (...args) =>
      execFileSync("git", args, {
        cwd: fileURLToPath(root),
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
    const dirty = git("status", "--porcelain", "--untracked-files=no").trim() === "" ? "" : "+";
    return git("rev-parse", "--short", "HEAD").trim() + dirty;
  } catch {
    return undefined;
  }
}

/** Versions of the library, of Node and of its engine. */
export function versions() {
  const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
  return { lowland: version, node: process.versions.node, v8: process.versions.v8 };
}
