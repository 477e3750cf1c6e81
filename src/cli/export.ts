import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { buildCommand, type Command } from "@stricli/core";
import { LowlandError } from "../errors.ts";
import type { ExportTarget } from "../export/python.ts";
import { type CliContext, print, printJson } from "./context.ts";
import { jsonFlag, optional, toggle } from "./flags.ts";

interface ExportFlags {
  readonly to: ExportTarget;
  readonly out: string;
  readonly name?: string;
  readonly force: boolean;
  readonly json: boolean;
}

export const exportOptimizer: Command<CliContext> = buildCommand({
  docs: {
    brief: "Write a learned optimizer as Python, for PyTorch or optax",
    fullDescription:
      "One readable Python module and one safetensors file beside it, which need nothing but torch, or jax and optax: a torch.optim.Optimizer, or an optax GradientTransformation.",
  },
  parameters: {
    flags: {
      to: { kind: "enum", values: ["torch", "optax"], brief: "What to write it for" },
      out: { kind: "parsed", parse: String, brief: "Directory for both files", placeholder: "dir" },
      name: optional(String, "Name of the Python module (default: the optimizer's)", "name"),
      force: toggle("Replace files that are there"),
      json: jsonFlag,
    },
    positional: {
      kind: "tuple",
      parameters: [
        {
          parse: String,
          brief: "A learned optimizer: zoo:NAME or learned:PATH",
          placeholder: "optimizer",
        },
      ],
    },
  },
  async func(this: CliContext, { to, out, name, force, json }: ExportFlags, spec: string): Promise<void> {
    const { exportPython } = await import("../export/python.ts");
    const { loadWeights } = await import("../meta/weights.ts");
    const { makeDirectory, writeFileAtomic } = await import("../runs/files.ts");
    const { file, called } = await locate(spec);
    const weights = await loadWeights(file);
    const written = exportPython(weights, { target: to, name: name ?? called });
    const paths = {
      code: join(out, `${written.name}.py`),
      weights: join(out, `${written.name}.safetensors`),
    };
    for (const path of Object.values(paths)) {
      if (force || !existsSync(path)) continue;
      throw new LowlandError(
        "E_RUN",
        `${path} is there already; replace it with --force, or choose another --out`,
      );
    }
    makeDirectory(out);
    writeFileAtomic(paths.weights, written.weights);
    writeFileAtomic(paths.code, written.code);
    if (json) printJson(this, { optimizer: spec, learned: weights.spec, to, ...paths });
    else print(this, `${paths.code}\n${paths.weights}`);
  },
});

/** The file or run directory of a learned optimizer, and what to call it. */
async function locate(spec: string): Promise<{ file: string; called: string }> {
  const { parseMethod } = await import("../optimizers/method.ts");
  const { parseSpec } = await import("../spec.ts");
  const { zooPath } = await import("../zoo/zoo.ts");
  const { optimizer, combinators, regularizer } = parseMethod(spec);
  if (combinators.length > 0 || regularizer !== "none") {
    throw new LowlandError(
      "E_USAGE",
      `${spec} is more than a learned optimizer; export ${optimizer}, and put what goes around it in Python`,
    );
  }
  const { name, path } = parseSpec(optimizer);
  if (path !== undefined && name === "zoo") return { file: zooPath(path), called: path };
  if (path !== undefined && name === "learned") {
    return { file: path, called: basename(resolve(path)).replace(/\.safetensors$/, "") };
  }
  throw new LowlandError(
    "E_USAGE",
    `${spec} names no learned optimizer; give zoo:NAME (see lowland zoo list) or learned:PATH`,
  );
}
