// node bench/table.mjs RESULT.json [docs/speed.md] [--check]: a result's contests as a Markdown table, printed or put between
// the lines <!-- bench --> and <!-- /bench --> of a file.
import { readFileSync } from "node:fs";
import { replaceBlock } from "../scripts/readme.mjs";
import { markdown } from "./lib/print.mjs";

const [path, target] = process.argv.slice(2).filter((word) => word !== "--check");
if (path === undefined) {
  console.error("usage: node bench/table.mjs RESULT.json [docs/speed.md] [--check]");
  process.exit(2);
}
const result = JSON.parse(readFileSync(path, "utf8"));
const { machine, versions, kernelVariant, kernels, command, commit, date, loadAfter } = result;
const { lowland, v8, ...others } = versions;
const text = `${markdown(result)}

Best of ${result.repeats} turns, the fastest in bold; in brackets, how many times Lowland's time a peer takes: below 1 it is faster. \`${command}\` at ${commit}, ${date.slice(0, 10)}: ${machine.cpu} (${machine.cpuid}), ${machine.cores} cores, load ${machine.load[0]} before and ${loadAfter[0]} after; kernels ${kernels === undefined ? "" : `${kernels.backend} ${kernels.level} `}(${kernelVariant}); ${Object.entries(
  others,
)
  .map(([name, version]) => `${name} ${version}`)
  .join(", ")}.`;

if (target === undefined) console.log(text);
else replaceBlock(target, "bench", text);
