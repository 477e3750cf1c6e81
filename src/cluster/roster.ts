import type { WorkerRecord } from "./experiments.ts";

/** Milliseconds without a sign after which a worker is taken for lost. */
export const LOST_MS = 1500;

/** What changed since the workers were looked at last. */
export interface RosterChange {
  readonly joined: readonly WorkerRecord[];
  readonly lost: readonly WorkerRecord[];
  readonly refused: readonly WorkerRecord[];
}

/**
 * Who is there, by the workers' own counts: a worker is alive as long as its count moves. No clock but the caller's is
 * read, so clocks of other machines do not matter.
 */
export class Roster {
  readonly #seen = new Map<string, { record: WorkerRecord; quietMs: number }>();
  #lookedMs: number | undefined;

  /** Workers that are alive and take part. */
  get live(): WorkerRecord[] {
    return [...this.#seen.values()].flatMap(({ record, quietMs }) =>
      quietMs < LOST_MS && record.refused === undefined ? [record] : [],
    );
  }

  /** Those that may not take part. */
  get refused(): WorkerRecord[] {
    return [...this.#seen.values()].flatMap(({ record }) => (record.refused === undefined ? [] : [record]));
  }

  /** Takes what the workers wrote. A look that comes late counts as one second: this process was away itself. */
  look(records: readonly WorkerRecord[], nowMs: number): RosterChange {
    const passedMs = Math.min(1000, nowMs - (this.#lookedMs ?? nowMs));
    this.#lookedMs = nowMs;
    const change = {
      joined: [] as WorkerRecord[],
      lost: [] as WorkerRecord[],
      refused: [] as WorkerRecord[],
    };
    const present = new Map(records.map((record) => [record.id, record] as const));
    for (const [id, { record, quietMs }] of this.#seen) {
      if (record.refused !== undefined) continue;
      const now = present.get(id);
      const quiet = now?.beat === record.beat ? quietMs + passedMs : now === undefined ? LOST_MS : 0;
      this.#seen.set(id, { record: now ?? record, quietMs: quiet });
      if (quiet >= LOST_MS && now?.refused === undefined) {
        change.lost.push(record);
        this.#seen.delete(id);
        present.delete(id);
      }
    }
    for (const [id, record] of present) {
      const known = this.#seen.get(id);
      if (known === undefined) {
        this.#seen.set(id, { record, quietMs: 0 });
        (record.refused === undefined ? change.joined : change.refused).push(record);
      }
    }
    return change;
  }
}
