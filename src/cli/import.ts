import { existsSync } from "node:fs";
import { basename } from "node:path";
import { buildCommand, type Command } from "@stricli/core";
import { LowlandError } from "../errors.ts";
import type { PublishedTensor } from "../learned/published.ts";
import { type CliContext, print, printJson } from "./context.ts";
import { jsonFlag, optional, toggle } from "./flags.ts";

interface ImportFlags {
  readonly out: string;
  readonly learned?: string;
  readonly force: boolean;
  readonly json: boolean;
}

export const importWeights: Command<CliContext> = buildCommand({
  docs: {
    brief: "Read published weights of a learned optimizer",
    fullDescription:
      "Celo, Celo2, adafac-mlp, mlp, L2O-DM and RNNprop as their authors publish them, known by the names and shapes of their tensors. Takes .safetensors files, and what flax.serialization wrote (msgpack, such as Celo's theta.state); never a pickle, which may run code.",
  },
  parameters: {
    flags: {
      out: { kind: "parsed", parse: String, brief: "File to write, for learned:FILE", placeholder: "file" },
      learned: optional(
        String,
        "Architecture with settings, where names do not say it: celo2-base, lstm:k=10",
        "spec",
      ),
      force: toggle("Replace a file that is there"),
      json: jsonFlag,
    },
    positional: {
      kind: "tuple",
      parameters: [{ parse: String, brief: "A .safetensors file, or one of flax", placeholder: "file" }],
    },
  },
  async func(
    this: CliContext,
    { out, learned: given, force, json }: ImportFlags,
    path: string,
  ): Promise<void> {
    const { decodeFlax } = await import("../learned/flax.ts");
    const { importPublished } = await import("../learned/published.ts");
    const { encodeWeights } = await import("../learned/weights.ts");
    const { readBytes, writeFileAtomic } = await import("../runs/files.ts");
    const { decodeSafetensors } = await import("../runs/safetensors.ts");
    if (!force && existsSync(out)) {
      throw new LowlandError(
        "E_RUN",
        `${out} is there already; replace it with --force, or choose another --out`,
      );
    }
    const bytes = readBytes(path);
    let tensors: ReadonlyMap<string, PublishedTensor>;
    if (path.endsWith(".safetensors")) {
      const file = decodeSafetensors(bytes, { source: path });
      if (file.metadata.format?.startsWith("lowland-")) {
        throw new LowlandError("E_CHECKPOINT", `${path} is of Lowland already; use it as learned:${path}`);
      }
      tensors = file.tensors;
    } else tensors = decodeFlax(bytes, path);
    const { spec, learned, metaParams, unused } = importPublished(tensors, {
      ...(given !== undefined && { spec: given }),
    });
    writeFileAtomic(out, encodeWeights(spec, learned.layout, metaParams, { importedFrom: basename(path) }));
    if (json) printJson(this, { learned: spec, weights: metaParams.length, unused, out });
    else {
      print(this, `${spec}, ${metaParams.length.toLocaleString("en")} weights, in ${out}`);
      if (unused.length > 0) print(this, `Without effect and left out: ${unused.join(", ")}`);
    }
  },
});
