import { DATA, type DataName } from "./model/data.ts";
import { SURFACE_START } from "./model/surface.ts";

/** Everything a reader can set, and all that a link carries. */
export interface PlaygroundState {
  readonly data: DataName;
  readonly model: (typeof MODELS)[number];
  /** Units of a hidden layer. */
  readonly hidden: number;
  /** Hidden layers. */
  readonly depth: number;
  /** Examples a minibatch. */
  readonly batch: number;
  readonly seed: number;
  /** Steps of the whole training: what schedules go by. */
  readonly steps: number;
  readonly speed: (typeof SPEEDS)[number];
  /** Two to four methods as spec strings. */
  readonly runs: readonly string[];
  /** Place of the run that is opened up. */
  readonly inspect: number;
  /** Coordinate of the parameters that is looked at. */
  readonly coordinate: number;
  /** Where trainings on the surface start. */
  readonly start: readonly [number, number];
  /** Panels left out, for a page within a page. */
  readonly hide: readonly string[];
}

export const MODELS = ["mlp", "mlp-relu", "mlp-residual", "cnn"] as const;
/** Steps a second; `max`: as many as there can be. */
export const SPEEDS = ["2", "20", "60", "max"] as const;
/** Panels that `hide` can name. */
export const PANELS = [
  "settings",
  "tour",
  "decision",
  "loss",
  "landscape",
  "sharpness",
  "inside",
  "meta",
] as const;
export const RUNS = { least: 2, most: 4 } as const;
/** What numbers may be. */
export const RANGES = {
  hidden: [1, 128],
  depth: [1, 4],
  batch: [1, 512],
  seed: [0, 999_999],
  steps: [10, 10_000],
  coordinate: [0, 10_000_000],
} as const;

/** What the page opens with; the learned optimizer is the first of the zoo's choice. */
export function defaultState(learned: string): PlaygroundState {
  return {
    data: "moons",
    model: "mlp-relu",
    hidden: 16,
    depth: 2,
    batch: 32,
    seed: 0,
    steps: 500,
    speed: "60",
    runs: ["adam:lr=0.01", "sgd:lr=0.1+sam:rho=0.05", learned],
    inspect: 2,
    coordinate: 0,
    start: SURFACE_START,
    hide: [],
  };
}

/** The state as the search part of an address; what is as by default is left out. */
export function toSearch(state: PlaygroundState, byDefault: PlaygroundState): string {
  const search = new URLSearchParams();
  for (const name of ["data", "model", "hidden", "depth", "batch", "seed", "steps", "speed"] as const) {
    if (state[name] !== byDefault[name]) search.set(name, String(state[name]));
  }
  if (state.runs.join(" ") !== byDefault.runs.join(" "))
    for (const run of state.runs) search.append("run", run);
  for (const name of ["inspect", "coordinate"] as const) {
    if (state[name] !== byDefault[name]) search.set(name, String(state[name]));
  }
  for (const name of ["start", "hide"] as const) {
    if (state[name].join() !== byDefault[name].join()) search.set(name, state[name].join());
  }
  // colons, commas and slashes may stand in a search part, and read better
  return search.toString().replace(/%(?:3A|2C|2F)/g, decodeURIComponent);
}

/** Reads an address. What cannot be is as by default: a link never shows an error for a mistyped number. */
export function fromSearch(text: string, byDefault: PlaygroundState): PlaygroundState {
  const search = new URLSearchParams(text);
  const word = <T extends string>(name: string, words: readonly T[], fallback: T): T =>
    words.find((known) => known === search.get(name)) ?? fallback;
  const number = (name: keyof typeof RANGES): number => {
    const [low, high] = RANGES[name];
    const value = Number(search.get(name) ?? Number.NaN);
    return Number.isInteger(value) && value >= low && value <= high ? value : byDefault[name];
  };
  const given = search.getAll("run").slice(0, RUNS.most);
  const runs = given.length >= RUNS.least ? given : byDefault.runs;
  const inspect = Number(search.get("inspect") ?? Number.NaN);
  const start = (search.get("start") ?? "").split(",").map(Number);
  const hide = (search.get("hide") ?? "").split(",");
  return {
    data: word("data", DATA, byDefault.data),
    model: word("model", MODELS, byDefault.model),
    hidden: number("hidden"),
    depth: number("depth"),
    batch: number("batch"),
    seed: number("seed"),
    steps: number("steps"),
    speed: word("speed", SPEEDS, byDefault.speed),
    runs,
    inspect: Number.isInteger(inspect) && inspect >= 0 && inspect < runs.length ? inspect : runs.length - 1,
    coordinate: number("coordinate"),
    start: start.length === 2 && start.every(Number.isFinite) ? [start[0]!, start[1]!] : byDefault.start,
    hide: PANELS.filter((panel) => hide.includes(panel)),
  };
}
