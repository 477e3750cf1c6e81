import { createHash } from "node:crypto";
// Display names: made here of identities, where something is printed, and never taken apart again.
import { groupBy, unique } from "../evaluation/group.ts";
import { bySource, groupOf, isPlain, methodKey } from "../evaluation/method-id.ts";
import type { DatasetRecord, MethodId, Results } from "../evaluation/results.ts";
import { type Format, percent, significant } from "./format.ts";
import { measureWords } from "./words.ts";

const OPTIMIZERS: Readonly<Record<string, string>> = {
  sgd: "SGD",
  momentum: "Momentum",
  nesterov: "Nesterov",
  rmsprop: "RMSProp",
  adam: "Adam",
  adamw: "AdamW",
  soap: "SOAP",
  lion: "Lion",
  muon: "Muon",
  lstm: "LSTM",
  rnnprop: "RNNprop",
  mlp: "MLP",
  "adafac-mlp": "Adafac MLP",
  "celo2-base": "Celo2-base",
  celo2: "Celo2",
  celo: "Celo",
};

/** What things are called on one page. */
export interface Labels {
  /** `LSTM + SAM from mnist/mlp #1`, `Adam + SAM`; in an evaluation the spec string. */
  method(id: MethodId): string;
  /** `SAM`; `plain` for none. */
  regularizer(name: string): string;
  /** The task with what its reader has to know of the data: `cifar-10/cnn (JPEG copy)`. */
  task(name: string): string;
  /** Meta-training tasks, joined by commas. */
  source(tasks: readonly string[] | undefined): string;
  /** `Test accuracy`, `Maximum loss`. */
  measure(name: string): string;
  /** Writes a value, a difference, and the unit of a difference. */
  value(measure: string): Format;
  difference(measure: string, scale?: "share"): Format;
  unit(measure: string): string;
}

/** What the things in some results are called. */
export function labelsOf(results: Results): Labels {
  const { kind, metrics, regularizers, metaTraining, evaluations, datasets = [] } = results;
  const verbatim = kind === "evaluate" || kind === "sharpness";
  const sources = bySource(metaTraining).map(({ source }) => source);
  const home = unique(evaluations.map(({ task }) => sources[0]?.includes(task) ?? false));
  const learned = (kind === "reproduce-transfer" ? [...metaTraining, ...evaluations] : metaTraining)
    .map(({ method }) => method)
    .filter(({ source }) => source);
  const groups = groupBy([...new Map(learned.map((own) => [methodKey(own), own])).values()], (own) =>
    methodKey(groupOf(own)),
  );
  const notes = new Map(datasets.map((dataset) => [dataset.name, shortNote(dataset)]));
  const metricNamed = (name: string) => metrics.find((metric) => metric.name === name);
  const isShare = (measure: string) => metricNamed(measure)?.format === "percent";
  const regularizer = (name: string) =>
    name === "none" ? "plain" : (regularizers[name]?.label ?? name.toUpperCase());
  const namesakes = new Map<string, Set<string>>();
  for (const own of learned) {
    const name = ownName(own, regularizer);
    namesakes.set(name, (namesakes.get(name) ?? new Set()).add(String(own.source)));
  }
  const task = (name: string): string => {
    const note = notes.get(name.split("/")[0]!);
    return note === undefined ? name : `${name} (${note})`;
  };
  return {
    method(id) {
      const { optimizer, source, metaSeed } = id;
      if (verbatim) return isPlain(id) ? optimizer : `${optimizer}+${id.regularizer}`;
      const own = ownName(id, regularizer);
      // where nothing was meta-trained at home, tasks are named only to tell two of one name apart
      const ambiguous =
        kind === "reproduce-transfer"
          ? (namesakes.get(own)?.size ?? 0) > 1
          : sources.length > 1 || home.length > 1;
      const from = source !== undefined && ambiguous ? ` from ${source.join(", ")}` : "";
      const repeated = (groups.get(methodKey(groupOf(id)))?.length ?? 0) > 1;
      return `${own}${from}${metaSeed !== undefined && repeated ? ` #${metaSeed}` : ""}`;
    },
    regularizer,
    task,
    source: (tasks = []) => tasks.map(task).join(", "),
    measure(name) {
      const metric = metricNamed(name);
      return metric === undefined ? (measureWords(name)?.label ?? name) : `Test ${metric.label}`;
    },
    value: (measure) => (isShare(measure) ? percent : significant),
    difference(measure, scale) {
      if (isShare(measure)) return percent;
      return scale === "share" ? (value) => `${percent(value)}\u00a0%` : significant;
    },
    unit: (measure) => (isShare(measure) ? " points" : ""),
  };
}

/** `LSTM + SAM`, `Celo2-base (held out) + SAM`. */
function ownName(id: MethodId, regularizer: (name: string) => string): string {
  const { optimizer, recipe } = id;
  const name = `${OPTIMIZERS[optimizer] ?? optimizer}${recipe === undefined ? "" : ` (${recipe})`}`;
  return isPlain(id) ? name : `${name} + ${regularizer(id.regularizer)}`;
}

/** What a note says first, up to its first mark: `JPEG copy`. No comma: lists of tasks are joined by them. */
export function shortNote({ note }: DatasetRecord): string | undefined {
  const first = note?.split(/[,:;.(]/)[0]?.trim();
  return first ? first : undefined;
}

/** What a method of an experiment is called where no results are at hand: folders, progress, errors. */
export function fullName(
  id: MethodId,
  label: (regularizer: string) => string = (name) => name.toUpperCase(),
): string {
  const { source = [], metaSeed } = id;
  const from = source.length === 0 ? "" : ` from ${source.join(", ")}`;
  return `${ownName(id, label)}${from}${metaSeed === undefined ? "" : ` #${metaSeed}`}`;
}

/** Letters of a file's name that are kept: file systems end at 255 bytes. */
const LONGEST_SLUG = 150;

/** A name as a folder or file: `lstm-sam-from-mnist-mlp-0`; the middle of a long one is its SHA-256. */
export function slug(name: string): string {
  const whole = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  if (whole.length <= LONGEST_SLUG) return whole;
  const hash = createHash("sha256").update(whole).digest("hex").slice(0, 12);
  const ends = (LONGEST_SLUG - hash.length) / 2 - 1;
  return `${whole.slice(0, ends)}-${hash}-${whole.slice(-ends)}`;
}
