import methods from "virtual:methods";
import { formatSpec, parseSpec, splitParts } from "../../../src/spec.ts";

/** How the learning rate goes over a training. */
export const SCHEDULES = ["constant", "cosine", "linear"] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

/** A spec string such as `adam:lr=0.01+cosine+sam:rho=0.05`, taken apart for the controls. */
export interface MethodChoice {
  /** `adam`, `zoo:NAME`. */
  readonly optimizer: string;
  readonly learned: boolean;
  /** Learning rate; of a learned optimizer the factor of its updates. */
  readonly rate: number;
  readonly schedule: ScheduleName;
  readonly regularizer: string;
  /** First setting of the regularizer, most often its radius; 0 where it has none. */
  readonly strength: number;
}

const LEARNED = ["zoo", "file", "mine"];

/** Takes a spec string apart. What the controls have no place for is left out. */
export function readMethod(spec: string): MethodChoice {
  const [optimizer = "", ...parts] = partsOf(spec);
  const { name, settings, path } = parseSpec(optimizer);
  const learned = path !== undefined && LEARNED.includes(name);
  const found = parts.map(parseSpec);
  const scale = found.find((combinator) => combinator.name === "scale");
  const schedule = SCHEDULES.find((word) => found.some((combinator) => combinator.name === word));
  const regularizing = found.find((part) => part.name in methods.regularizers) ?? {
    name: "none",
    settings: {},
  };
  const strength = strengthOf(regularizing.name);
  return {
    optimizer: learned ? `${name}:${path}` : name,
    learned,
    rate: learned ? Number(scale?.settings.by ?? 1) : Number(settings.lr ?? defaultRate(name)),
    schedule: schedule ?? "constant",
    regularizer: regularizing.name,
    strength: Number(regularizing.settings[strength?.name ?? ""] ?? strength?.byDefault ?? 0),
  };
}

/** Writes a choice as a spec string. */
export function writeMethod({
  optimizer,
  learned,
  rate,
  schedule,
  regularizer,
  strength,
}: MethodChoice): string {
  const setting = strengthOf(regularizer);
  return [
    learned ? optimizer : formatSpec({ name: optimizer, settings: { lr: rate } }),
    ...(learned && rate !== 1 ? [`scale:by=${rate}`] : []),
    ...(schedule === "constant" ? [] : [schedule]),
    ...(regularizer === "none"
      ? []
      : [formatSpec({ name: regularizer, settings: setting ? { [setting.name]: strength } : {} })]),
  ].join("+");
}

/** Learning rate a hand-designed optimizer starts with. */
export function defaultRate(name: string): number {
  return methods.optimizers[name] ?? 0.01;
}

/** What the field beside a regularizer sets: its first number. */
export function strengthOf(name: string): { name: string; byDefault: number } | undefined {
  return methods.regularizers[name] ?? undefined;
}

/** An optimizer, and what stands behind it; the same parts as `parseMethod` finds. */
function partsOf(spec: string): string[] {
  return splitParts(spec, (name) => methods.combinators.includes(name) || name in methods.regularizers);
}

/** The weights that methods need: their optimizers' names in `WeightFiles`. */
export function weightsOf(specs: readonly string[]): string[] {
  const names = specs.map((spec) => partsOf(spec)[0] ?? "");
  return [...new Set(names.filter((name) => LEARNED.includes(parseSpec(name).name)))];
}
