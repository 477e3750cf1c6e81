// Reads the kernels from the text of kernels/: every public function with the C calling convention of the files that
// kernels.zig lists, with its documentation; and writes what TypeScript knows of them.
import { readFileSync } from "node:fs";

const RESULT = { void: "void", usize: "number", f32: "number", f64: "number" };

/** Every kernel: name, lines of documentation, parameters with their Zig types, and result. */
export function readKernels() {
  const list = readFileSync("kernels/kernels.zig", "utf8");
  const files = [...list.matchAll(/^ {4}@import\("(.+)"\),$/gm)].map(([, file]) => file);
  return files.flatMap((file) => {
    const text = readFileSync(`kernels/${file}`, "utf8");
    const functions = text.matchAll(/((?:^\/\/\/.*\n)*)^pub fn (\w+)\(([^)]*)\) callconv\(\.c\) (\w+)/gm);
    return [...functions].map(([, docs, name, parameters, result]) => ({
      name,
      docs: docs.split("\n").flatMap((line) => (line === "" ? [] : [line.slice(4)])),
      result: RESULT[result] ?? fail(file, name, result),
      parameters: parameters
        .split(",")
        .map((parameter) => parameter.trim())
        .filter((parameter) => parameter !== "")
        .map((parameter) => {
          const [, id, type] = /^@?"?(\w+)"?: (.+)$/.exec(parameter) ?? fail(file, name, parameter);
          return { name: id.replace(/_$/, ""), ...(typeOf(type) ?? fail(file, name, type)) };
        }),
    }));
  });
}

function typeOf(type) {
  if (type === "usize") return { type: "number", letter: "n" };
  if (type === "f32") return { type: "number", letter: "f" };
  if (type === "bool") return { type: "boolean", letter: "b" };
  if (/^\?\[\*\]/.test(type)) return { type: "PointerOrNull", letter: "o" };
  if (/^(\[\*\]|\*)/.test(type)) return { type: "Pointer", letter: "p" };
  return undefined;
}

function fail(file, name, what) {
  throw new Error(`kernels/${file}: ${name} has "${what}", which the interface does not know`);
}

/** The interface of the WebAssembly module's exports, which the addons share. */
export function interfaceOf(kernels) {
  const methods = kernels.map(({ name, docs, parameters, result }) => {
    const list = parameters.map((p) => `${p.name}: ${p.type}`).join(", ");
    return `${comment(docs)}  ${name}(${list}): ${result};\n`;
  });
  return `/** A byte offset in the memory of the kernels. */
export type Pointer = number;
/** The same, or 0 for none. */
export type PointerOrNull = number;

/** The kernels, as kernels/ declares them. */
export interface KernelExports {
${methods.join("")}}
`;
}

function comment(docs) {
  if (docs.length === 0) return "";
  if (docs.length === 1) return `  /** ${docs[0]} */\n`;
  return `  /**\n${docs.map((line) => `   * ${line}\n`).join("")}   */\n`;
}

/** The functions of an addon, which find their arguments in a block of float64, behind the same interface. */
export function callsOf(kernels) {
  const methods = kernels.map(({ name, parameters }) => {
    const list = parameters.map((p) => p.name).join(", ");
    const stores = parameters.map(
      (p, i) => `      block[${i}] = ${p.type === "boolean" ? `${p.name} ? 1 : 0` : p.name};\n`,
    );
    return `    ${name}(${list}) {\n${stores.join("")}      return functions.${name}();\n    },\n`;
  });
  const letters = kernels.map(
    ({ name, parameters }) => `  "${name}:${parameters.map((p) => p.letter).join("")} "`,
  );
  return `import type { KernelExports } from "./exports.ts";

/** The interface as the addon names it. */
export const INTERFACE: string =
${letters.join(" +\n")};

/** Functions of an addon: they read their arguments from the block. */
export type AddonFunctions = { readonly [K in keyof KernelExports]: () => ReturnType<KernelExports[K]> };

/** The kernels of an addon as functions of their arguments. */
export function nativeCalls(functions: AddonFunctions, block: Float64Array): KernelExports {
  // called as methods: the functions alone would not keep alive what the addon opened
  return {
${methods.join("")}  };
}
`;
}
