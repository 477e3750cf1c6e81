/**
 * Everything that is optimized is one flat vector. `Float32Array` is the working precision and runs on the
 * kernels; the same functions accept `Float64Array`, run it on plain TypeScript, and so check
 * every algorithm in double precision with the very code that is used in single.
 */
export type Vector = Float32Array | Float64Array;

/** One named part of a flat vector. */
export interface Slot {
  /** Dotted name, unique in its layout: `dense0.w`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** First entry in the flat vector. */
  readonly offset: number;
  /** Number of entries: the product of `shape`. */
  readonly size: number;
  /** `bias` slots are what ASAM leaves unscaled. */
  readonly kind: "weight" | "bias";
}

/** How a flat vector divides into named slots, in order and without gaps. */
export interface Layout {
  readonly size: number;
  readonly slots: readonly Slot[];
}

/**
 * Lays slots out one after another.
 *
 * @example
 * layoutOf([{ name: "dense0.w", shape: [20, 784] }, { name: "dense0.b", shape: [20], kind: "bias" }])
 */
export function layoutOf(
  slots: readonly { name: string; shape: readonly number[]; kind?: "weight" | "bias" }[],
): Layout {
  let offset = 0;
  const placed = slots.map(({ name, shape, kind = "weight" }) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const slot: Slot = { name, shape, offset, size, kind };
    offset += size;
    return slot;
  });
  return { size: offset, slots: placed };
}
