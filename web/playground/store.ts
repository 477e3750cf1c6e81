import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { openWebPool, type Pool } from "../../src/core.ts";
import { playground } from "../catalogue/playground.ts";
import type { SharpnessView } from "./model/lens.ts";
import { weightsOf } from "./model/method.ts";
import { inPlane, type Plane, planeThrough } from "./model/plane.ts";
import type { Probe } from "./model/probe.ts";
import type { ProblemState } from "./model/problem.ts";
import type { Measured } from "./model/session.ts";
import { SURFACE_EXTENT } from "./model/surface.ts";
import {
  connect,
  type LensRequest,
  type LensResult,
  type LensSetup,
  type Points,
  type Remote,
  type TrainerCalls,
} from "./protocol.ts";
import { defaultState, fromSearch, type PlaygroundState, toSearch } from "./state.ts";
import { startWorker } from "./workers/start.ts";
import { fetchZoo, MissingFile, weightFiles } from "./zoo.ts";

/** A run as the page knows it: what was measured on the way, and where it went. */
export interface RunTrack {
  readonly measured: readonly Measured[];
  /** Points of the parameters on the way, thinned out. */
  readonly path: readonly Float32Array[];
  readonly params: Float32Array;
  readonly surface?: Float32Array;
  readonly divergedAt?: number;
  readonly sharpness: readonly SharpnessView[];
}

/** The losses on a plane through the runs. */
export interface Terrain {
  readonly plane: Plane;
  readonly xs: readonly number[];
  readonly ys: readonly number[];
  /** Row by row from the lowest y; NaN where not computed yet. */
  readonly losses: Float32Array;
}

/** What a session said when it was opened. */
export interface Opened {
  readonly size: number;
  readonly bits: string;
  readonly points?: Points;
}

export const zooNames: Signal<readonly string[]> = signal([]);
/** Weights beside the zoo's that a run may name: dropped files and what was meta-trained here. */
export const ownNames: Signal<readonly string[]> = signal([]);
const byDefault = signal(defaultState("adam:lr=0.03"));
export const state: Signal<PlaygroundState> = signal(byDefault.value);
export const playing: Signal<boolean> = signal(false);
export const step: Signal<number> = signal(0);
export const tracks: Signal<readonly RunTrack[]> = signal([]);
export const opened: Signal<Opened | undefined> = signal(undefined);
export const terrain: Signal<Terrain | undefined> = signal(undefined);
export const probed: Signal<Probe | undefined> = signal(undefined);
export const problem: Signal<string> = signal("");
/** Whether all that was asked for at this step is there: landscape, sharpness, probe. */
export const settled: Signal<boolean> = signal(false);
export const finished: ReadonlySignal<boolean> = computed(() => step.value >= state.value.steps);
/** The address of the page as it is. */
export const link: ReadonlySignal<string> = computed(() => {
  const search = toSearch(state.value, byDefault.value);
  return `${location.origin}${location.pathname}${search === "" ? "" : `?${search}`}`;
});

/** Points kept of a path, at most: fewer of large networks, for memory's sake. */
const pathLength = (size: number): number => (size > 2000 ? 40 : 160);
/** Points on each side of a landscape. */
const terrainSide = (size: number): number => (size > 5000 ? 15 : size > 1000 ? 21 : 31);
/** Measurements at points on the way, at most one in so many milliseconds. */
const LOOK_MS = 700;
/** Milliseconds that the trainer may take at a time: it then answers at 30 frames a second. */
const BUDGET_MS = 22;

let trainer: Remote<TrainerCalls>;
let lens: Promise<Pool<LensRequest, LensResult>> | undefined;
let lensProblem = "";
/** Counts sessions: what comes of one before is left. */
let session = 0;
let looking = false;
let lastLook = 0;
let advancing = false;
let owed = 0;
let lastFrame = 0;

/** Starts the page: reads the address, fetches the zoo's list, opens the first session. */
export async function start(): Promise<void> {
  trainer = connect<TrainerCalls>(startWorker("trainer"), ["open", "advance", "probe", "predict"]);
  const names = await fetchZoo();
  batch(() => {
    zooNames.value = names;
    byDefault.value = defaultState(names[0] === undefined ? "adam:lr=0.03" : `zoo:${names[0]}`);
    state.value = fromSearch(location.search, byDefault.value);
  });
  effect(() => history.replaceState(null, "", link.value));
  addEventListener("popstate", () => {
    state.value = fromSearch(location.search, byDefault.value);
    void reset();
  });
  await reset();
  requestAnimationFrame(frame);
}

/** Changes settings; those that decide about numbers start the trainings anew. */
export function change(changes: Partial<PlaygroundState>): void {
  const before = state.value;
  const next = { ...before, ...changes };
  state.value = { ...next, inspect: Math.min(next.inspect, next.runs.length - 1) };
  if (NUMBERS.some((name) => String(before[name]) !== String(next[name]))) void reset();
  else if (changes.inspect !== undefined || changes.coordinate !== undefined) void look();
}

const NUMBERS = ["data", "model", "hidden", "depth", "batch", "seed", "steps", "runs", "start"] as const;

/** Starts the trainings anew, at step 0. */
export async function reset(): Promise<void> {
  const own = ++session;
  const wasPlaying = playing.value;
  batch(() => {
    playing.value = false;
    settled.value = false;
    problem.value = "";
  });
  try {
    const files = await weightFiles(weightsOf(state.value.runs));
    const {
      step: at,
      runs,
      ...about
    } = await trainer.open({ session: state.value, files, surfaces: surfaces() });
    if (own !== session) return;
    batch(() => {
      opened.value = about;
      terrain.value = undefined;
      probed.value = undefined;
      step.value = at;
      tracks.value = runs.map(({ params, measured, surface }) => ({
        measured,
        path: [params],
        params,
        sharpness: [],
        ...(surface && { surface }),
      }));
      playing.value = wasPlaying;
    });
    lastLook = 0;
    await look();
  } catch (error) {
    if (own !== session) return;
    problem.value =
      error instanceof MissingFile ? playground.missing(error.weights) : (error as Error).message;
    tracks.value = [];
  }
}

/** Takes so many steps now, and stops. */
export async function takeSteps(count: number): Promise<void> {
  playing.value = false;
  const own = session;
  const until = Math.min(step.value + count, state.value.steps);
  while (own === session && step.value < until) await advance(until - step.value);
  await look();
}

export function toggle(): void {
  if (finished.value) void reset().then(() => (playing.value = true));
  else playing.value = !playing.value;
  if (!playing.value) void look();
}

/** Probabilities of one image, by run. */
export function predict(input: Float32Array): Promise<readonly Float32Array[]> {
  return trainer.predict({ input });
}

/** At every frame: as many steps as the speed asks for, and a look at the points now and then. */
function frame(now: number): void {
  requestAnimationFrame(frame);
  const seconds = Math.min(0.1, (now - lastFrame) / 1000);
  lastFrame = now;
  if (!playing.value || problem.value !== "") return;
  const { speed } = state.value;
  owed = speed === "max" ? Number.POSITIVE_INFINITY : Math.min(owed + seconds * Number(speed), 60);
  if (owed >= 1 && !advancing) {
    const steps = speed === "max" ? 10_000 : Math.floor(owed);
    owed -= speed === "max" ? 0 : steps;
    void advance(steps).then(() => {
      if (finished.value) playing.value = false;
      if (finished.value || performance.now() - lastLook > LOOK_MS) void look();
    });
  }
}

/** Has the trainer take steps, and takes over where the runs stand then. */
async function advance(steps: number): Promise<void> {
  const own = session;
  advancing = true;
  settled.value = false;
  try {
    const { step: at, runs } = await trainer.advance({ steps, budgetMs: BUDGET_MS, surfaces: surfaces() });
    if (own !== session) return;
    batch(() => {
      step.value = at;
      tracks.value = tracks.value.map((track, i) => {
        const { params, measured, surface, divergedAt } = runs[i]!;
        return {
          ...track,
          params,
          measured: measured.length === 0 ? track.measured : [...track.measured, ...measured],
          path: divergedAt === undefined ? thinned([...track.path, params]) : track.path,
          ...(surface && { surface }),
          ...(divergedAt !== undefined && { divergedAt }),
        };
      });
    });
  } finally {
    advancing = false;
  }
}

/** Every second point where there are too many; first and last stay. */
function thinned(path: Float32Array[]): Float32Array[] {
  if (path.length <= pathLength(path[0]!.length)) return path;
  return path.filter((_, i) => i % 2 === 0 || i === path.length - 1);
}

function surfaces(): boolean {
  return opened.value === undefined || opened.value.points !== undefined;
}

/** Looks at the points where the runs are: the probe, the landscape, sharpness. One look at a time. */
export async function look(): Promise<void> {
  if (looking || tracks.value.length === 0) return;
  const own = session;
  const at = step.value;
  looking = true;
  try {
    const { inspect, coordinate, hide } = state.value;
    const seen = (panel: string): boolean => !hide.includes(panel);
    if (seen("inside") && at > 0) {
      const probe = await trainer.probe({ run: inspect, coordinate });
      if (own === session) probed.value = probe;
    }
    const pool = await openLens();
    if (seen("landscape")) await lookAround(pool, own);
    if (seen("sharpness")) await measureSharpness(pool, own, at);
  } catch (error) {
    if (own === session) problem.value = (error as Error).message;
  } finally {
    looking = false;
    lastLook = performance.now();
  }
  if (own !== session || (step.value !== at && !playing.value)) void look();
  else if (!playing.value) settled.value = true;
}

/** The pool for the present problem, opened anew where that has changed. */
async function openLens(): Promise<Pool<LensRequest, LensResult>> {
  const { data, model, hidden, depth, batch: batchSize, start: from } = state.value;
  const setup: ProblemState = { data, model, hidden, depth, batch: batchSize, start: from };
  const id = JSON.stringify(setup);
  if (lens === undefined || lensProblem !== id) {
    void lens?.then((pool) => pool.close());
    lensProblem = id;
    lens = openWebPool<LensRequest, LensResult>(() => startWorker("lens"), {
      threads: Math.max(1, Math.min(2, navigator.hardwareConcurrency - 1)),
      setup: { problem: setup } satisfies LensSetup,
    });
  }
  return lens;
}

async function lookAround(pool: Pool<LensRequest, LensResult>, own: number): Promise<void> {
  const { plane, xs, ys } = frameOf(tracks.value);
  const losses = new Float32Array(xs.length * ys.length).fill(Number.NaN);
  const requests = ys.map((y): LensRequest => ({ kind: "row", plane, xs, y }));
  await pool.map(requests, (row, place) => losses.set(row as Float32Array, place * xs.length));
  if (own === session) terrain.value = { plane, xs, ys, losses };
}

/** The plane through the runs, and a stretch of it that holds them all with a margin. */
function frameOf(runs: readonly RunTrack[]): Pick<Terrain, "plane" | "xs" | "ys"> {
  const size = runs[0]!.params.length;
  const axis = (low: number, high: number): number[] => {
    const points = terrainSide(size);
    return Array.from({ length: points }, (_, i) => low + ((high - low) * i) / (points - 1));
  };
  if (size === 2) {
    const plane = {
      origin: Float32Array.of(0, 0),
      first: Float32Array.of(1, 0),
      second: Float32Array.of(0, 1),
    };
    const own = axis(-SURFACE_EXTENT, SURFACE_EXTENT);
    return { plane, xs: own, ys: own };
  }
  const steady = runs.filter(({ divergedAt }) => divergedAt === undefined);
  const plane = planeThrough([runs[0]!.path[0]!, ...steady.map(({ params }) => params)]);
  const points = steady.flatMap(({ path }) => path.map((point) => inPlane(plane, point)));
  const extent = (values: number[]): [number, number] => {
    const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
    const margin = 0.25 * (high - low) + 0.25;
    return [low - margin, high + margin];
  };
  const [left, right] = extent(points.map(([x]) => x));
  const [bottom, top] = extent(points.map(([, y]) => y));
  // as wide as high, so that distances read alike
  const half = Math.max(right - left, top - bottom) / 2;
  const [cx, cy] = [(left + right) / 2, (bottom + top) / 2];
  return { plane, xs: axis(cx - half, cx + half), ys: axis(cy - half, cy + half) };
}

async function measureSharpness(pool: Pool<LensRequest, LensResult>, own: number, at: number): Promise<void> {
  const runs = tracks.value;
  if (runs[0]!.sharpness.at(-1)?.step === at) return;
  const alive = runs.flatMap(({ divergedAt }, i) => (divergedAt === undefined ? [i] : []));
  const requests = alive.map((i): LensRequest => ({ kind: "sharpness", params: runs[i]!.params, step: at }));
  const found = (await pool.map(requests)) as SharpnessView[];
  if (own !== session) return;
  tracks.value = tracks.value.map((track, i) => {
    const view = found[alive.indexOf(i)];
    return view === undefined ? track : { ...track, sharpness: [...track.sharpness, view] };
  });
}

/** The learned optimizer that the page opens with. */
export function learnedByDefault(): string {
  return byDefault.value.runs.at(-1)!;
}
