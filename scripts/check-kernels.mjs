// Whether the kernels give the same bits on every target: compiles kernels/check.zig for each, runs it natively, in
// WebAssembly or under an emulator, and compares the hashes with those of WebAssembly of the same class of bits. Needs
// qemu-user for NEON. Ends with "N passed, N failed".
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { setFlagsFromString } from "node:v8";
import { pythonWith, run, zigCompiler } from "./zig.mjs";

const out = resolve("build/check");
mkdirSync(out, { recursive: true });
const zig = zigCompiler();
const features =
  process.platform === "linux" && process.arch === "x64" ? readFileSync("/proc/cpuinfo", "utf8") : "";

/** Compiles the check for a target; returns the path of the program. */
function build(name, variant, target, cpu, { mode = "ReleaseFast", extra = [] } = {}) {
  const path = `${out}/${name}-${variant}`;
  const config = `${out}/${variant}.zig`;
  writeFileSync(config, `pub const fused = ${variant === "fma"};\npub const suffix = "";\n`);
  run(zig, [
    ...["build-exe", "-target", target, `-mcpu=${cpu}`, "-O", mode, ...extra],
    ...[
      "--dep",
      "config",
      `-Mroot=kernels/${target.includes("freestanding") ? "check" : "check_main"}.zig`,
      `-Mconfig=${config}`,
      `-femit-bin=${path}`,
    ],
  ]);
  return path;
}

const lines = (command, args) =>
  execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** A program prints its hashes on stderr. */
function hashesOf(command, args = []) {
  const text = lines("sh", ["-c", 'exec "$0" "$@" 2>&1', command, ...args]);
  return text.match(/^[0-9a-f]{16} /gm).map((hash) => hash.trim());
}

function wasm(variant) {
  if (Number(process.versions.v8.split(".")[0]) < 12) setFlagsFromString("--experimental-wasm-relaxed-simd");
  const cpu = `generic+simd128+bulk_memory${variant === "fma" ? "+relaxed_simd" : ""}`;
  const path = build("wasm", variant, "wasm32-freestanding", cpu, { extra: ["-fno-entry", "-rdynamic"] });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)));
  return digestsAt(new DataView(exports.memory.buffer), exports.check());
}

/** The hashes behind the word by which they are found. */
function digestsAt(view, at) {
  const hashes = [];
  for (let i = 1; i <= GROUPS.length; i++)
    hashes.push(
      view
        .getBigUint64(at + 8 * i, true)
        .toString(16)
        .padStart(16, "0"),
    );
  return hashes;
}

const GROUPS = [...readFileSync("kernels/check.zig", "utf8").matchAll(/^ {4}\.\{ "(.+)", \w+ \},$/gm)].map(
  ([, name]) => name,
);

function x86(level, variant, options) {
  const cpu = { avx2: "x86_64_v3", avx512: "x86_64_v4" }[level];
  const path = build(level + (options?.mode ?? ""), variant, "x86_64-linux-musl", cpu, options);
  return features.includes("avx2") ? hashesOf(path) : hashesOf("qemu-x86_64", ["-cpu", "max", path]);
}

function neon(variant) {
  const path = build("neon", variant, "aarch64-linux-musl", "generic");
  return process.arch === "arm64" ? hashesOf(path) : hashesOf("qemu-aarch64", [path]);
}

/** On the processor, or on an emulated one: qemu has no AVX-512. */
function avx512() {
  if (features.includes("avx512vl")) return x86("avx512", "fma");
  const python = pythonWith("bochscpu-python==0.4.0");
  const path = build("avx512", "fma", "x86_64-freestanding", "x86_64_v4", { extra: ["-fstrip"] });
  // the package is made for a newer C library, from which it needs four names
  run(zig, ["cc", "-shared", "-fPIC", "-o", `${out}/shim.so`, "scripts/avx512-shim.c"]);
  const text = lines("env", [
    `LD_PRELOAD=${out}/shim.so`,
    python,
    "scripts/avx512.py",
    path,
    `${GROUPS.length}`,
  ]);
  return text.trim().split("\n");
}

const reference = { fma: wasm("fma"), portable: wasm("portable") };
const targets = [
  ["AVX2, fma", "fma", () => x86("avx2", "fma")],
  ["AVX2, portable", "portable", () => x86("avx2", "portable")],
  ["AVX2, fma, with checks", "fma", () => x86("avx2", "fma", { mode: "ReleaseSafe" })],
  ["AVX-512, fma", "fma", avx512],
  ["NEON, fma", "fma", () => neon("fma")],
  ["NEON, portable", "portable", () => neon("portable")],
];

let passed = 0;
let failed = 0;
for (const [name, variant, hashes] of targets) {
  let found = [];
  try {
    found = hashes();
  } catch (error) {
    console.error(`${name}: could not be run: ${error.message.split("\n")[0]}`);
  }
  const differ = GROUPS.filter((_, i) => found[i] !== reference[variant][i]);
  passed += GROUPS.length - differ.length;
  failed += differ.length;
  console.error(
    `${name}: ${differ.length === 0 ? "the bits of WebAssembly" : `other bits in ${differ.join("; ")}`}`,
  );
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
