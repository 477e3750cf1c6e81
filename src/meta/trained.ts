import { LowlandError } from "../errors.ts";
import type { Layout } from "../kernels/types.ts";
import { unknown } from "../spec.ts";

/** First entry and the one behind the last. */
type Range = readonly [from: number, to: number];

/** The part of φ that meta-training changes; the rest keeps its bits. */
export interface Trained {
  readonly ranges: readonly Range[];
  /** What lies between them. */
  readonly frozen: readonly Range[];
  /** Entries that are trained. */
  readonly size: number;
}

/**
 * The part of φ that names of slots, or what they begin with (`mlp` for `mlp.0.w`), stand for; undefined for `all`.
 *
 * @throws {LowlandError} E_CONFIG for a name that no slot begins with
 */
export function trainedPart({ slots }: Layout, names: readonly string[]): Trained | undefined {
  if (names.includes("all")) return undefined;
  const within = (slot: string, name: string): boolean => slot === name || slot.startsWith(`${name}.`);
  const wrong = names.find((name) => !slots.some((slot) => within(slot.name, name)));
  if (wrong !== undefined) {
    const first = slots.map((slot) => slot.name.split(".")[0]!);
    throw new LowlandError("E_CONFIG", `train: ${unknown("part of φ", wrong, ["all", ...new Set(first)])}`);
  }
  const ranges: Range[] = [];
  const frozen: Range[] = [];
  for (const { name, offset, size } of slots) {
    const list = names.some((part) => within(name, part)) ? ranges : frozen;
    const last = list.at(-1);
    if (last?.[1] === offset) list[list.length - 1] = [last[0], offset + size];
    else list.push([offset, offset + size]);
  }
  return { ranges, frozen, size: ranges.reduce((sum, [from, to]) => sum + to - from, 0) };
}

/** Spreads the first `size` entries of a vector over the trained ones, in order; the others become 0. */
export function spread({ ranges, frozen, size }: Trained, vector: Float32Array): void {
  let end = size;
  // from the last on: none lies before where it comes from
  for (const [from, to] of ranges.toReversed()) {
    end -= to - from;
    vector.copyWithin(from, end, end + to - from);
  }
  for (const [from, to] of frozen) vector.fill(0, from, to);
}
