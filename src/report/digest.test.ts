import { describe, expect, it } from "vitest";
import { syntheticResults } from "../../test/report/fixture.ts";
import { paperResults } from "../../test/report/paper-fixture.ts";
import { verdictsOf } from "../analysis/verdicts.ts";
import { answersTable, changesTable, evaluationsTable, handDesignedText, sourcesText } from "./digest.ts";

const results = paperResults({ sharpness: 0.5, accuracy: 0.02 });
const sharper = paperResults({ sharpness: 1.5, accuracy: -0.05 });
const cellsOf = (table: string) =>
  table
    .split("\n")
    .slice(2)
    .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "")));

describe("answersTable", () => {
  it("has a row for every question and a column for every results, each with its own outcome", () => {
    const rows = cellsOf(answersTable([results, sharper]));
    expect(rows.map(([question]) => question)).toHaveLength(4);
    for (const [i, own] of [results, sharper].entries()) {
      expect(rows.map((cells) => /\*\*(.*)\*\*/.exec(cells[i + 1]!)?.[1])).toEqual(
        verdictsOf(own).map(({ outcome }) => outcome),
      );
    }
    // 2 sources × 2 regularizers × 2 radii
    expect(rows[0]![1]).toContain("equal steps: 8 for, 0 against of 8; median −");
  });
});

describe("changesTable", () => {
  it("has a task a row, what plain reaches, and changes that are bold where a test stands behind them", () => {
    const table = changesTable(results, { source: ["mnist/mlp"], steps: 100, measure: "accuracy" });
    expect(table.split("\n")[0]).toBe("| task | plain | with SAM | with GAM | best hand-designed |");
    const [home, away] = cellsOf(table);
    expect(home![0]).toBe("mnist/mlp");
    expect(away![0]).toBe("cifar-10/cnn (JPEG copy)");
    expect(home![2]).toMatch(/^\*\*\+(1\.9|2\.0|2\.1)\*\* \[\+/);
    expect(away![4]).toMatch(/^Adam: 90\.\d \[/);
  });

  it("gives eigenvalues as ratios, with no hand-designed optimizer beside them", () => {
    const [home] = cellsOf(
      changesTable(results, { source: ["mnist/mlp"], steps: 100, measure: "topEigenvalue" }),
    );
    expect(home).toHaveLength(4);
    expect(home![2]).toMatch(/^\*\*−(49|50|51)\*\*/);
  });
});

describe("the rest of a digest", () => {
  it("names sources and hand-designed optimizers", () => {
    expect(sourcesText(results)).toBe("`mnist/mlp` (two meta-seeds) and `cifar-10/cnn` (two meta-seeds)");
    expect(handDesignedText(results)).toBe("1: Adam");
    const [record] = results.tuning!;
    const tuning = ["adam", "sgd"].flatMap((optimizer) =>
      ["none", "sam"].map((regularizer) => ({ ...record!, method: { optimizer, regularizer } })),
    );
    expect(handDesignedText({ ...results, tuning })).toBe(
      "4: Adam and SGD, each alone and with explicit SAM",
    );
  });

  it("lists losses and metrics of every optimizer", () => {
    const small = syntheticResults({ steps: [100], seeds: 3 });
    const rows = cellsOf(evaluationsTable(small));
    expect(rows.map((cells) => cells[1])).toEqual(["`LSTM`", "`LSTM + SAM`", "`Adam`", "`Adam + SAM`"]);
    for (const cells of rows) expect(cells[5]).toMatch(/^\d\d\.\d \[\d\d\.\d, \d\d\.\d\]$/);
  });
});
