import type { RunSummary } from "../../src/serve/protocol.ts";
import type { Choices, Grouping, Sorting } from "./state.ts";

/** Runs that are one curve. */
export interface Group {
  readonly key: string;
  readonly label: string;
  readonly runs: readonly RunSummary[];
}

/** A setting as it is shown and compared. */
export function settingText(value: unknown): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return value.map(settingText).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The runs that a filter leaves: every word in it must be in a run's name, kind, status or settings, `field=value` in that field. */
export function filterRuns(
  runs: readonly RunSummary[],
  { filter, status }: Pick<Choices, "filter" | "status">,
): RunSummary[] {
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "" && word !== "-");
  return runs.filter(
    (run) =>
      (status === "" || run.status === status) &&
      words.every((word) => (word.startsWith("-") ? !matches(run, word.slice(1)) : matches(run, word))),
  );
}

function matches(run: RunSummary, word: string): boolean {
  const [field = "", value] = word.split(/=(.*)/s);
  const fields = { ...run.config, name: run.name, kind: run.kind, status: run.status };
  if (value === undefined) return settingText(Object.values(fields)).toLowerCase().includes(word);
  const name = Object.keys(fields).find((key) => key.toLowerCase() === field);
  return (
    name !== undefined &&
    settingText(fields[name as keyof typeof fields])
      .toLowerCase()
      .includes(value)
  );
}

/** Fields of the configurations that are not the same in all runs, in the order they stand there. */
export function differingFields(runs: readonly RunSummary[]): string[] {
  const fields = new Set(runs.flatMap(({ config }) => Object.keys(config)));
  return [...fields].filter((field) => {
    const first = settingText(runs[0]!.config[field]);
    return runs.some(({ config }) => settingText(config[field]) !== first);
  });
}

/** Runs put together, groups in the order of their first run. Results, which have no settings, stay alone. */
export function groupRuns(runs: readonly RunSummary[], by: Grouping): Group[] {
  const groups = new Map<string, RunSummary[]>();
  for (const run of runs) {
    const key = keyOf(run, by);
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [run]);
    else members.push(run);
  }
  const told = differingFields(runs.filter(({ config }) => Object.keys(config).length > 0)).filter(
    (field) => field !== "seed",
  );
  return [...groups].map(([key, members]) => ({ key, label: labelOf(members, by, told), runs: members }));
}

function keyOf(run: RunSummary, by: Grouping): string {
  if (by === "none" || Object.keys(run.config).length === 0) return run.id;
  if (by !== "seeds") return `${by}=${settingText(run.config[by])}`;
  const { seed: _, ...rest } = run.config;
  return JSON.stringify([run.kind, rest]);
}

/** What a group is called: the field it is by, the settings that tell it from others, or its run's name. */
function labelOf(runs: readonly RunSummary[], by: Grouping, told: readonly string[]): string {
  const [first] = runs;
  if (runs.length === 1 && (by === "none" || by === "seeds")) return first!.name;
  if (by !== "seeds") return `${by} ${settingText(first!.config[by]) || "none"}`;
  const settings = told.map((field) => `${field} ${settingText(first!.config[field]) || "none"}`);
  return settings.length > 0 && settings.length <= 3 ? settings.join(", ") : commonName(runs);
}

/** What the names of runs begin with. */
function commonName(runs: readonly RunSummary[]): string {
  const names = runs.map(({ name }) => name);
  let length = 0;
  while (length < names[0]!.length && names.every((name) => name[length] === names[0]![length])) length++;
  return `${names[0]!.slice(0, length)}…`;
}

/** Runs in the order asked for. */
export function sortRuns(runs: readonly RunSummary[], by: Sorting): RunSummary[] {
  const order: Record<Sorting, (a: RunSummary, b: RunSummary) => number> = {
    name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
    updated: (a, b) => b.updatedMs - a.updatedMs,
    best: (a, b) =>
      (a.best?.loss ?? Infinity) - (b.best?.loss ?? Infinity) || a.name.localeCompare(b.name, "en"),
  };
  return [...runs].sort(order[by]);
}

/** Runs that have curves. */
export function hasCurves({ kind }: RunSummary): boolean {
  return kind === "meta-train" || kind === "train";
}

/** Ids of the runs of the groups that were written to last, where the reader has chosen none. */
export function latestRuns(groups: readonly Group[], count = 6): string[] {
  const latest = (group: Group): number => Math.max(...group.runs.map(({ updatedMs }) => updatedMs));
  return groups
    .filter(({ runs }) => runs.every(hasCurves))
    .sort((a, b) => latest(b) - latest(a))
    .slice(0, count)
    .flatMap(({ runs }) => runs.map(({ id }) => id));
}
