import { buildCommand, type Command } from "@stricli/core";
import type { Kernels } from "../kernels/module.ts";
import { type CliContext, print, printJson } from "./context.ts";
import { jsonFlag } from "./flags.ts";
import { formatTable } from "./table.ts";

/** What the computation of a run rests on. */
export interface KernelInfo {
  readonly backend: string;
  readonly level: string;
  readonly bits: string;
  readonly threads: number;
  readonly memoryMiB: number;
  /** Why a faster backend was not taken; null if there is none. */
  readonly reason: string | null;
}

export function infoOf({ backend, level, variant, threads, memory, reason }: Kernels): KernelInfo {
  const memoryMiB = memory.buffer.byteLength / 2 ** 20;
  return { backend, level, bits: variant, threads, memoryMiB, reason: reason ?? null };
}

export const info: Command<CliContext> = buildCommand({
  docs: {
    brief: "Say what computes here: backend, processor level, class of bits, threads, memory",
    fullDescription:
      "Say what computes here: backend, processor level, class of bits, threads, memory. LOWLAND_KERNELS chooses " +
      "(auto, native, wasm, portable, or native-portable and wasm-portable), LOWLAND_MEMORY_MIB sets the memory of a thread.",
  },
  parameters: { flags: { json: jsonFlag } },
  async func(this: CliContext, { json }: { json: boolean }): Promise<void> {
    const { kernels } = await import("../kernels/module.ts");
    const found = infoOf(kernels());
    if (json) {
      printJson(this, { ...found });
      return;
    }
    const rows = [
      ["backend", found.backend],
      ["level", found.level],
      ["bits", found.bits],
      ["threads", `${found.threads}`],
      ["memory", `${found.memoryMiB} MiB a thread`],
      ...(found.reason === null ? [] : [["not faster, because", found.reason]]),
    ];
    print(this, formatTable(["", "here"], rows));
  },
});
