/** A worker that jobs may be given to. */
export interface Capacity {
  readonly id: string;
  readonly threads: number;
}

/**
 * Which worker does which of n pieces of work. A piece stays with the worker that holds its data, up to the worker's share
 * ⌈n · threads / all threads⌉; what is left fills one after the other, so that neighbours, which are of different tasks, come
 * to lie together. None, where there are no workers.
 *
 * @param holders the worker that holds the data of each piece, if one does
 */
export function assign(
  holders: readonly (string | undefined)[],
  workers: readonly Capacity[],
): (string | undefined)[] {
  const all = workers.reduce((sum, { threads }) => sum + threads, 0);
  const room = new Map(
    workers.map(({ id, threads }) => [id, Math.ceil((holders.length * threads) / all)] as const),
  );
  const take = (id: string): string => {
    room.set(id, room.get(id)! - 1);
    return id;
  };
  const kept = holders.map((holder) =>
    holder !== undefined && (room.get(holder) ?? 0) > 0 ? take(holder) : undefined,
  );
  return kept.map((holder) => {
    if (holder !== undefined || workers.length === 0) return holder;
    return take(workers.find(({ id }) => room.get(id)! > 0)!.id);
  });
}
