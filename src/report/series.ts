import { groupBy, unique } from "../evaluation/group.ts";
import { bySource, groupOf, isPlain, methodKey, plainOf } from "../evaluation/method-id.ts";
import type { MethodId, Results } from "../evaluation/results.ts";
import type { Series } from "./figures.ts";
import { listed, plural } from "./format.ts";
import { cleanText, type Html, html } from "./html.ts";
import type { Labels } from "./labels.ts";
import { seriesColor } from "./theme.ts";

/** A record of one method. */
interface Of {
  readonly method: MethodId;
}

/** The methods of some records, each once, in order of first appearance. */
export function methodsIn(records: readonly Of[]): MethodId[] {
  return [...groupBy(records, ({ method }) => methodKey(method)).values()].map(([first]) => first!.method);
}

/**
 * Colour and dash of every method, by its key: learned ones solid, hand-designed ones dashed. In order of first appearance,
 * with other dashes once the colours repeat; in the paper's experiment by what they are.
 */
export function seriesOf(results: Results, labels: Labels): Map<string, Series> {
  const { evaluations, sharpness, sharpnessAtLoss = [], metaTraining } = results;
  const methods = methodsIn([...evaluations, ...sharpness, ...sharpnessAtLoss, ...metaTraining]);
  if (results.kind === "reproduce-paper") return paperSeries(methods, labels);
  const learned = learnedKeys(results);
  const dashes = { learned: [undefined, "12 3"], other: ["6 3.5", "2 3"] } as const;
  return new Map(
    methods.map((method, i) => {
      const key = methodKey(method);
      const dash = dashes[learned.has(key) ? "learned" : "other"][(i >> 3) % 2];
      const name = oneLine(labels.method(method));
      return [key, { name, color: seriesColor(i), ...(dash !== undefined && { dash }) }];
    }),
  );
}

/** Colours are regularizers, long dashes further sources; hand-designed optimizers take the colours that are left. */
function paperSeries(methods: readonly MethodId[], labels: Labels): Map<string, Series> {
  const learned = methods.filter(({ source }) => source !== undefined);
  const regularizers = unique(learned.map(({ regularizer }) => regularizer));
  const sources = bySource(learned.map((method) => ({ method }))).map(({ source }) => String(source));
  const bases = unique(
    methods.filter(({ source }) => source === undefined).map(({ optimizer }) => optimizer),
  );
  return new Map(
    methods.map((method): [string, Series] => {
      const { optimizer, regularizer, source } = method;
      const name = oneLine(labels.method(method));
      if (source === undefined) {
        const color = seriesColor(regularizers.length + bases.indexOf(optimizer));
        return [methodKey(method), { name, color, dash: isPlain(method) ? "6 3.5" : "2 3" }];
      }
      const place = sources.indexOf(String(source));
      return [
        methodKey(method),
        {
          name,
          short: oneLine(`${labels.regularizer(regularizer)} ← ${source.join(", ")}`),
          color: seriesColor(regularizers.indexOf(regularizer)),
          ...(place > 0 && { dash: place === 1 ? "14 3" : "14 3 3 3" }),
        },
      ];
    }),
  );
}

/** Series within one source: named by regularizer and meta-seed, further meta-seeds dashed. */
export function seriesWithin(
  runs: readonly Of[],
  all: ReadonlyMap<string, Series>,
  labels: Labels,
): Series[] {
  const seeds = unique(runs.map(({ method }) => method.metaSeed));
  return runs.map(({ method }) => {
    const place = seeds.indexOf(method.metaSeed);
    const number = seeds.length === 1 ? "" : ` #${method.metaSeed ?? 0}`;
    return {
      name: `${labels.regularizer(method.regularizer)}${number}`,
      color: all.get(methodKey(method))!.color,
      ...(place > 0 && { dash: place === 1 ? "6 3.5" : "2 3" }),
    };
  });
}

/** More optimizers than this cannot be told apart in one figure, unless colours say what they are. */
const MOST_SERIES = 8;

function learnedKeys({ metaTraining, evaluations }: Results): Set<string> {
  const learned = [...metaTraining, ...evaluations.filter(({ group }) => group === "learned")];
  return new Set(learned.map(({ method }) => methodKey(method)));
}

/**
 * The results with the optimizers that figures have room for: all of them, or the learned ones of the first meta-seed of
 * each source, and the hand-designed ones that sharpness was measured for.
 */
export function withFewOptimizers(results: Results): Results {
  const { evaluations, sharpness, sharpnessAtLoss, metaTraining } = results;
  const keys = methodsIn([...evaluations, ...sharpness]).map(methodKey);
  if (keys.length <= MOST_SERIES) return results;
  const learned = learnedKeys(results);
  const groups = groupBy(metaTraining, ({ method }) => methodKey(groupOf(method)));
  const repeated = new Set(
    [...groups.values()].flatMap(([_, ...others]) => others.map(({ method }) => methodKey(method))),
  );
  const measured = new Set(sharpness.map(({ method }) => methodKey(method)));
  const most = results.kind === "reproduce-paper" ? MOST_SERIES + 2 : MOST_SERIES;
  const hand = keys
    .filter((key) => !learned.has(key) && (measured.size === 0 || measured.has(key)))
    .slice(0, MOST_SERIES / 2);
  const first = keys.filter((key) => learned.has(key) && !repeated.has(key)).slice(0, most - hand.length);
  const shown = new Set([...first, ...hand]);
  const kept = <R extends Of>(records: readonly R[]): R[] =>
    records.filter(({ method }) => shown.has(methodKey(method)));
  return {
    ...results,
    evaluations: kept(evaluations),
    sharpness: kept(sharpness),
    ...(sharpnessAtLoss && { sharpnessAtLoss: kept(sharpnessAtLoss) }),
  };
}

/** Says which optimizers figures show, where there were too many. */
export function shownNote(all: readonly Of[], shown: readonly Of[], labels: Labels): Html | string {
  const names = methodsIn(shown).map(labels.method);
  const left = methodsIn(all).length - names.length;
  if (left === 0 || names.length === 0) return "";
  return html`<p>The figures show ${listed(names)}; the tables have the numbers of the other ${plural(left, "optimizer").replace(/^one /, "")} too.</p>`;
}

/** The family of a method in the figure of prices: its optimizer, and its source if it has one. */
export function familyOf(method: MethodId): MethodId {
  return groupOf(plainOf(method));
}

/** A figure would set a second line of a name below the first. */
function oneLine(name: string): string {
  return cleanText(name).replace(/\s+/g, " ").trim();
}
