// Compiles assembly/ into src/kernels/wasm/{portable,fma}.ts: the module's bytes as base64, so that one import
// works in Node, worker threads, browsers and tests. `--check` only verifies that the checked-in bytes are
// what the sources compile to.
import { readFileSync, writeFileSync } from "node:fs";
import asc from "assemblyscript/asc";

const check = process.argv.includes("--check");
const variants = { portable: "simd,bulk-memory", fma: "simd,relaxed-simd,bulk-memory" };
const pages = 65536; // 4 GiB, all that 32-bit addresses reach; the host's memory may be smaller

let stale = false;
for (const [name, features] of Object.entries(variants)) {
  const files = {};
  const { error, stderr } = await asc.main(
    [
      "assembly/index.ts",
      "--outFile",
      "kernels.wasm",
      "-O3",
      "--noAssert",
      "--runtime",
      "stub",
      "--enable",
      features,
      "--importMemory",
      "--maximumMemory",
      String(pages),
      "--memoryBase",
      "1024",
    ],
    {
      writeFile: (file, contents) => {
        files[file] = contents;
      },
    },
  );
  if (error) {
    console.error(stderr.toString());
    throw error;
  }
  const base64 = Buffer.from(files["kernels.wasm"]).toString("base64");
  const lines = base64
    .match(/.{1,120}/g)
    .map((line) => `  "${line}"`)
    .join(" +\n");
  const text = `// Generated from assembly/ by scripts/build-kernels.mjs. Do not edit.\nexport const ${name}: string =\n${lines};\n`;
  const path = `src/kernels/wasm/${name}.ts`;
  if (check) {
    if (readFileSync(path, "utf8") !== text) {
      console.error(`${path} is not what assembly/ compiles to: run npm run build:kernels`);
      stale = true;
    }
  } else {
    writeFileSync(path, text);
    console.error(`${path}: ${files["kernels.wasm"].length} bytes of WebAssembly`);
  }
}
process.exitCode = stale ? 1 : 0;
