// Types and readers of plain data from one table of names: what a field is called, and what may stand in it.

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** By name of a record: its fields and what they hold. `"..."` takes over the fields of another record. */
export type Table = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface Primitives {
  readonly string: string;
  readonly boolean: boolean;
  readonly json: Json;
  readonly number: number;
  readonly integer: number;
  readonly count: number;
  readonly size: number;
  readonly positive: number;
  readonly measured: number | null;
}

type Choice<Text extends string> = Text extends `${infer First}|${infer Rest}`
  ? Choice<First> | Choice<Rest>
  : Text extends `${infer Digits extends number}`
    ? Digits
    : Text;

type Value<T extends Table, Text extends string> = Text extends `${infer Item}[]`
  ? readonly Value<T, Item>[]
  : Text extends `${infer Item}{}`
    ? Readonly<Record<string, Value<T, Item>>>
    : Text extends keyof Primitives
      ? Primitives[Text]
      : Text extends keyof T
        ? Read<T, Text>
        : Choice<Text>;

type Fields<T extends Table, F> = {
  readonly [K in keyof F as K extends "..." ? never : F[K] extends `${string}?` ? never : K]: Value<
    T,
    F[K] & string
  >;
} & {
  readonly [K in keyof F as F[K] extends `${string}?` ? K : never]?: F[K] extends `${infer Text}?`
    ? Value<T, Text>
    : never;
};

/** The type of a record of a table. */
export type Read<T extends Table, Name extends keyof T> = Fields<T, T[Name]> &
  (T[Name] extends { readonly "...": infer Base extends keyof T } ? Read<T, Base> : unknown);

const EXPECTED: Readonly<Record<keyof Primitives, readonly [string, (value: unknown) => boolean]>> = {
  string: ["a string", (value) => typeof value === "string"],
  boolean: ["true or false", (value) => typeof value === "boolean"],
  json: ["a value", (value) => value !== undefined],
  number: ["a number", Number.isFinite],
  integer: ["an integer", Number.isSafeInteger],
  count: ["an integer from 0", (value) => Number.isSafeInteger(value) && (value as number) >= 0],
  size: ["a number from 0", (value) => Number.isFinite(value) && (value as number) >= 0],
  positive: ["a number above 0", (value) => Number.isFinite(value) && (value as number) > 0],
  measured: ["a number or null", (value) => value === null || Number.isFinite(value)],
};

/** The first fault of `value` read as `text` says, with its place; undefined if it is what the table says. */
export function faultOf(table: Table, text: string, value: unknown, place = ""): string | undefined {
  const expected = (what: string) => `${place || "its top"}: expected ${what}, not ${shown(value)}`;
  if (text.endsWith("[]")) {
    if (!Array.isArray(value)) return expected("a list");
    return first(value, (item, i) => faultOf(table, text.slice(0, -2), item, `${place}[${i}]`));
  }
  const fields = table[text];
  const byName = text.endsWith("{}");
  if (fields !== undefined || byName) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return expected("an object");
    const own = value as Readonly<Record<string, unknown>>;
    const at = (name: string) => (place === "" ? name : `${place}.${name}`);
    if (fields === undefined) {
      return first(Object.entries(own), ([name, item]) => faultOf(table, text.slice(0, -2), item, at(name)));
    }
    return first(Object.entries(fields), ([name, type]) => {
      if (name === "...") return faultOf(table, type, value, place);
      const optional = type.endsWith("?");
      if (optional && own[name] === undefined) return undefined;
      return faultOf(table, optional ? type.slice(0, -1) : type, own[name], at(name));
    });
  }
  if (Object.hasOwn(EXPECTED, text)) {
    const [what, holds] = EXPECTED[text as keyof Primitives];
    return holds(value) ? undefined : expected(what);
  }
  return text.split("|").includes(String(value)) ? undefined : expected(text.replaceAll("|", " or "));
}

function first<T>(
  items: readonly T[],
  fault: (item: T, i: number) => string | undefined,
): string | undefined {
  for (const [i, item] of items.entries()) {
    const found = fault(item, i);
    if (found !== undefined) return found;
  }
  return undefined;
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
