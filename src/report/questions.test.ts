import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { paperResults } from "../../test/report/paper-fixture.ts";
import { isSameMethod, methodKey } from "../evaluation/method-id.ts";
import { formatResults, parseResults } from "../evaluation/results-file.ts";
import { dataNotes } from "./datasets.ts";
import { heatMap } from "./heatmap.ts";
import { labelsOf, shortNote, slug } from "./labels.ts";
import { renderReport } from "./page.ts";
import { methodsIn, seriesOf, withFewOptimizers } from "./series.ts";

const results = paperResults({ sharpness: 0.5, accuracy: 0.02 });
const adam = { optimizer: "adam", regularizer: "none" };
const labels = labelsOf(results);
const page = renderReport(results);
const { document } = parseHTML(page);

describe("the page of the paper's experiment", () => {
  it("answers the four questions first, each with its outcome, and at a glance at the top", () => {
    const ids = [...document.querySelectorAll("main section")].map(({ id }) => id);
    expect(ids.slice(0, 4)).toEqual([
      "question-learned",
      "question-transfer",
      "question-radius",
      "question-cost",
    ]);
    for (const id of ids.slice(0, 4)) {
      const section = document.getElementById(id)!;
      expect(section.querySelector(".chip")?.textContent).toBe("reproduced");
      expect(section.querySelector("figure svg, table")).not.toBeNull();
    }
    const glance = [...document.querySelectorAll(".answers tbody tr")].map((row) => row.textContent);
    expect(glance.length).toBe(4);
    // two sources × two regularizers × two radii
    expect(glance[0]).toMatch(/^Can a regularizer be learned\?reproduced8 · 0 · 0/);
  });

  it("says what limits it, and what its words mean", () => {
    const text = document.querySelector("header aside")!.textContent;
    expect(text).toContain("Undecided does not mean absent");
    expect(document.querySelectorAll("header dt").length).toBeGreaterThan(5);
  });

  it("marks the settings that were used, not those a search preferred, where it was not followed", () => {
    const ignored = results.search!.map((record) => ({ ...record, chosen: "sam:rho=0.2" }));
    const other = parseHTML(renderReport({ ...results, search: ignored })).document;
    const choices = other.getElementById("choices")!;
    expect(choices.textContent).toContain("was not followed");
    expect([...choices.querySelectorAll(".best")].map(({ textContent }) => textContent)).toEqual([
      "sam:rho=0.05",
    ]);
  });

  it("lists no single spec for an optimizer that had several", () => {
    const twice = results.evaluations.map((record) =>
      isSameMethod(record.method, adam) && record.task !== "mnist/mlp"
        ? { ...record, spec: "adam:lr=0.5" }
        : record,
    );
    const other = parseHTML(renderReport({ ...results, evaluations: twice })).document;
    const row = [...other.querySelectorAll("#settings tr")].find(
      (each) => each.querySelector("th")?.textContent === "Adam",
    );
    expect(row!.textContent).toContain("2 settings by task and number of steps");
  });

  it("says the opposite of the opposite data", () => {
    const other = parseHTML(renderReport(paperResults({ sharpness: 1.5, accuracy: -0.05 }))).document;
    expect(other.querySelector("#question-learned .chip")?.textContent).toBe("not reproduced");
  });

  it("draws the transfer matrix as coloured tables of sources and regularizers by tasks", () => {
    const all = [...document.querySelectorAll("#question-transfer table.heat")];
    const maps = all.filter((map) => map.closest("details") === null);
    expect(maps.length).toBe(4);
    const captions = all.slice(4).map((map) => map.querySelector("caption b")!.textContent);
    for (const name of ["Surrogate gap within 0.1", "Maximum gradient norm within 0.005", "Training loss"]) {
      expect(captions.filter((caption) => caption.startsWith(name)).length).toBe(1);
    }
    expect(new Set(captions).size).toBe(captions.length);
    const changes = maps[1]!;
    expect([...changes.querySelectorAll("thead th")].slice(1).map((cell) => cell.textContent)).toEqual([
      "mnist/mlp",
      "cifar-10/cnn (JPEG copy)",
    ]);
    const row = [...changes.querySelectorAll("tbody tr:not(.group)")][0]!;
    expect(row.querySelector("th")?.textContent).toBe("SAM");
    const [home, away] = [...row.querySelectorAll("td")];
    expect(home!.textContent).toMatch(/^● \+(1\.9|2\.0|2\.1)$/);
    expect(away!.getAttribute("style")).toContain("var(--good)");
    expect(away!.querySelector("b")).not.toBeNull();
  });

  it("marks every row of a dataset that is not the original one", () => {
    const text = document.body.textContent;
    expect(text).toContain("cifar-10: JPEG copy: all images re-encoded at quality 75.");
    expect(text).toContain("not verified against an official checksum");
    for (const cell of document.querySelectorAll("th, td, h3, summary")) {
      if (cell.closest("#settings") !== null) continue;
      const bare = cell.textContent.replaceAll("cifar-10/cnn (JPEG copy)", "");
      // names of optimizers say their source by its plain name
      expect(bare.replace(/from cifar-10\/cnn/g, "")).not.toContain("cifar-10/cnn");
    }
  });

  it("shows how settings were chosen and what each stage was expected to take", () => {
    expect(document.getElementById("choices")!.textContent).toContain("sam:rho=0.05");
    expect(document.getElementById("choices")!.querySelector(".best")?.textContent).toBe("sam:rho=0.05");
    expect(document.getElementById("provenance")!.textContent).toContain("20 min 34 s, 224 runs");
  });

  it("is accessible, self-contained, the same every time, and free of missing numbers", () => {
    expect(renderReport(parseResults(formatResults(results), "x"))).toBe(page);
    expect(page).not.toMatch(/NaN|undefined|\[object|Infinity|https?:\/\//);
    for (const header of document.querySelectorAll("th")) expect(header.hasAttribute("scope")).toBe(true);
    for (const table of document.querySelectorAll("table"))
      expect(table.querySelector("caption")?.textContent?.trim()).toBeTruthy();
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("seriesOf", () => {
  it("colours learned optimizers by regularizer and dashes further sources", () => {
    const series = seriesOf(results, labels);
    const of = (regularizer: string, source: string) =>
      series.get(methodKey({ optimizer: "lstm", regularizer, source: [source], metaSeed: 0 }))!;
    const [home, away] = ["mnist/mlp", "cifar-10/cnn"] as const;
    expect(of("sam", home).color).toBe(of("sam", away).color);
    expect(of("sam", home).color).not.toBe(of("none", home).color);
    expect(of("sam", home).dash).toBeUndefined();
    expect(of("sam", away).dash).toBeDefined();
    expect(of("sam", away).short).toBe("SAM ← cifar-10/cnn");
    expect(series.get(methodKey({ ...adam, regularizer: "sam" }))!.color).toBe(
      series.get(methodKey(adam))!.color,
    );
  });
});

describe("withFewOptimizers", () => {
  it("leaves no optimizer out without saying so, and keeps all in the tables", () => {
    const text = document.getElementById("flatness")!.textContent;
    expect(text).toContain("The figures show");
    for (const { method } of results.sharpness) expect(text).toContain(labels.method(method));
  });

  it("keeps what figures have room for: the first meta-seed, and hand-designed ones that were measured", () => {
    const methods = methodsIn(withFewOptimizers(results).evaluations);
    expect(methods.length).toBe(8);
    expect(methods.filter(({ metaSeed }) => metaSeed === 1)).toEqual([]);
    expect(methods).toContainEqual({ ...adam, regularizer: "sam" });
  });

  it("leaves few alone", () => {
    const few = { ...results, evaluations: results.evaluations.slice(0, 4), sharpness: [] };
    expect(withFewOptimizers(few)).toBe(few);
  });
});

describe("labelsOf", () => {
  const id = { optimizer: "lstm", regularizer: "sam", source: ["mnist/mlp"], metaSeed: 1 };

  it("says of a learned optimizer where it is from, and which repetition it is, where there are several", () => {
    expect(labels.method(id)).toBe("LSTM + SAM from mnist/mlp #1");
    const { metaSeed: _, ...group } = id;
    expect(labels.method(group)).toBe("LSTM + SAM from mnist/mlp");
    const once = results.metaTraining.filter(({ method }) => method.metaSeed === 0);
    expect(labelsOf({ ...results, metaTraining: once }).method(id)).toBe("LSTM + SAM from mnist/mlp");
    const alone = once.filter(({ method }) => method.source?.join() === "mnist/mlp");
    const home = results.evaluations.filter(({ task }) => task === "mnist/mlp");
    expect(labelsOf({ ...results, metaTraining: alone, evaluations: home }).method(id)).toBe("LSTM + SAM");
  });

  it("takes what regularizers say of themselves, and the spec strings of an evaluation as they are", () => {
    const regularizers = { mine: { label: "My own" } };
    expect(labelsOf({ ...results, regularizers }).method({ ...adam, regularizer: "mine" })).toBe(
      "Adam + My own",
    );
    const spec = { optimizer: "adam:lr=0.1", regularizer: "sam:rho=0.05" };
    expect(labelsOf({ ...results, kind: "evaluate" }).method(spec)).toBe("adam:lr=0.1+sam:rho=0.05");
  });

  it("names tasks by themselves without a note", () => {
    const { datasets: _, ...rest } = results;
    expect(labelsOf(rest).task("cifar-10/cnn")).toBe("cifar-10/cnn");
    expect(dataNotes(rest)).toEqual([]);
  });

  it("says where a training set is smaller than sharpness was to be measured on", () => {
    const datasets = [
      { name: "x", kind: "files", checksums: "official", trainingExamples: 1600 },
      { name: "y", kind: "files", checksums: "not official", trainingExamples: 5000 },
    ] as const;
    const told = dataNotes({ ...results, datasets, settings: { examples: 5000 } });
    expect(told[0]).toMatch(/^x: It has 1.600 training examples: .* all of them, not on 5.000\.$/);
    expect(told[1]).toBe("y: Its bytes were not verified against an official checksum.");
    expect(dataNotes({ ...results, datasets, settings: { sharpness: { examples: 1601 } } })).toHaveLength(2);
    expect(dataNotes({ ...results, datasets, settings: {} })).toHaveLength(1);
  });

  it("labels sources that are several tasks", () => {
    expect(labels.source(["mnist/mlp", "cifar-10/cnn"])).toBe("mnist/mlp, cifar-10/cnn (JPEG copy)");
  });

  it("takes the label from the beginning of the note", () => {
    const note = (text: string) => shortNote({ name: "x", kind: "files", checksums: "official", note: text });
    expect(note("JPEG copy: quality 75.")).toBe("JPEG copy");
    expect(note("Half of it. The first.")).toBe("Half of it");
    expect(note(": nothing")).toBeUndefined();
  });
});

describe("heatMap", () => {
  const map = (values: readonly (number | null)[], good: "lower" | "higher" | "none") => {
    const cells = values.map((value) => ({ value, text: value === null ? "–" : String(value) }));
    const { markup } = heatMap({
      title: "t",
      note: "n",
      columns: values.map((_, i) => `c${i}`),
      rows: [{ group: "", name: "r", cells }],
      good,
    });
    return [...parseHTML(markup).document.querySelectorAll("td")].map((cell) => cell.getAttribute("style"));
  };

  it("colours by sign what is good in one direction, the stronger the larger", () => {
    const [low, small, high] = map([-2, -1, 2], "lower");
    expect(low).toContain("var(--good) 42%");
    expect(small).toContain("var(--good) 21%");
    expect(high).toContain("var(--bad) 42%");
    expect(map([2], "higher")[0]).toContain("var(--good)");
  });

  it("colours from the lowest to the highest where no sign is good, and leaves gaps bare", () => {
    const [lowest, gap, highest] = map([0.5, null, 0.9], "none");
    expect(lowest).toContain(" 0%");
    expect(gap).toBeNull();
    expect(highest).toContain(" 42%");
  });

  it("does not let one runaway cell bleach all the others", () => {
    const styles = map([...Array(19).fill(-0.1), -100], "lower");
    expect(styles[0]).toContain("42%");
  });
});

describe("slug", () => {
  it("is a file's name however long the method's is, another one for another method", () => {
    const long = (end: string) =>
      `Celo2-base from ${"mnist@8/mlp-relu:hidden=32,batch=64+reparam:low=0.001, ".repeat(9)}${end}`;
    expect(slug("LSTM + SAM from mnist/mlp #0")).toBe("lstm-sam-from-mnist-mlp-0");
    expect(slug(long("#1")).length).toBeLessThanOrEqual(150);
    const middle = slug(long("").replace("mnist", "cifar"));
    expect(new Set([slug(long("#1")), slug(long("#2")), slug(long("")), middle]).size).toBe(4);
    expect(slug(long("#1"))).toMatch(/^celo2-base-from-mnist-.*-1$/);
  });
});
