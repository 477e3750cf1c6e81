import { unique } from "../evaluation/group.ts";
import { plainName } from "../evaluation/names.ts";
import type { Results } from "../evaluation/results.ts";
import type { Series } from "./figures.ts";
import { listed, plural } from "./format.ts";
import { cleanText, type Html, html } from "./html.ts";
import { seriesColor } from "./style.ts";

/**
 * Colour and dash of every optimizer: learned ones solid, hand-designed ones dashed. In order of first appearance, with
 * other dashes once the colours repeat; in the paper's experiment by what they are.
 */
export function seriesOf(results: Results): Map<string, Series> {
  const names = unique([
    ...results.evaluations.map(({ optimizer }) => optimizer),
    ...results.sharpness.map(({ optimizer }) => optimizer),
    ...(results.sharpnessAtLoss ?? []).map(({ optimizer }) => optimizer),
    ...results.metaTraining.map(({ name }) => name),
  ]);
  if (results.kind === "reproduce-paper") return paperSeries(results, names);
  const learned = learnedNames(results);
  const dashes = { learned: [undefined, "12 3"], other: ["6 3.5", "2 3"] } as const;
  return new Map(
    names.map((name, i) => {
      const dash = dashes[learned.has(name) ? "learned" : "other"][(i >> 3) % 2];
      return [name, { name: oneLine(name), color: seriesColor(i), ...(dash !== undefined && { dash }) }];
    }),
  );
}

/** Colours are regularizers, long dashes further sources; hand-designed optimizers take the colours that are left. */
function paperSeries({ metaTraining }: Results, names: readonly string[]): Map<string, Series> {
  const runs = new Map(metaTraining.map((run) => [run.name, run]));
  const regularizers = unique(metaTraining.map(({ regularizer }) => regularizer));
  const sources = unique(metaTraining.map(({ task }) => task));
  const bases = unique(names.filter((name) => !runs.has(name)).map(plainName));
  return new Map(
    names.map((name): [string, Series] => {
      const run = runs.get(name);
      if (run === undefined) {
        const color = seriesColor(regularizers.length + bases.indexOf(plainName(name)));
        return [name, { name: oneLine(name), color, dash: name === plainName(name) ? "6 3.5" : "2 3" }];
      }
      const source = sources.indexOf(run.task);
      const color = seriesColor(regularizers.indexOf(run.regularizer));
      return [
        name,
        {
          name: oneLine(name),
          short: oneLine(`${regularizerName(run.regularizer)} ← ${run.task}`),
          color,
          ...(source > 0 && { dash: source === 1 ? "14 3" : "14 3 3 3" }),
        },
      ];
    }),
  );
}

/** `plain`, `SAM`: what a regularizer in the meta-objective is called, by its name or spec. */
export function regularizerName(spec: string): string {
  return spec === "none" ? "plain" : spec.split(":")[0]!.toUpperCase();
}

/** Series within one source: named by regularizer and meta-seed, further meta-seeds dashed. */
export function seriesWithin(runs: Results["metaTraining"], all: ReadonlyMap<string, Series>): Series[] {
  const seeds = unique(runs.map(({ metaSeed }) => metaSeed));
  return runs.map(({ name, regularizer, metaSeed }) => {
    const { color } = all.get(name)!;
    const place = seeds.indexOf(metaSeed);
    const number = seeds.length === 1 ? "" : ` #${metaSeed ?? 0}`;
    return {
      name: `${regularizerName(regularizer)}${number}`,
      color,
      ...(place > 0 && { dash: place === 1 ? "6 3.5" : "2 3" }),
    };
  });
}

/** More optimizers than this cannot be told apart in one figure, unless colours say what they are. */
const MOST_SERIES = 8;

function learnedNames({ metaTraining, evaluations }: Results): Set<string> {
  return new Set([
    ...metaTraining.map(({ name }) => name),
    ...evaluations.filter(({ group }) => group === "learned").map(({ optimizer }) => optimizer),
  ]);
}

/**
 * The results with the optimizers that figures have room for: all of them, or the learned ones of the first meta-seed of
 * each source, and the hand-designed ones that sharpness was measured for.
 */
export function withFewOptimizers(results: Results): Results {
  const { evaluations, sharpness, sharpnessAtLoss, metaTraining } = results;
  const names = unique([...evaluations, ...sharpness].map(({ optimizer }) => optimizer));
  if (names.length <= MOST_SERIES) return results;
  const learned = learnedNames(results);
  const repeated = new Set(
    metaTraining.flatMap(({ name, task, regularizer }) =>
      metaTraining.find((other) => other.task === task && other.regularizer === regularizer)!.name === name
        ? []
        : [name],
    ),
  );
  const measured = new Set(sharpness.map(({ optimizer }) => optimizer));
  const most = results.kind === "reproduce-paper" ? MOST_SERIES + 2 : MOST_SERIES;
  const hand = names
    .filter((name) => !learned.has(name) && (measured.size === 0 || measured.has(name)))
    .slice(0, MOST_SERIES / 2);
  const first = names.filter((name) => learned.has(name) && !repeated.has(name)).slice(0, most - hand.length);
  const shown = new Set([...first, ...hand]);
  const kept = <R extends { readonly optimizer: string }>(records: readonly R[]): R[] =>
    records.filter(({ optimizer }) => shown.has(optimizer));
  return {
    ...results,
    evaluations: kept(evaluations),
    sharpness: kept(sharpness),
    ...(sharpnessAtLoss && { sharpnessAtLoss: kept(sharpnessAtLoss) }),
  };
}

/** Says which optimizers figures show, where there were too many. */
export function shownNote(
  all: readonly { readonly optimizer: string }[],
  shown: readonly { readonly optimizer: string }[],
): Html | string {
  const names = unique(shown.map(({ optimizer }) => optimizer));
  const left = unique(all.map(({ optimizer }) => optimizer)).length - names.length;
  if (left === 0 || names.length === 0) return "";
  return html`<p>The figures show ${listed(names)}; the tables have the numbers of the other ${plural(left, "optimizer").replace(/^one /, "")} too.</p>`;
}

/** A figure would set a second line of a name below the first. */
function oneLine(name: string): string {
  return cleanText(name).replace(/\s+/g, " ").trim();
}
