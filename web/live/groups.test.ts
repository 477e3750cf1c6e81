import { describe, expect, it } from "vitest";
import type { RunSummary } from "../../src/serve/protocol.ts";
import { differingFields, filterRuns, groupRuns, sortRuns } from "./groups.ts";

const run = (name: string, config: Record<string, unknown>, more: Partial<RunSummary> = {}): RunSummary => ({
  id: name,
  name,
  kind: "meta-train",
  status: "finished",
  updatedMs: 0,
  done: 1,
  last: {},
  computing: [],
  config,
  files: [],
  ...more,
});

const runs = [
  run("sam-0", { learned: "lstm", regularizer: "sam", seed: 0 }),
  run("sam-1", { learned: "lstm", regularizer: "sam", seed: 1 }, { status: "crashed" }),
  run("plain-10", { learned: "lstm", regularizer: "none", seed: 0 }, { best: { step: 1, loss: 0.5 } }),
  run("plain-9", { learned: "mlp", regularizer: "none", seed: 0 }, { best: { step: 1, loss: 0.7 } }),
];
const names = (some: readonly RunSummary[]) => some.map(({ name }) => name);

describe("filterRuns", () => {
  it("needs every word, in the field that is named, and none that is excluded", () => {
    const by = (filter: string) => names(filterRuns(runs, { filter, status: "" }));
    expect(by("lstm SAM")).toEqual(["sam-0", "sam-1"]);
    expect(by("seed=1")).toEqual(["sam-1"]);
    expect(by("-regularizer=sam -mlp")).toEqual(["plain-10"]);
    expect(by("status=crashed")).toEqual(["sam-1"]);
    expect(by("nothing=1")).toEqual([]);
    expect(names(filterRuns(runs, { filter: "", status: "crashed" }))).toEqual(["sam-1"]);
  });
});

describe("groupRuns", () => {
  it("puts runs together that differ in their seed only, and names them by what tells them apart", () => {
    const groups = groupRuns(runs, "seeds");
    expect(groups.map((group) => names(group.runs))).toEqual([["sam-0", "sam-1"], ["plain-10"], ["plain-9"]]);
    expect(groups[0]!.label).toBe("learned lstm, regularizer sam");
    expect(groups[1]!.label).toBe("plain-10");
  });

  it("puts runs together by a field", () => {
    const groups = groupRuns(runs, "learned");
    expect(groups.map(({ label }) => label)).toEqual(["learned lstm", "learned mlp"]);
  });
});

describe("the list", () => {
  it("knows which settings differ, and sorts numbers in names as numbers", () => {
    expect(differingFields(runs.slice(0, 2))).toEqual(["seed"]);
    expect(names(sortRuns(runs, "name"))).toEqual(["plain-9", "plain-10", "sam-0", "sam-1"]);
    expect(names(sortRuns(runs, "best")).slice(0, 2)).toEqual(["plain-10", "plain-9"]);
  });
});
