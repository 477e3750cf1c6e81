// Compiles kernels/ with the pinned Zig compiler: node scripts/build-kernels.mjs [--check] [TARGET…], all targets
// without a name. The modules go to src/kernels/generated as base64, so that one import works in Node, worker threads,
// browsers and tests, with the TypeScript interface of the kernels; the addons go to addons/. `--check` writes nothing
// and counts what is what the sources compile to: its last line is "N passed, N failed".
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { callsOf, interfaceOf, readKernels } from "./kernel-interface.mjs";
import { run, zigCompiler } from "./zig.mjs";

const out = "build/kernels"; // relative: where the repository lies must not be in what is built

/** Objects: what a kernel is compiled for, and whether a·b + c is rounded once. The name is the suffix of its symbols. */
const OBJECTS = {
  avx2: { cpu: "x86_64_v3", fused: true },
  avx512: { cpu: "x86_64_v4", fused: true },
  avx2_portable: { cpu: "x86_64_v3", fused: false },
  neon: { cpu: "generic", fused: true },
  neon_portable: { cpu: "generic", fused: false },
};
const X86 = { cpu: "x86_64", objects: ["avx2", "avx512", "avx2_portable"] };
const ARM = { cpu: "generic", objects: ["neon", "neon_portable"] };
const ADDONS = {
  "linux-x64": { triple: "x86_64-linux-gnu.2.17", ...X86 },
  "linux-arm64": { triple: "aarch64-linux-gnu.2.17", ...ARM },
  "darwin-x64": { triple: "x86_64-macos.11.0", ...X86 },
  "darwin-arm64": { triple: "aarch64-macos.11.0", ...ARM },
  "win32-x64": { triple: "x86_64-windows-gnu", ...X86 },
};
const WASM = {
  fma: { features: "+relaxed_simd", fused: true },
  portable: { features: "", fused: false },
};
const OPTIMIZE = ["-O", "ReleaseSmall", "-fstrip"];

/** The constants a compilation is given, as a module `config`. */
function config(name, { fused, suffix }) {
  const path = `${out}/config-${name}.zig`;
  writeFileSync(path, `pub const fused = ${fused};\npub const suffix = "${suffix}";\n`);
  return ["--dep", "config", `-Mroot=kernels/exports.zig`, `-Mconfig=${path}`];
}

function buildWasm(zig, name) {
  const { features, fused } = WASM[name];
  const path = `${out}/${name}.wasm`;
  // no stack to speak of is needed, and no static data may lie in the memory
  run(zig, [
    ...["build-exe", "-target", "wasm32-freestanding", `-mcpu=generic+simd128+bulk_memory${features}`],
    ...[...OPTIMIZE, ...config(name, { fused, suffix: "" })],
    ...["-fno-entry", "-rdynamic", "--import-memory", "--max-memory=4294967296"],
    ...["--stack", "1024", "--global-base=1024", `-femit-bin=${path}`],
  ]);
}

/** The Linux addons name no C library: the one binary loads in Node on glibc and on musl. */
function buildAddon(zig, name) {
  const { triple, cpu, objects } = ADDONS[name];
  const target = ["-target", triple];
  const files = objects.map((object) => {
    const path = `${out}/${name}-${object}.o`;
    const { cpu: level, fused } = OBJECTS[object];
    const module = config(object, { fused, suffix: `_${object}` });
    run(zig, [
      "build-obj",
      ...target,
      `-mcpu=${level}`,
      ...OPTIMIZE,
      "-fPIC",
      ...module,
      `-femit-bin=${path}`,
    ]);
    return path;
  });
  const linking = name.startsWith("win32") ? [nodeLibrary(zig)] : ["-fallow-shlib-undefined"];
  // the pool's threads outlive the environment that loaded the addon
  if (name.startsWith("linux")) linking.push("-z", "nodelete");
  if (name.startsWith("darwin")) linking.push("-install_name", "lowland.node");
  run(zig, [
    ...["build-lib", "-dynamic", ...target, `-mcpu=${cpu}`, ...OPTIMIZE, ...linking, ...files],
    ...["--name", "lowland", "--dep", "config", "-Mroot=kernels/addon.zig"],
    ...[`-Mconfig=${out}/config-${objects[0]}.zig`, `-femit-bin=${out}/${name}.node`],
  ]);
}

/** The import library of the Node-API functions that node.exe exports. */
function nodeLibrary(zig) {
  const library = `${out}/node.lib`;
  run(zig, ["dlltool", "-m", "i386:x86-64", "-D", "node.exe", "-d", "kernels/node.def", "-l", library]);
  return library;
}

/** Writes a file that is checked in, or sees whether it is what it should be. */
function put(path, bytes) {
  if (!check) {
    writeFileSync(path, bytes);
    console.error(`${path}: ${bytes.length} bytes`);
    return;
  }
  const same = existsSync(path) && readFileSync(path).equals(Buffer.from(bytes));
  counts[same ? "passed" : "failed"]++;
  console.error(
    same ? `${path}: as it should be` : `${path} is not what kernels/ compiles to: run npm run build:kernels`,
  );
}

function embedded(name, bytes) {
  const lines = bytes
    .toString("base64")
    .match(/.{1,120}/g)
    .map((line) => `  "${line}"`)
    .join(" +\n");
  return `${GENERATED}export const ${name}: string =\n${lines};\n`;
}

const GENERATED = "// Generated from kernels/ by scripts/build-kernels.mjs. Do not edit.\n";
const all = [...Object.keys(WASM), ...Object.keys(ADDONS)];
const check = process.argv.includes("--check");
const wanted = process.argv.slice(2).filter((argument) => argument !== "--check");
for (const name of wanted) {
  if (!all.includes(name)) {
    console.error(`no target "${name}"; there are ${all.join(", ")}`);
    process.exit(2);
  }
}
const counts = { passed: 0, failed: 0 };
for (const folder of [out, "addons", "src/kernels/generated"]) mkdirSync(folder, { recursive: true });
const zig = zigCompiler();
const kernels = readKernels();
put("src/kernels/generated/exports.ts", GENERATED + interfaceOf(kernels));
put("src/kernels/generated/native-calls.ts", GENERATED + callsOf(kernels));
for (const name of wanted.length > 0 ? wanted : all) {
  if (name in WASM) {
    buildWasm(zig, name);
    const bytes = readFileSync(`${out}/${name}.wasm`);
    refuseStaticData(name, bytes);
    put(`src/kernels/generated/${name}.ts`, embedded(name, bytes));
    if (!WASM[name].fused) compareExports(bytes);
  } else {
    buildAddon(zig, name);
    put(`addons/${name}.node`, readFileSync(`${out}/${name}.node`));
  }
}

/** Static data would lie in memory that is handed out. A table, or `null` for an optional struct, is enough to make some. */
function refuseStaticData(name, bytes) {
  const DATA = 11;
  for (let at = 8; at < bytes.length; ) {
    if (bytes[at++] === DATA)
      throw new Error(`${name}.wasm has static data, which the memory has no room for`);
    let size = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      size += (bytes[at] & 127) * 2 ** shift;
      more = bytes[at++] > 127;
    }
    at += size;
  }
}

if (check) {
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed > 0 ? 1 : 0;
}

/** The interface is read from the text of the sources; the module says whether it was read right. */
function compareExports(bytes) {
  const exports = WebAssembly.Module.exports(new WebAssembly.Module(bytes)).filter(
    ({ kind }) => kind === "function",
  );
  const [module, text] = [exports, kernels].map((list) =>
    list
      .map(({ name }) => name)
      .sort()
      .join(" "),
  );
  if (module !== text)
    throw new Error(`kernels/ was not read right: the module exports\n${module}\nnot\n${text}`);
}
