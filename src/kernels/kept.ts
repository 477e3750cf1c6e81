import type { Arena } from "./memory.ts";

/**
 * Things opened by key, each with an arena of its own: those used last stay open, the others are freed. Tasks of a family
 * have parameters of many layouts, and the memory is fixed.
 *
 * @param parent what frees them all when it is closed
 * @param most how many stay open
 * @returns (key, open) → the thing of this key, made by `open` from the arena it is given
 */
export function openKept<T>(parent: Arena, most: number): (key: string, open: (arena: Arena) => T) => T {
  const kept = new Map<string, { readonly thing: T; readonly arena: Arena }>();
  parent.whenClosed(() => {
    for (const { arena } of kept.values()) arena.close();
    kept.clear();
  });
  return (key, open) => {
    let found = kept.get(key);
    if (found === undefined) {
      // before more is taken: what is freed may be what is needed
      for (const [oldest, { arena }] of kept) {
        if (kept.size < most) break;
        arena.close();
        kept.delete(oldest);
      }
      const arena = parent.kernels.arena();
      try {
        found = { thing: open(arena), arena };
      } catch (error) {
        arena.close();
        throw error;
      }
    }
    // a Map keeps the order of insertion: the last used last
    kept.delete(key);
    kept.set(key, found);
    return found.thing;
  };
}
