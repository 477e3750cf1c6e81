import { LowlandError } from "./errors.ts";
import {
  acceptsNumber,
  type ChoiceParameter,
  describeRange,
  type NumberParameter,
  parseNumber,
  splitSpecs,
  unknown,
} from "./spec.ts";

/** A line of text: a spec string or a path. Empty is refused. */
export interface TextField {
  readonly kind: "text";
  readonly default?: string;
  readonly description: string;
}

/** Spec strings, comma-separated on the command line. */
export interface SpecsField {
  readonly kind: "specs";
  readonly default?: readonly string[];
  readonly description: string;
}

/** Numbers, comma-separated on the command line. */
export interface NumbersField {
  readonly kind: "numbers";
  readonly default: readonly number[];
  readonly min?: number;
  readonly max?: number;
  readonly description: string;
}

/** One setting of a configuration; those without a default must be given, unless `optional`. */
export type Field = (NumberParameter | ChoiceParameter | TextField | SpecsField | NumbersField) & {
  /** Name of its flag, where it is not the field's. */
  readonly flag?: string;
  /** What stands for the value in help. */
  readonly placeholder?: string;
  readonly optional?: true;
};

/** A configuration: every setting once, with type, default, range and words. */
export type FieldTable = Readonly<Record<string, Field>>;

type ValueOf<F> = F extends { kind: "text" }
  ? string
  : F extends { kind: "specs" }
    ? readonly string[]
    : F extends { kind: "numbers" }
      ? readonly number[]
      : F extends { choices: readonly (infer C)[] }
        ? C
        : number;

type OptionalNames<T> = { [N in keyof T]: T[N] extends { optional: true } ? N : never }[keyof T];

/** The values of a table, resolved. */
export type FieldValues<T extends FieldTable> = {
  readonly [N in Exclude<keyof T, OptionalNames<T>>]: ValueOf<T[N]>;
} & { readonly [N in OptionalNames<T>]?: ValueOf<T[N]> };

/**
 * Checks a configuration as written against its table, and fills in the defaults.
 *
 * @param source what to call it in messages: the file it came from
 * @throws {LowlandError} E_CONFIG, naming the first field that cannot be, what it may be, and the fields there are
 */
export function resolveFields<T extends FieldTable>(
  input: Readonly<Record<string, unknown>>,
  table: T,
  source: string,
): FieldValues<T> {
  for (const name of Object.keys(input)) {
    if (!Object.hasOwn(table, name)) {
      throw new LowlandError("E_CONFIG", `${source}: ${unknown("field", name, Object.keys(table))}`);
    }
  }
  const entries: [string, unknown][] = [];
  for (const [name, field] of Object.entries(table)) {
    const value = input[name] === undefined ? field.default : input[name];
    if (value === undefined) {
      if (field.optional) continue;
      throw new LowlandError("E_CONFIG", `${source}: ${name} is missing; give ${describeField(field)}`);
    }
    if (!fits(value, field)) {
      throw new LowlandError(
        "E_CONFIG",
        `${source}, ${name}: ${JSON.stringify(value)} is not ${describeField(field)}; correct it`,
      );
    }
    entries.push([name, value]);
  }
  return Object.fromEntries(entries) as FieldValues<T>;
}

/** What a field accepts, in words. */
export function describeField(field: Field): string {
  if (!("kind" in field)) return describeRange(field);
  if (field.kind === "text") return "a line of text";
  if (field.kind === "specs") return "a list of names";
  const bounds = [
    field.min === undefined ? [] : `≥ ${field.min}`,
    field.max === undefined ? [] : `≤ ${field.max}`,
  ].flat();
  return ["a list of numbers", bounds.join(" and ")].join(" ").trim();
}

/** The text of a field's value as the command line takes it. */
export function formatField(value: unknown): string {
  return Array.isArray(value) ? value.join(",") : String(value);
}

/** Reads a field's value from the command line. */
export function parseField(text: string, field: Field): unknown {
  if (!("kind" in field)) return "choices" in field ? text : numberIn(text);
  if (field.kind === "text") return text;
  if (field.kind === "specs") return splitSpecs(text);
  return text.split(",").map(numberIn);
}

/** NaN, which no field accepts, where a text is no number. */
function numberIn(text: string): number {
  return parseNumber(text) ?? Number.NaN;
}

/** Whether a value is one that a field may have. */
export function fits(value: unknown, field: Field): boolean {
  if (!("kind" in field)) {
    if ("choices" in field) return field.choices.includes(value as string);
    return typeof value === "number" && acceptsNumber(value, field);
  }
  const text = (entry: unknown): boolean => typeof entry === "string" && entry !== "";
  if (field.kind === "text") return text(value);
  if (!Array.isArray(value) || value.length === 0) return false;
  if (field.kind === "specs") return value.every(text);
  return value.every(
    (entry) =>
      typeof entry === "number" &&
      acceptsNumber(entry, {
        default: 0,
        description: "",
        ...(field.min !== undefined && { min: field.min }),
        ...(field.max !== undefined && { max: field.max }),
      }),
  );
}
