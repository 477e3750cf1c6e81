// Tests exported Python against Lowland: npm run test:export. Uses the Python of LOWLAND_PYTHON, which needs torch, jax and
// optax, or makes a virtual environment of its own (.venv) and installs them.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

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
const { status } = run("npx", ["vitest", "run", "--config", "vitest.export.config.ts"], {
  stdio: "inherit",
  shell: process.platform === "win32",
  env: { ...process.env, LOWLAND_PYTHON: python },
});
process.exit(status ?? 1);
