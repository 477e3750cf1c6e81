import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** From its first line, `// curve.mjs`, `# train.py` or `# sam.yaml`, where there is one. */
  readonly file: string | undefined;
}

/** The code of a page of the documentation, in order. */
export function blocksOf(path: string): Block[] {
  const page = readFileSync(join(root, path), "utf8");
  return [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
    language: language!,
    text: text!,
    file: /^(?:\/\/|#) (\S+\.(?:mjs|py|yaml))\n/.exec(text!)?.[1],
  }));
}

/** An empty folder of a user who has installed the package and its peers. */
export function openProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "lowland-page-"));
  mkdirSync(join(folder, "node_modules/.bin"), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  symlinkSync(root, join(folder, "node_modules/lowland"));
  const program = join(root, "dist/cli/main.js");
  writeFileSync(
    join(folder, "node_modules/.bin/lowland"),
    `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`,
    { mode: 0o755 },
  );
  for (const peer of ["@tensorflow", "@jax-js"]) {
    symlinkSync(join(root, "node_modules", peer), join(folder, "node_modules", peer));
  }
  return folder;
}

/**
 * Does what a reader does: writes the files, runs what has no name, and types the commands.
 *
 * @param python the interpreter that stands for `python`; without one its commands are passed over
 * @returns what each run printed
 */
export function follow(blocks: readonly Block[], folder: string, python?: string): string[] {
  return blocks.flatMap(({ language, text, file }) => {
    if (file !== undefined) {
      writeFileSync(join(folder, file), text);
      return [];
    }
    if (language === "js") return [run(process.execPath, ["--input-type=module", "--eval", text], folder)];
    if (language !== "sh") return [];
    return text
      .split("\n")
      .filter((line) => line !== "")
      .flatMap((line) => {
        const [program, ...words] = line.split(/\s+/) as [string, ...string[]];
        if (program === "python") return python === undefined ? [] : [run(python, words, folder)];
        return [run(program, words, folder)];
      });
  });
}

function run(program: string, words: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, words, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
  });
  if (status !== 0)
    throw new Error(`${program} ${words.join(" ")}:\n${stdout}${stderr}${error?.message ?? ""}`);
  return stdout;
}
