// The pinned Zig compiler. It is a Python package, which lives in .venv like everything the scripts need from there.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";

const COMPILER = "ziglang==0.17.1";
const python = resolve(process.platform === "win32" ? ".venv/Scripts/python" : ".venv/bin/python");

/** The compiler, installed where it is missing; ZIG names another executable. */
export function zigCompiler() {
  if (process.env.ZIG) return process.env.ZIG;
  const zig = () =>
    execFileSync(python, ["-c", "import os, ziglang; print(os.path.dirname(ziglang.__file__))"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  let folder;
  try {
    folder = zig();
  } catch {
    pythonWith(COMPILER);
    folder = zig();
  }
  return resolve(folder, "zig");
}

/** Installs Python packages into .venv, and gives its interpreter. */
export function pythonWith(...packages) {
  if (!existsSync(python)) run("python3", ["-m", "venv", ".venv"]);
  run(python, ["-m", "pip", "install", "--quiet", "--no-deps", ...packages]);
  return python;
}

/** Runs a command whose output goes to stderr; throws where it fails. */
export function run(command, args) {
  execFileSync(command, args, {
    stdio: ["ignore", 2, 2],
    env: {
      ...process.env,
      ZIG_GLOBAL_CACHE_DIR: resolve("build/zig"),
      ZIG_LOCAL_CACHE_DIR: resolve("build/zig"),
    },
  });
}
