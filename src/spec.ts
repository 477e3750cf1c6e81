import { LowlandError } from "./errors.ts";

/**
 * A parsed spec string. Two forms hold a path and no settings:
 *
 * - `name:PATH` (`learned:runs/plain`): what follows the first colon does not start with `key=`; it is kept whole,
 *   commas and colons included. (A path that does look like `key=…` is written `./key=…`.)
 * - a bare path (`./my-task.mjs`, `../a.mjs`, `/a.mjs`, `file:///a.mjs`, `C:\a.mjs`): `name` is empty.
 */
export interface Spec {
  readonly name: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly path?: string;
}

export type SettingValue = number | boolean | string;

/** A number with its default and the range it may take; bounds are inclusive unless `exclusiveMin` says otherwise. */
export interface NumberParameter {
  readonly default: number;
  readonly min?: number;
  readonly exclusiveMin?: number;
  readonly max?: number;
  readonly integer?: boolean;
  readonly description: string;
}

export interface BooleanParameter {
  readonly default: boolean;
  readonly description: string;
}

/** One word out of a fixed list. */
export interface ChoiceParameter {
  readonly default: string;
  readonly choices: readonly string[];
  readonly description: string;
}

/** Any words without a comma. */
export interface TextParameter {
  readonly default: string;
  readonly description: string;
}

export type Parameter = NumberParameter | BooleanParameter | ChoiceParameter | TextParameter;

/** Everything a spec may set: declared once, checked by `resolveSettings`, printed by the command line. */
export type ParameterTable = Readonly<Record<string, Parameter>>;

/** The values a parameter table gives: every key present, numbers, booleans and words told apart. */
export type Settings<P extends ParameterTable> = {
  readonly [K in keyof P]: P[K]["default"] extends number
    ? number
    : P[K]["default"] extends boolean
      ? boolean
      : string;
};

/** One named thing a spec can build. */
export interface SpecEntry<T> {
  readonly description: string;
  readonly parameters: ParameterTable;
  /** What the path of `name:PATH` points at, for entries that take one. */
  readonly path?: string;
  create(settings: Readonly<Record<string, SettingValue>>, path?: string): T;
}

/** Named entries of one kind: all optimizers, all regularizers. */
export type SpecRegistry<T> = Readonly<Record<string, SpecEntry<T>>>;

export interface ResolvedSpec<T> {
  readonly name: string;
  readonly entry: SpecEntry<T>;
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly path?: string;
}

/**
 * Declares an entry so that `create` gets settings typed by its own table.
 *
 * @example
 * const optimizers: SpecRegistry<Optimizer> = {
 *   sgd: specEntry({
 *     description: "w ← w − lr·g",
 *     parameters: { lr: { default: 0.01, min: 0, description: "learning rate" } },
 *     create: ({ lr }) => sgd({ lr }),
 *   }),
 * };
 * const optimizer = buildSpec("sgd:lr=0.1", "optimizer", optimizers);
 */
export function specEntry<T, const P extends ParameterTable>(entry: {
  readonly description: string;
  readonly parameters: P;
  readonly path?: string;
  readonly create: (settings: Settings<P>, path?: string) => T;
}): SpecEntry<T> {
  return { ...entry, create: (settings, path) => entry.create(settings as Settings<P>, path) };
}

const barePath = /^(\.{1,2}[\\/]|\/|file:|[A-Za-z]:[\\/])/;
const setting = /^([A-Za-z][\w-]*)=(.*)$/s;

/**
 * Parses `name`, `name:key=value,key2=value`, `name:PATH` or a bare path; see `Spec`.
 *
 * @throws E_CONFIG on an empty name, a setting without `=` or value, or a setting given twice.
 */
export function parseSpec(text: string): Spec {
  if (barePath.test(text)) return { name: "", settings: {}, path: text };
  const colon = text.indexOf(":");
  const name = (colon < 0 ? text : text.slice(0, colon)).trim();
  if (name === "") {
    throw new LowlandError("E_CONFIG", `${JSON.stringify(text)} names nothing; write name or name:key=value`);
  }
  if (colon < 0) return { name, settings: {} };
  const rest = text.slice(colon + 1).trim();
  if (rest === "") {
    throw new LowlandError(
      "E_CONFIG",
      `nothing follows the colon of ${JSON.stringify(text)}; write ${name} or ${name}:key=value`,
    );
  }
  if (!setting.test(rest)) return { name, settings: {}, path: rest };
  const settings = new Map<string, string>();
  for (const piece of rest.split(",")) {
    const match = setting.exec(piece.trim());
    const value = match?.[2]?.trim();
    if (!match || !value) {
      throw new LowlandError(
        "E_CONFIG",
        `${JSON.stringify(piece)} in ${JSON.stringify(text)} is not key=value; write name:key=value,key2=value`,
      );
    }
    const key = match[1]!;
    if (settings.has(key)) {
      throw new LowlandError("E_CONFIG", `${JSON.stringify(text)} sets ${key} twice; keep one`);
    }
    settings.set(key, value);
  }
  return { name, settings: Object.fromEntries(settings) };
}

/**
 * Splits a comma-separated list of specs: a piece that reads `key=value` belongs to the spec before it.
 *
 * @example
 * splitSpecs("adam:lr=0.01,b1=0.8,sgd"); // ["adam:lr=0.01,b1=0.8", "sgd"]
 */
export function splitSpecs(text: string): string[] {
  const specs: string[] = [];
  for (const piece of text.split(",")) {
    const last = specs.length - 1;
    if (last >= 0 && setting.test(piece.trim())) specs[last] += `,${piece}`;
    else specs.push(piece.trim());
  }
  return specs;
}

/** Whether a path is that of a module of the user's own. */
export function isModulePath(path: string): boolean {
  return /\.(mjs|js|cjs)$/.test(path);
}

/**
 * Splits specs joined by `+`. Before a digit a `+` is of a number (`lr=1e+0`); within a path it is part of that, unless the
 * path is that of a module, or a known name or another path follows.
 *
 * @param isKnown whether a part may begin with this name
 * @example
 * splitParts("learned:runs/a+b+clip:norm=1", (name) => name === "clip"); // ["learned:runs/a+b", "clip:norm=1"]
 */
export function splitParts(text: string, isKnown: (name: string) => boolean): string[] {
  const parts: string[] = [];
  for (const piece of text.split(/\+(?=[A-Za-z./\\])/)) {
    const last = parts.at(-1);
    const path = last === undefined ? undefined : parseSpec(last).path;
    const { name } = parseSpec(piece);
    const within = path !== undefined && !isModulePath(path) && name !== "" && !isKnown(name);
    if (within) parts[parts.length - 1] = `${last}+${piece}`;
    else parts.push(piece);
  }
  return parts;
}

/** Writes a spec the way `parseSpec` reads it. */
export function formatSpec(spec: {
  readonly name: string;
  readonly settings?: Readonly<Record<string, SettingValue>>;
  readonly path?: string;
}): string {
  if (spec.path !== undefined) return spec.name === "" ? spec.path : `${spec.name}:${spec.path}`;
  const settings = Object.entries(spec.settings ?? {}).map(([key, value]) => `${key}=${value}`);
  return settings.length === 0 ? spec.name : `${spec.name}:${settings.join(",")}`;
}

/**
 * Looks a spec up in a registry and checks its settings.
 *
 * @param kind what the registry holds, in the singular, for messages: "optimizer"
 * @throws E_CONFIG on an unknown name or setting, with a suggestion and the valid ones; on a value out of range.
 */
export function resolveSpec<T>(
  spec: Spec | string,
  kind: string,
  registry: SpecRegistry<T>,
): ResolvedSpec<T> {
  const { name, settings, path } = typeof spec === "string" ? parseSpec(spec) : spec;
  if (!Object.hasOwn(registry, name)) {
    throw new LowlandError("E_CONFIG", unknown(kind, name || (path ?? ""), Object.keys(registry)));
  }
  const entry = registry[name]!;
  if (path !== undefined && entry.path === undefined) {
    const keys = Object.keys(entry.parameters);
    const next = keys.length === 0 ? `write ${name}` : `write ${name}:key=value with ${keys.join(", ")}`;
    throw new LowlandError("E_CONFIG", `${kind} ${name} takes no path ${JSON.stringify(path)}; ${next}`);
  }
  if (path === undefined && entry.path !== undefined) {
    throw new LowlandError("E_CONFIG", `${kind} ${name} needs ${entry.path}; write it after ${name}:`);
  }
  return {
    name,
    entry,
    settings: resolveSettings(settings, entry.parameters, `${kind} ${name}`),
    ...(path !== undefined && { path }),
  };
}

/** Resolves a spec and builds what it names. Throws as `resolveSpec` does. */
export function buildSpec<T>(spec: Spec | string, kind: string, registry: SpecRegistry<T>): T {
  const { entry, settings, path } = resolveSpec(spec, kind, registry);
  return entry.create(settings, path);
}

/**
 * Checks settings against a table and fills in the defaults.
 *
 * @param owner whose settings they are, for messages: "optimizer adam"
 * @throws E_CONFIG on an unknown key, with a suggestion and the valid ones; on a value of the wrong kind or range.
 */
export function resolveSettings<const P extends ParameterTable>(
  settings: Readonly<Record<string, string>>,
  parameters: P,
  owner: string,
): Settings<P> {
  for (const key of Object.keys(settings)) {
    if (!Object.hasOwn(parameters, key)) {
      throw new LowlandError("E_CONFIG", unknown(`setting of ${owner}`, key, Object.keys(parameters)));
    }
  }
  return Object.fromEntries(
    Object.entries(parameters).map(([key, parameter]) => [
      key,
      Object.hasOwn(settings, key)
        ? parseSetting(settings[key]!, parameter, `${key} of ${owner}`)
        : parameter.default,
    ]),
  ) as Settings<P>;
}

/** The values a parameter accepts, in words: "a number ≥ 0", "true or false", "one of a, b". */
export function describeRange(parameter: Parameter): string {
  if ("choices" in parameter) return `one of ${parameter.choices.join(", ")}`;
  if (typeof parameter.default === "boolean") return "true or false";
  if (typeof parameter.default === "string") return "a text";
  const { min, exclusiveMin, max, integer } = parameter as NumberParameter;
  const bounds = [
    exclusiveMin === undefined ? "" : `> ${exclusiveMin}`,
    min === undefined ? "" : `≥ ${min}`,
    max === undefined ? "" : `≤ ${max}`,
  ].filter((bound) => bound !== "");
  return [integer ? "an integer" : "a number", bounds.join(" and ")].join(" ").trim();
}

/** Reads a decimal number, or returns undefined: no hexadecimal, no infinity, no blanks. */
export function parseNumber(text: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function parseSetting(text: string, parameter: Parameter, owner: string): SettingValue {
  const value = readSetting(text, parameter);
  if (value === undefined) {
    const given = JSON.stringify(text);
    throw new LowlandError(
      "E_CONFIG",
      `${owner} must be ${describeRange(parameter)}, not ${given}; correct it`,
    );
  }
  return value;
}

function readSetting(text: string, parameter: Parameter): SettingValue | undefined {
  const kind = typeof parameter.default;
  const word = text === "true" ? true : text === "false" ? false : undefined;
  const value = kind === "string" ? text : kind === "boolean" ? word : parseNumber(text);
  return value !== undefined && accepts(value, parameter) ? value : undefined;
}

/** Whether a value is one that a parameter may be. */
function accepts(value: SettingValue, parameter: Parameter): boolean {
  if (typeof value !== typeof parameter.default) return false;
  if ("choices" in parameter) return parameter.choices.includes(value as string);
  return typeof value !== "number" || acceptsNumber(value, parameter as NumberParameter);
}

/** Whether a number is within its range. */
export function acceptsNumber(value: number, { min, exclusiveMin, max, integer }: NumberParameter): boolean {
  if (!Number.isFinite(value) || (integer && !Number.isSafeInteger(value))) return false;
  if (min !== undefined && value < min) return false;
  if (exclusiveMin !== undefined && value <= exclusiveMin) return false;
  return max === undefined || value <= max;
}

/**
 * Fills in defaults and refuses what cannot be, for what is built in code rather than by a spec string.
 *
 * @param owner whose settings they are, for messages: "optimizer adam"
 * @throws E_CONFIG if a name is unknown, or a value is of the wrong kind or out of its range.
 */
export function settle<const P extends ParameterTable>(
  owner: string,
  parameters: P,
  options: Readonly<Record<string, SettingValue | undefined>>,
): Settings<P> {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(parameters, name)) {
      throw new LowlandError("E_CONFIG", unknown(`setting of ${owner}`, name, Object.keys(parameters)));
    }
  }
  const entries = Object.entries(parameters).map(([name, parameter]) => {
    const value = options[name] ?? parameter.default;
    if (!accepts(value, parameter)) {
      throw new LowlandError(
        "E_CONFIG",
        `${name} of ${owner} must be ${describeRange(parameter)}, not ${value}; correct it`,
      );
    }
    return [name, value] as const;
  });
  return Object.fromEntries(entries) as Settings<P>;
}

/** Says that a word is none of the candidates, with the nearest one and the list: the text of an error. */
export function unknown(kind: string, word: string, candidates: readonly string[]): string {
  const guess = suggest(word, candidates);
  const hint = guess === undefined ? "" : `did you mean ${JSON.stringify(guess)}? `;
  const valid = candidates.length === 0 ? "there is none to choose" : `valid: ${candidates.join(", ")}`;
  return `unknown ${kind} ${JSON.stringify(word)}; ${hint}${valid}`;
}

/**
 * The candidate nearest to a mistyped word (within a third of its length, two at least), or else the shortest that begins
 * with it; undefined where there is neither.
 */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance < Math.max(word.length, candidate.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  if (best !== undefined || word.length < 3) return best;
  return candidates
    .filter((candidate) => candidate.toLowerCase().startsWith(word.toLowerCase()))
    .sort((a, b) => a.length - b.length)[0];
}

/**
 * Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions and swaps of
 * neighbours.
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min(last[j]! + 1, row[j - 1]! + 1, substitution);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, beforeLast[j - 2]! + 1);
      }
      row.push(distance);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
