// What the scripts here share that write into README files.
import { readFileSync, writeFileSync } from "node:fs";
import { parseResults } from "../dist/index.js";

/** Results of a file, whatever version wrote them. */
export function readResults(path) {
  return parseResults(readFileSync(path, "utf8"), path);
}

/** Replaces what stands between <!-- name --> and <!-- /name --> in a file; with --check only says whether it would. */
export function replaceBlock(path, name, text) {
  const page = readFileSync(path, "utf8");
  const pattern = new RegExp(`<!-- ${name} -->[\\s\\S]*<!-- /${name} -->`);
  if (!pattern.test(page)) throw new Error(`${path} has no <!-- ${name} --> markers`);
  writeChecked(
    path,
    page.replace(pattern, () => `<!-- ${name} -->\n\n${text}\n\n<!-- /${name} -->`),
  );
}

/** Writes a file; with --check only says whether it is another already, and exits with 1. */
export function writeChecked(path, text) {
  if (!process.argv.includes("--check")) writeFileSync(path, text);
  else if (readFileSync(path, "utf8") !== text) {
    console.error(`${path} is not what ${process.argv[1]} makes: run it without --check`);
    process.exitCode = 1;
  }
}
