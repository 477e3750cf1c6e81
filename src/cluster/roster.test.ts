import { describe, expect, it } from "vitest";
import type { WorkerRecord } from "./experiments.ts";
import { LOST_MS, Roster } from "./roster.ts";

const record = (id: string, beat: number, more: Partial<WorkerRecord> = {}): WorkerRecord => ({
  ...{ id, host: "h", pid: 1, threads: 1, done: 0, beat },
  ...more,
});
const idsOf = (records: readonly WorkerRecord[]): string[] => records.map(({ id }) => id);

describe("the roster of workers", () => {
  it("loses a worker whose count stands still, and has it again when it moves on", () => {
    const roster = new Roster();
    expect(idsOf(roster.look([record("a", 1), record("b", 1)], 0).joined)).toEqual(["a", "b"]);
    for (let ms = 500; ms < LOST_MS; ms += 500) {
      expect(idsOf(roster.look([record("a", 1), record("b", ms)], ms).lost)).toEqual([]);
    }
    expect(idsOf(roster.look([record("a", 1), record("b", 2)], LOST_MS).lost)).toEqual(["a"]);
    expect(idsOf(roster.live)).toEqual(["b"]);
    expect(idsOf(roster.look([record("a", 2), record("b", 3)], LOST_MS + 500).joined)).toEqual(["a"]);
  });

  it("loses one that signed off at once", () => {
    const roster = new Roster();
    roster.look([record("a", 1)], 0);
    expect(idsOf(roster.look([], 500).lost)).toEqual(["a"]);
  });

  it("does not blame workers for a pause of its own", () => {
    const roster = new Roster();
    roster.look([record("a", 1)], 0);
    expect(idsOf(roster.look([record("a", 1)], 60_000).lost)).toEqual([]);
  });

  it("tells once of one that is refused, and gives it no work", () => {
    const roster = new Roster();
    const refused = record("a", 0, { refused: "it has no data" });
    expect(idsOf(roster.look([refused], 0).refused)).toEqual(["a"]);
    expect(idsOf(roster.look([refused], 5000).refused)).toEqual([]);
    expect(roster.live).toEqual([]);
    expect(idsOf(roster.refused)).toEqual(["a"]);
  });
});
