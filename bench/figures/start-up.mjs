// 6: start-up, size of the package, and memory of meta-training.
import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { dist, root } from "../lib/lowland.mjs";
import { median } from "../lib/measure.mjs";
import { short } from "../lib/print.mjs";

export const title = "Start-up, size and memory";

const path = (url) => fileURLToPath(url);
const child = (name) => path(new URL(`../lib/${name}.mjs`, import.meta.url));

/** Wall-clock times of a process from start to end. */
function launches(count, args) {
  const times = Array.from({ length: count }, () => {
    const start = performance.now();
    execFileSync(process.execPath, args, { stdio: "ignore" });
    return performance.now() - start;
  });
  return { best: Math.min(...times), median: median(times) };
}

export async function measure(context) {
  const count = context.repeats;
  const library = new URL("index.js", dist);
  const startUp = {
    "node alone": launches(count, ["-e", "0"]),
    "lowland --help": launches(count, [path(new URL("cli/main.js", dist)), "--help"]),
    ...(existsSync(library) && {
      "importing the library": launches(count, [
        "--input-type=module",
        "-e",
        `import ${JSON.stringify(library.href)}`,
      ]),
    }),
    "first gradient, drawing the data included": launches(count, [
      child("first-gradient"),
      "synthetic-digits",
    ]),
  };
  const [{ size, unpackedSize, entryCount }] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: path(root),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );
  const memory = [];
  for (const [activations, threads] of [
    ["stored", 1],
    ["stored", 2],
    ["recomputed", 1],
    ["recomputed", 2],
  ]) {
    context.log(
      `memory of ${context.outerSteps} outer steps, activations ${activations}, threads ${threads}`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [
      child("memory"),
      context.dataset,
      activations,
      String(context.outerSteps),
      String(threads),
    ]);
    memory.push({ activations, threads, outerSteps: context.outerSteps, ...JSON.parse(stdout) });
  }
  return {
    startUpMs: startUp,
    package: { bytes: size, unpackedBytes: unpackedSize, files: entryCount },
    memory,
    lines: [
      ...Object.entries(startUp).map(
        ([name, ms]) => `${name}: best ${short(ms.best)} ms, median ${short(ms.median)} ms`,
      ),
      `package: ${short(size / 1024)} KiB packed, ${short(unpackedSize / 1024)} KiB unpacked, ${entryCount} files`,
      ...memory.map(
        ({ activations, threads, outerSteps, beforeMiB, peakMiB, samplesMiB }) =>
          `${activations} activations, ${outerSteps} outer steps on ${threads} thread${threads > 1 ? "s" : ""}: peak ${short(peakMiB)} MiB resident (${short(peakMiB / threads)} a thread), ${short(beforeMiB)} MiB of it before the first; along the run ${samplesMiB.map((mib) => Math.round(mib)).join(", ")}`,
      ),
    ],
  };
}
