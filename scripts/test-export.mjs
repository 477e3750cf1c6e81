// Tests exported Python against Lowland: npm run test:export. Uses the Python of LOWLAND_PYTHON, which needs torch, jax and
// optax, or makes a virtual environment of its own (.venv) and installs them.
// With -- --figures it runs all of the zoo, reads MNIST, and writes what it found into docs/export.md.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { replaceBlock } from "./readme.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const own = `${root}.venv/${process.platform === "win32" ? "Scripts/python.exe" : "bin/python"}`;
const probe =
  "import torch, jax, optax; print(f'torch {torch.__version__}, jax {jax.__version__}, optax {optax.__version__}')";

const run = (command, args, options) => spawnSync(command, args, { cwd: root, encoding: "utf8", ...options });
const versions = (python) => {
  const { status, stdout } = run(python, ["-c", probe]);
  return status === 0 ? stdout.trim() : undefined;
};

let python = process.env.LOWLAND_PYTHON;
if (python !== undefined && versions(python) === undefined) {
  console.error(
    `LOWLAND_PYTHON=${python} cannot import torch, jax and optax; install them there, or unset it`,
  );
  process.exit(1);
}
if (python === undefined) {
  python = own;
  if (!existsSync(own)) run(process.platform === "win32" ? "python" : "python3", ["-m", "venv", ".venv"]);
  if (versions(own) === undefined) {
    console.log("installing torch, jax and optax in .venv");
    const { status, error } = run(own, ["-m", "pip", "install", "--quiet", "torch", "jax", "optax"], {
      stdio: "inherit",
    });
    if (status !== 0) {
      console.error(
        `torch, jax and optax cannot be installed in .venv${error ? ` (${error.message})` : ""}; set LOWLAND_PYTHON to a Python that has them`,
      );
      process.exit(1);
    }
  }
}
console.log(versions(python));
const folder = process.argv.includes("--figures")
  ? mkdtempSync(join(tmpdir(), "lowland-figures-"))
  : undefined;
const { status } = run("npx", ["vitest", "run", "--config", "vitest.export.config.ts"], {
  stdio: "inherit",
  shell: process.platform === "win32",
  env: { ...process.env, LOWLAND_PYTHON: python, ...(folder && { LOWLAND_EXPORT_FIGURES: folder }) },
});
if (folder !== undefined) {
  if (status === 0) replaceBlock("docs/export.md", "agreement", figures(folder));
  rmSync(folder, { recursive: true });
}
process.exit(status ?? 1);

/** The tables of docs/export.md. */
function figures(from) {
  const read = (name) => JSON.parse(readFileSync(join(from, name), "utf8"));
  const { architectures, zoo } = read("agreement.json");
  const training = read("training.json");
  const small = (value) => value.toExponential(1).replace("e-", "e−");
  const percent = (values) => {
    const shares = values.map((value) => (100 * value).toFixed(1));
    const mean = (100 * values.reduce((a, b) => a + b, 0)) / values.length;
    return `${mean.toFixed(1)} (${shares.sort((a, b) => a - b)[0]} to ${shares.at(-1)})`;
  };
  const table = (header, rows) =>
    [header, header.map((_, i) => (i === 0 ? "---" : "---:")), ...rows]
      .map((cells) => `| ${cells.join(" | ")} |`)
      .join("\n");
  const agreement = (called, rows) =>
    table(
      [called, "torch, 5 steps", "torch, 200 steps", "optax, 5 steps", "optax, 200 steps"],
      rows.map(({ name, learned, torch, optax }) => [
        `\`${called === "architecture" ? learned : name.replaceAll("_", "-")}\``,
        ...[torch, optax].flatMap(({ steps, losses }) => [small(steps), small(losses)]),
      ]),
    );
  return [
    `Largest differences from Lowland, by \`npm run test:export -- --figures\` with ${versions(python)}: after five steps on tensors of many shapes, as a share of how far the tensor moved, the rounding of its parameters included, which is most of it; and of the loss at any of 200 steps of a training. Architectures have random weights.`,
    agreement("architecture", architectures),
    agreement("zoo", zoo),
    `Test accuracy in percent, mean and range of ${training.seeds} seeds, of \`${training.task}\` after ${training.steps} steps; draws and minibatches in PyTorch are its own:`,
    table(
      ["zoo", "PyTorch", "Lowland"],
      training.rows.map(({ name, torch, lowland }) => [`\`${name}\``, percent(torch), percent(lowland)]),
    ),
  ].join("\n\n");
}
