// What the scripts here share that write into README files.
import { readFileSync, writeFileSync } from "node:fs";
import { parseResults } from "../dist/index.js";

/** Results of a file, whatever version wrote them. */
export function readResults(path) {
  return parseResults(readFileSync(path, "utf8"), path);
}

/** Replaces what stands between <!-- name --> and <!-- /name --> in a file. */
export function replaceBlock(path, name, text) {
  const readme = readFileSync(path, "utf8");
  const pattern = new RegExp(`<!-- ${name} -->[\\s\\S]*<!-- /${name} -->`);
  if (!pattern.test(readme)) throw new Error(`${path} has no <!-- ${name} --> markers`);
  writeFileSync(
    path,
    readme.replace(pattern, () => `<!-- ${name} -->\n\n${text}\n\n<!-- /${name} -->`),
  );
}
