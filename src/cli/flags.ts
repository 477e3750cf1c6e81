import { LowlandError } from "../errors.ts";
import { parseNumber } from "../spec.ts";

/** A flag that is given or not. */
export interface Toggle {
  readonly kind: "boolean";
  readonly default: false;
  readonly brief: string;
  readonly withNegated: false;
}

/** A flag with a value that may be left out. */
export interface OptionalFlag<T> {
  readonly kind: "parsed";
  readonly parse: (text: string) => T;
  readonly optional: true;
  readonly brief: string;
  readonly placeholder: string;
}

/** A flag that is given or not, with what help says of it. */
export const toggle = (brief: string): Toggle => ({
  kind: "boolean",
  default: false,
  brief,
  withNegated: false,
});

/** A flag that may be left out, its value read by `parse`. */
export const optional = <T>(
  parse: (text: string) => T,
  brief: string,
  placeholder: string,
): OptionalFlag<T> => ({ kind: "parsed", parse, optional: true, brief, placeholder });

/** The flag every command that has results takes. */
export const jsonFlag: Toggle = toggle("Print one JSON document");

/** For commands that leave results in a directory. */
export const extendFlag: Toggle = toggle(
  "Keep the runs that are there, of whatever settings, and add what is missing",
);

/** Refuses `--force` beside `--extend`. */
export function excludeForce({ force, extend }: { force: boolean; extend: boolean }): void {
  if (force && extend) throw new LowlandError("E_USAGE", "--extend and --force exclude each other; keep one");
}

/** Where datasets are looked for first. */
export const dataDirFlag: OptionalFlag<string> = optional(
  String,
  "Folder to look for datasets in first",
  "dir",
);

/** For commands whose work others may do. */
export const clusterFlag: OptionalFlag<string> & { readonly inferEmpty: true } = {
  ...optional(
    String,
    "Leave the work to the lowland workers at this Redis (without a value: LOWLAND_REDIS); the same bits",
    "redis",
  ),
  inferEmpty: true,
};

/** For commands that go through a grid of runs. */
export const threadsFlag: OptionalFlag<number> = optional(
  integer(1),
  "Worker threads (default: all cores); any number gives the same bits",
  "n",
);

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
