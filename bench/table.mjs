// node bench/table.mjs RESULT.json [README.md]: a result's contests as a Markdown table, printed or put between the
// lines <!-- bench --> and <!-- /bench --> of a file.
import { readFileSync, writeFileSync } from "node:fs";
import { markdown } from "./lib/print.mjs";

const [path, target] = process.argv.slice(2);
if (path === undefined) {
  console.error("usage: node bench/table.mjs RESULT.json [README.md]");
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

if (target === undefined) {
  console.log(text);
} else {
  const readme = readFileSync(target, "utf8");
  const marked = /(<!-- bench -->\n)[\s\S]*?(<!-- \/bench -->)/;
  if (!marked.test(readme)) {
    console.error(
      `${target} has no lines <!-- bench --> and <!-- /bench -->; put them where the table belongs`,
    );
    process.exit(2);
  }
  writeFileSync(
    target,
    readme.replace(marked, (_, before, after) => `${before}${text}\n${after}`),
  );
}
