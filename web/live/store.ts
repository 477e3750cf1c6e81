import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals";
import type { RunDetail, RunSummary, RunsChanged, Series, SeriesReply } from "../../src/serve/protocol.ts";
import { filterRuns, type Group, groupRuns, hasCurves, latestRuns, sortRuns } from "./groups.ts";
import { choices } from "./state.ts";

/** Points of a curve, and runs of one request. */
const POINTS = 400;
const RUNS_AT_ONCE = 16;
/** Curves of runs that are written to are asked for again no more often. */
const REFRESH_MS = 1000;

export const connection: Signal<"connecting" | "connected" | "lost"> = signal("connecting");
const runsById: Signal<ReadonlyMap<string, RunSummary>> = signal(new Map());

/** Every run the server knows. */
export const runs: ReadonlySignal<readonly RunSummary[]> = computed(() => [...runsById.value.values()]);
/** Those the filter leaves, in order. */
export const listed: ReadonlySignal<readonly RunSummary[]> = computed(() => {
  const { filter, status, sort } = choices.value;
  return sortRuns(filterRuns(runs.value, { filter, status }), sort);
});
export const groups: ReadonlySignal<readonly Group[]> = computed(() =>
  groupRuns(listed.value, choices.value.group),
);
/** Ids of the runs whose curves are shown. */
export const shown: ReadonlySignal<ReadonlySet<string>> = computed(
  () => new Set(choices.value.shown ?? latestRuns(groups.value)),
);
/** The groups that have curves, each with the runs of it that are shown. */
export const drawn: ReadonlySignal<readonly Group[]> = computed(() =>
  groups.value
    .map((group) => ({
      ...group,
      runs: group.runs.filter((run) => shown.value.has(run.id) && hasCurves(run)),
    }))
    .filter(({ runs: members }) => members.length > 0),
);

/** Series by run and metric. */
export const series: Signal<ReadonlyMap<string, Series>> = signal(new Map());
/** Metrics that any of the shown runs has. */
export const metrics: Signal<readonly string[]> = signal([]);
/** What is known of the run that is open. */
export const detail: Signal<RunDetail | undefined> = signal(undefined);

export function seriesKey(run: string, metric: string): string {
  return `${run} ${metric}`;
}

/** Keeps the list, the curves and the open run up to date. */
export function connect(): void {
  const events = new EventSource("../api/events");
  events.addEventListener("runs", (event) => {
    connection.value = "connected";
    const { runs: all } = JSON.parse(event.data) as RunsChanged;
    runsById.value = new Map(all.map((run) => [run.id, run]));
  });
  events.addEventListener("changed", (event) => {
    const { runs: changed, gone } = JSON.parse(event.data) as RunsChanged;
    const next = new Map(runsById.value);
    for (const run of changed) next.set(run.id, run);
    for (const id of gone) next.delete(id);
    runsById.value = next;
  });
  events.onerror = () => {
    connection.value = "lost";
  };
  keepSeries();
  keepDetail();
}

/** What the curves depend on besides the runs: when it changes all are asked for again. */
const view = computed(() => {
  const { x, xScale, from, to, charts } = choices.value;
  const query = new URLSearchParams({ x, scale: xScale, points: String(POINTS) });
  if (from !== undefined) query.set("from", String(from));
  if (to !== undefined) query.set("to", String(to));
  for (const metric of charts) query.append("metric", metric);
  return query.toString();
});

function keepSeries(): void {
  /** When each run's curves that are here were written. */
  let known = new Map<string, number>();
  let knownView = "";
  let asking = false;
  let again = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const refresh = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    again = asking;
    if (asking) return;
    asking = true;
    try {
      const wanted = drawn.value.flatMap(({ runs: members }) => members);
      const asked = view.value;
      const fresh = asked !== knownView;
      const missing = wanted.filter(({ id, updatedMs }) => fresh || known.get(id) !== updatedMs);
      if (missing.length > 0) await askFor(missing, asked, wanted, fresh);
      knownView = asked;
      known = new Map(wanted.map(({ id, updatedMs }) => [id, updatedMs]));
    } catch {
      // the server is gone; the stream of events says so, and when it is back
      again = false;
    } finally {
      asking = false;
    }
    if (again || view.value !== knownView) void refresh();
  };

  effect(() => {
    const changedView = view.value !== knownView;
    const missing = drawn.value.some(({ runs: members }) => members.some(({ id }) => !known.has(id)));
    untracked(() => {
      if (changedView || missing) void refresh();
      else timer ??= setTimeout(() => void refresh(), REFRESH_MS);
    });
  });
}

/** Asks for runs some at a time, and shows each answer as it comes. */
async function askFor(
  missing: readonly RunSummary[],
  asked: string,
  wanted: readonly RunSummary[],
  fresh: boolean,
): Promise<void> {
  const ids = new Set(wanted.map(({ id }) => id));
  const next = new Map(fresh ? [] : [...series.value].filter(([, { run }]) => ids.has(run)));
  const names = new Set(metrics.value);
  for (let at = 0; at < missing.length; at += RUNS_AT_ONCE) {
    const part = missing.slice(at, at + RUNS_AT_ONCE);
    const runsAsked = part.map(({ id }) => `run=${id}`).join("&");
    const response = await fetch(`../api/series?${asked}&${runsAsked}`);
    if (!response.ok) throw new Error(`${response.status}`);
    const reply = (await response.json()) as SeriesReply;
    if (asked !== view.value) return;
    for (const one of reply.series) next.set(seriesKey(one.run, one.metric), one);
    for (const name of reply.metrics) names.add(name);
    series.value = new Map(next);
    metrics.value = [...names];
  }
}

function keepDetail(): void {
  effect(() => {
    const id = choices.value.open;
    const summary = runsById.value.get(id);
    if (summary === undefined) {
      detail.value = undefined;
      return;
    }
    const before = untracked(() => detail.value);
    // the card comes with the end of a run: other changes are in the summary
    if (before?.summary.id === id && before.summary.files.length === summary.files.length) {
      detail.value = { ...before, summary };
      return;
    }
    void fetch(`../api/run?run=${id}`).then(async (response) => {
      if (response.ok && choices.value.open === id) detail.value = (await response.json()) as RunDetail;
    });
  });
}
