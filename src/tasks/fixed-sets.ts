import type { Arena } from "../kernels/memory.ts";
import { openArena } from "../kernels/module.ts";
import type { Vector } from "../kernels/types.ts";

/** Unpacked sets of up to this size together are kept: 64 MiB, 5,000 images of CIFAR-10 in float32. */
const KEPT_BYTES = 64 * 2 ** 20;

/** Examples of a fixed set, unpacked. */
export interface UnpackedSet {
  readonly x: Vector;
  readonly labels: Uint8Array;
}

/** Fixed sets that were used last, unpacked; the ones used longest ago make room. */
export interface FixedSets {
  /**
   * The set of this name, filled by `fill` if it is not kept; undefined if it is too large to be kept at all.
   *
   * @param like a vector of the precision it is unpacked in
   */
  at(
    id: string,
    like: Vector,
    extents: { readonly count: number; readonly size: number },
    fill: (set: UnpackedSet) => void,
  ): UnpackedSet | undefined;
  /** Frees all of them. */
  close(): void;
}

/** Opens a shelf for fixed sets in kernel memory; see `FixedSets`. */
export function openFixedSets(): FixedSets {
  const kept = new Map<
    string,
    { readonly set: UnpackedSet; readonly arena: Arena; readonly bytes: number }
  >();
  let used = 0;
  const forget = (id: string): void => {
    const { arena, bytes } = kept.get(id)!;
    arena.close();
    used -= bytes;
    kept.delete(id);
  };
  return {
    at(id, like, { count, size }, fill) {
      const key = `${like.constructor.name} ${id}`;
      const bytes = count * (size * like.BYTES_PER_ELEMENT + 1);
      if (bytes > KEPT_BYTES) return undefined;
      let found = kept.get(key);
      if (found === undefined) {
        for (const oldest of kept.keys()) {
          if (used + bytes <= KEPT_BYTES) break;
          forget(oldest);
        }
        const arena = openArena();
        const x = like instanceof Float32Array ? arena.float32(count * size) : new Float64Array(count * size);
        found = { set: { x, labels: arena.uint8(count) }, arena, bytes };
        fill(found.set);
        used += bytes;
      }
      // a Map keeps the order of insertion: the last used last
      kept.delete(key);
      kept.set(key, found);
      return found.set;
    },
    close() {
      for (const id of [...kept.keys()]) forget(id);
    },
  };
}
