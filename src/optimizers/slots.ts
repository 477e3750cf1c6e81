import { LowlandError } from "../errors.ts";
import type { Layout, Slot } from "../kernels/types.ts";

/**
 * The slots that a text names: `all`, `weights`, `biases`, or names separated by `|`, in which `*` stands for anything:
 * `dense0.*|dense1.b`.
 *
 * @throws {LowlandError} E_CONFIG if a name is that of no slot
 */
export function slotsNamed(text: string, { slots }: Layout): readonly Slot[] {
  const chosen = new Set(text.split("|").flatMap((name) => matching(name.trim(), slots)));
  return slots.filter((slot) => chosen.has(slot));
}

function matching(name: string, slots: readonly Slot[]): readonly Slot[] {
  if (name === "all") return slots;
  if (name === "weights") return slots.filter(({ kind }) => kind === "weight");
  if (name === "biases") return slots.filter(({ kind }) => kind === "bias");
  const pattern = new RegExp(`^${name.replace(/[.+?^${}()[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`);
  const found = slots.filter((slot) => pattern.test(slot.name));
  if (found.length > 0) return found;
  throw new LowlandError(
    "E_CONFIG",
    `no parameters are called ${JSON.stringify(name)}; write all, weights, biases, or names of ${slots.map((slot) => slot.name).join(", ")}`,
  );
}
