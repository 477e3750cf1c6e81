import { LowlandError } from "../errors.ts";
import { parseNumber } from "../spec.ts";

/** The flag every command that has results takes. */
export const jsonFlag: {
  readonly kind: "boolean";
  readonly default: false;
  readonly brief: string;
  readonly withNegated: false;
} = { kind: "boolean", default: false, brief: "Print one JSON document", withNegated: false };

/** For commands that leave results in a directory. */
export const extendFlag: {
  readonly kind: "boolean";
  readonly default: false;
  readonly brief: string;
  readonly withNegated: false;
} = {
  kind: "boolean",
  default: false,
  brief: "Keep the runs that are there, of whatever settings, and add what is missing",
  withNegated: false,
};

/** Refuses `--force` beside `--extend`. */
export function excludeForce({ force, extend }: { force: boolean; extend: boolean }): void {
  if (force && extend) throw new LowlandError("E_USAGE", "--extend and --force exclude each other; keep one");
}

/** Where datasets are looked for first. */
export const dataDirFlag: {
  readonly kind: "parsed";
  readonly parse: (text: string) => string;
  readonly optional: true;
  readonly brief: string;
  readonly placeholder: string;
} = {
  kind: "parsed",
  parse: String,
  optional: true,
  brief: "Folder to look for datasets in first",
  placeholder: "dir",
};

function expected(what: string, text: string): LowlandError {
  return new LowlandError("E_USAGE", `must be ${what}, not ${JSON.stringify(text)}; correct it`);
}

/** Parses an integer of at least `min`. */
export function integer(min: number): (text: string) => number {
  return (text) => {
    const value = parseNumber(text);
    if (value === undefined || !Number.isSafeInteger(value) || value < min) {
      throw expected(`an integer ≥ ${min}`, text);
    }
    return value;
  };
}

/** Parses a number above 0. */
export function positive(text: string): number {
  const value = parseNumber(text);
  if (value === undefined || value <= 0) throw expected("a number > 0", text);
  return value;
}

/** Parses a number of at least 0. */
export function nonNegative(text: string): number {
  const value = parseNumber(text);
  if (value === undefined || value < 0) throw expected("a number ≥ 0", text);
  return value;
}

/** Parses a comma-separated list, each item by `parse`; one trailing comma is allowed. */
export function list<T>(parse: (text: string) => T): (text: string) => T[] {
  return (text) => {
    const items = text
      .replace(/,$/, "")
      .split(",")
      .map((item) => item.trim());
    if (items.some((item) => item === "")) throw expected("a comma-separated list without empty items", text);
    return items.map(parse);
  };
}

/** Parses a list by `parse` and refuses it if something is in it twice: it would count as two. */
export function distinct<T>(parse: (text: string) => readonly T[], what: string): (text: string) => T[] {
  return (text) => {
    const values = [...parse(text)];
    if (new Set(values).size !== values.length) throw expected(`a list of distinct ${what}`, text);
    return values;
  };
}

/** Parses a list of radii: distinct numbers above 0, in the order given. */
export const radii: (text: string) => number[] = distinct(list(positive), "radii");

/** Parses seeds: `5` is the five seeds 0 to 4, `3,7` those two, `7,` that one. */
export function seeds(text: string): number[] {
  if (!text.includes(",")) return Array.from({ length: integer(1)(text) }, (_, seed) => seed);
  return distinct(list(integer(0)), "seeds")(text);
}
