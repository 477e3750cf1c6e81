// Results of Lowland 0.1.0 (schemaVersion 1) as this version writes them. Records were of display names then; here, and
// nowhere else, names are taken apart.
import { groupOf } from "./method-id.ts";
import type { MethodId } from "./results.ts";

type Old = Readonly<Record<string, unknown>>;

const ACCURACY = {
  name: "accuracy",
  label: "accuracy",
  better: "higher",
  compare: "difference",
  format: "percent",
  range: [0, 1],
};

/** What 0.1.0 called optimizers and regularizers in its names. */
const OPTIMIZERS = ["SGD", "Momentum", "Nesterov", "RMSProp", "Adam", "AdamW", "LSTM"];
const REGULARIZERS: Readonly<Record<string, { label: string; lowers: string }>> = {
  sam: { label: "SAM", lowers: "maxLoss" },
  asam: { label: "ASAM", lowers: "maxLoss" },
  gsam: { label: "GSAM", lowers: "surrogateGap" },
  gam: { label: "GAM", lowers: "maxGradientNorm" },
  "gam-fd": { label: "GAM", lowers: "maxGradientNorm" },
};

const isOld = (value: unknown): value is Old => typeof value === "object" && value !== null;
const list = (value: unknown): Old[] => (Array.isArray(value) ? value.filter(isOld) : []);
const tasksIn = (tasks: unknown): string[] => String(tasks).split(", ");
const nameIn = (spec: unknown): string => String(spec).split(":")[0]!;

/** The same results in schemaVersion 2. What is damaged stays so, for the reader to name its place. */
export function migrateFrom1(old: Old): Old {
  const methods = methodsOf(old);
  // repetitions had a common name: that of one of them without its number
  const groups = new Map([...methods].map(([name, method]) => [name.replace(/ #\d+$/, ""), groupOf(method)]));
  const named = (known: ReadonlyMap<string, MethodId>, name: unknown): unknown =>
    typeof name === "string" ? (known.get(name) ?? byName(name)) : name;
  const identified = ({ optimizer, ...record }: Old): Old => ({
    ...record,
    method: named(methods, optimizer),
  });
  const each = (name: string, change: (record: Old) => Old): Old =>
    Array.isArray(old[name])
      ? { [name]: (old[name] as unknown[]).map((r) => (isOld(r) ? change(r) : r)) }
      : {};
  const regularizers = new Set([...methods.values()].map(({ regularizer }) => nameIn(regularizer)));
  return {
    ...old,
    schemaVersion: 2,
    metrics: JSON.stringify(old.evaluations ?? "").includes('"testAccuracy"') ? [ACCURACY] : [],
    regularizers: Object.fromEntries(Object.entries(REGULARIZERS).filter(([name]) => regularizers.has(name))),
    ...each("metaTraining", ({ name, task: _, metaSeed: __, ...record }) => ({
      ...record,
      method: named(methods, name),
      metaValidationCurve: measured(record.metaValidationCurve),
    })),
    ...each("evaluations", (record) => ({
      ...identified(record),
      seeds: Array.isArray(record.seeds)
        ? record.seeds.map((seed) => (isOld(seed) ? { ...tested(seed), curve: measured(seed.curve) } : seed))
        : record.seeds,
      summary: isOld(record.summary) ? tested(record.summary) : record.summary,
    })),
    ...each("sharpness", identified),
    ...each("sharpnessAtLoss", identified),
    ...each("comparisons", ({ source: _, regularizer: __, measure, ...record }) => ({
      ...record,
      measure: measure === "testAccuracy" ? "accuracy" : measure,
      candidate: named(groups, record.candidate),
      baseline: named(groups, record.baseline),
    })),
    ...each("transfer", ({ source, regularizer, measure, ...record }) => ({
      ...record,
      measure: measure === "testAccuracy" ? "accuracy" : measure,
      method: { optimizer: "lstm", regularizer, source: tasksIn(source) },
    })),
    ...each("search", ({ task, ...record }) => ({
      ...record,
      source: tasksIn(task),
      candidates: measured(record.candidates),
    })),
    ...each("tuning", (record) => ({
      ...identified(record),
      candidates: list(record.candidates).map((candidate) => ({
        ...candidate,
        scores: measured(candidate.scores),
      })),
    })),
  };
}

/** `accuracy` or `validationAccuracy` of every point as one of its metrics. */
function measured(points: unknown): unknown {
  if (!Array.isArray(points)) return points;
  return points.map((point: unknown) => {
    if (!isOld(point)) return point;
    const { accuracy, validationAccuracy = accuracy, ...rest } = point;
    return validationAccuracy === undefined ? rest : { ...rest, metrics: { accuracy: validationAccuracy } };
  });
}

function tested({ testAccuracy, ...rest }: Old): Old {
  return { ...rest, metrics: testAccuracy === undefined ? {} : { accuracy: testAccuracy } };
}

/** Every method by the name its records had. */
function methodsOf(old: Old): Map<string, MethodId> {
  const methods = new Map<string, MethodId>();
  for (const { name, task, regularizer, metaSeed } of list(old.metaTraining)) {
    methods.set(String(name), {
      optimizer: "lstm",
      regularizer: nameIn(regularizer),
      source: tasksIn(task),
      metaSeed: Number(metaSeed ?? 0),
    });
  }
  for (const { optimizer, spec } of list(old.evaluations)) {
    const name = String(optimizer);
    if (!methods.has(name)) methods.set(name, name === spec ? bySpec(name) : byName(name, String(spec)));
  }
  return methods;
}

/** A name that was a spec: an optimizer, then its regularizer. */
function bySpec(spec: string): MethodId {
  const [, optimizer = spec, regularizer = "none"] =
    /^(.+?)\+((?:none|sam|asam|gsam|gam|gam-fd)(?::.*)?)$/.exec(spec) ?? [];
  return { optimizer, regularizer };
}

/** `Adam + GAM`: which of two forms GAM has is in the spec. */
function byName(name: string, spec = ""): MethodId {
  const [label = name, regularizer] = name.split(" + ");
  const known = OPTIMIZERS.find((other) => other === label)?.toLowerCase() ?? label;
  const explicit = /\+([a-z-]+)/.exec(spec)?.[1];
  return {
    optimizer: known,
    regularizer: regularizer === undefined ? "none" : (explicit ?? regularizer.toLowerCase()),
  };
}
