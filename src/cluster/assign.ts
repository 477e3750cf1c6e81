/** A worker that jobs may be given to. */
export interface Capacity {
  readonly id: string;
  readonly threads: number;
}

/**
 * Which worker does which of n pieces of work. A piece stays with the worker that holds its data, up to the worker's share
 * ⌈n · threads / all threads⌉; what is left goes to where there is most room. None, where there are no workers.
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
  const threadsOf = new Map(workers.map(({ id, threads }) => [id, threads] as const));
  return kept.map((holder) => {
    if (holder !== undefined || workers.length === 0) return holder;
    // by room a thread, so that the large do not fill up before the small have any
    const [roomiest] = [...room].reduce((best, next) =>
      next[1] / threadsOf.get(next[0])! > best[1] / threadsOf.get(best[0])! ? next : best,
    );
    return take(roomiest);
  });
}
