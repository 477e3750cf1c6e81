import { describe, expect, it } from "vitest";
import { syntheticResults } from "../../test/report/fixture.ts";
import { cardSections } from "./card.ts";

const results = syntheticResults({ steps: [100, 300], seeds: 5 });
const trained = { tasks: ["synthetic-digits/mlp"], steps: 100 };
const of = (changed: typeof results) => cardSections([{ path: "x.json", results: changed }], "LSTM", trained);

describe("cardSections", () => {
  it("has a row for each number of steps at home, beside the best hand-designed optimizer", () => {
    const card = of(results);
    expect(card.match(/^\| synthetic-digits\/mlp \| (100|300) \| 5 \|.*\| Adam: /gm)).toHaveLength(2);
    expect(card).toContain(`Made by \`${results.command}\``);
  });

  it("says of a learning rate whether there is one", () => {
    expect(of(results)).toContain("no learning rate to turn down");
    const card = cardSections([{ path: "x.json", results }], "LSTM", { ...trained, learningRate: true });
    expect(card).not.toContain("no learning rate");
    expect(card).toContain("+scale:by=2");
  });

  it("has a row elsewhere only at the length it was made for", () => {
    const elsewhere = cardSections([{ path: "x.json", results }], "LSTM", {
      ...trained,
      tasks: ["mnist/mlp"],
    });
    expect(elsewhere.match(/^\| synthetic-digits\/mlp \| (\d+)/gm)).toEqual(["| synthetic-digits/mlp | 100"]);
  });

  it("warns where it is clearly behind, worse than before, or diverged", () => {
    expect(of(results)).not.toMatch(/clearly behind|stop it in time|diverged/);
    const evaluations = results.evaluations.map((record) =>
      record.method.optimizer === "lstm" && record.steps === 300
        ? {
            ...record,
            seeds: record.seeds.map((seed) => ({
              ...seed,
              trainLoss: 9,
              metrics: { accuracy: 0.5 + seed.seed / 1e6 },
            })),
            summary: { ...record.summary, diverged: 2 },
          }
        : record,
    );
    const card = of({ ...results, evaluations });
    expect(card).toContain(
      "After 300 steps it is clearly behind the best hand-designed optimizer on synthetic-digits/mlp.",
    );
    expect(card).toContain("After 300 steps its training loss is higher than before on synthetic-digits/mlp");
    expect(card).toContain("2 of 5 runs of 300 steps diverged.");
  });

  it("has no interval below zero, even where one seed ran away", () => {
    const evaluations = results.evaluations.map((record) => ({
      ...record,
      seeds: record.seeds.slice(0, 3).map((seed, i) => (i === 0 ? { ...seed, trainLoss: 5e6 } : seed)),
    }));
    expect(of({ ...results, evaluations })).not.toMatch(/\[−/);
  });

  it("refuses results without it, and says that nothing was measured where there are none", () => {
    expect(() => cardSections([{ path: "x.json", results }], "zoo:x", trained)).toThrow(
      'x.json has no records of "zoo:x"; give --optimizer, one of LSTM, LSTM + SAM, Adam, Adam + SAM',
    );
    expect(cardSections([], "zoo:x", trained)).toContain("None recorded yet");
  });
});
