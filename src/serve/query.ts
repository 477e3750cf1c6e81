import type { SeriesQuery } from "./series.ts";

/** A request that cannot be answered as it was asked. */
export class BadRequest extends Error {}

/** Runs and metrics of one request; the page asks for more in several. */
const MOST_RUNS = 64;
const MOST_METRICS = 16;
const MOST_POINTS = 5000;

/** What `/api/series` is asked. Throws BadRequest. */
export function readSeriesQuery(query: URLSearchParams): {
  readonly runs: string[];
  readonly asked: SeriesQuery;
} {
  const runs = [...new Set(query.getAll("run"))];
  const metrics = [...new Set(query.getAll("metric"))];
  if (runs.length === 0 || runs.length > MOST_RUNS) throw new BadRequest(`give 1 to ${MOST_RUNS} runs`);
  if (metrics.length > MOST_METRICS) throw new BadRequest(`give at most ${MOST_METRICS} metrics`);
  const points = numberOf(query, "points") ?? 400;
  if (!Number.isSafeInteger(points) || points < 1 || points > MOST_POINTS) {
    throw new BadRequest(`points is ${points}; give an integer from 1 to ${MOST_POINTS}`);
  }
  const [from, to] = [numberOf(query, "from"), numberOf(query, "to")];
  return {
    runs,
    asked: {
      metrics,
      axis: oneOf(query, "x", ["step", "time"]),
      scale: oneOf(query, "scale", ["linear", "log"]),
      points,
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
    },
  };
}

/** The one run that is asked for. Throws BadRequest. */
export function readRunId(query: URLSearchParams): string {
  const id = query.get("run");
  if (id === null) throw new BadRequest("run is missing; give the id of one");
  return id;
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new BadRequest(`${name} is no number; give one`);
  return value;
}

/** One of the choices, the first where none is given. */
function oneOf<T extends string>(query: URLSearchParams, name: string, choices: readonly [T, ...T[]]): T {
  const text = query.get(name) ?? choices[0];
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new BadRequest(`${name} is none of ${choices.join(", ")}; give one of them`);
  return found;
}
