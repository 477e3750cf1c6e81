import { effect, type Signal, signal } from "@preact/signals";
import type { RunStatus, Scale, XAxis } from "../../src/serve/protocol.ts";
import { type ThemeChoice, themeChoice } from "../shared/theme.ts";

/** Curves of a page that says nothing else. */
const DEFAULT_CHARTS = ["metaLoss", "validation.loss", "metaGradientNorm", "diverged"];

/** `none`, `seeds`, or a field of the configuration. */
export type Grouping = string;
export type Sorting = "name" | "updated" | "best";

/** What the reader has chosen, all of it in the address. */
export interface Choices {
  readonly filter: string;
  readonly status: RunStatus | "";
  readonly group: Grouping;
  readonly sort: Sorting;
  /** Ids of runs whose curves are shown; the latest by default. */
  readonly shown: readonly string[] | undefined;
  readonly x: XAxis;
  readonly xScale: Scale;
  readonly yScale: Scale;
  /** Weight of what came before, 0 to 0.99. */
  readonly smoothing: number;
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** Metrics, in order. */
  readonly charts: readonly string[];
  /** Id of the run that everything is shown about. */
  readonly open: string;
  readonly allSettings: boolean;
  readonly theme: ThemeChoice;
}

const choice = <T extends string>(text: string | null, known: readonly T[]): T =>
  known.find((value) => value === text) ?? known[0]!;

const number = (text: string | null): number | undefined => {
  const value = Number(text ?? "");
  return text === null || text === "" || !Number.isFinite(value) ? undefined : value;
};

const list = (text: string | null): string[] | undefined =>
  text === null ? undefined : text.split(",").filter((item) => item !== "");

/** What an address says; what it says wrongly takes its default. */
export function readChoices(search: string): Choices {
  const query = new URLSearchParams(search);
  const smoothing = number(query.get("smooth")) ?? 0;
  return {
    filter: query.get("q") ?? "",
    status: choice(query.get("status"), ["", "running", "finished", "crashed", "waiting"] as const),
    group: query.get("group") ?? "seeds",
    sort: choice(query.get("sort"), ["name", "updated", "best"] as const),
    shown: list(query.get("runs")),
    x: choice(query.get("x"), ["step", "time"] as const),
    xScale: choice(query.get("xs"), ["linear", "log"] as const),
    yScale: choice(query.get("ys"), ["linear", "log"] as const),
    smoothing: Math.min(0.99, Math.max(0, smoothing)),
    from: number(query.get("from")),
    to: number(query.get("to")),
    charts: list(query.get("charts")) ?? DEFAULT_CHARTS,
    open: query.get("open") ?? "",
    allSettings: query.get("settings") === "all",
    theme: choice(query.get("theme"), ["system", "light", "dark"] as const),
  };
}

/** The address of some choices; what is as by default is left out. */
export function writeChoices(choices: Choices): string {
  const query = new URLSearchParams();
  const put = (name: string, value: string | number | undefined, usual: string | number = ""): void => {
    if (value !== undefined && value !== usual) query.set(name, String(value));
  };
  put("q", choices.filter);
  put("status", choices.status);
  put("group", choices.group, "seeds");
  put("sort", choices.sort, "name");
  put("runs", choices.shown?.join(","), "\0");
  put("x", choices.x, "step");
  put("xs", choices.xScale, "linear");
  put("ys", choices.yScale, "linear");
  put("smooth", choices.smoothing, 0);
  put("from", choices.from);
  put("to", choices.to);
  put("charts", choices.charts.join(","), DEFAULT_CHARTS.join(","));
  put("open", choices.open);
  put("settings", choices.allSettings ? "all" : "");
  put("theme", choices.theme, "system");
  const text = query.toString().replaceAll("%2C", ",");
  return text === "" ? "" : `?${text}`;
}

/** The choices in force. */
export const choices: Signal<Choices> = signal(readChoices(globalThis.location?.search ?? ""));

/** Changes some choices. */
export function choose(some: Partial<Choices>): void {
  choices.value = { ...choices.value, ...some };
}

/** Keeps the address and the colours in step with the choices; goes with the reader's steps through the history. */
export function connectAddress(): void {
  themeChoice.value = choices.value.theme;
  themeChoice.subscribe((theme) => choose({ theme }));
  effect(() => {
    const address = `${location.pathname}${writeChoices(choices.value)}`;
    if (address !== location.pathname + location.search) history.replaceState(null, "", address);
  });
  addEventListener("popstate", () => {
    choices.value = readChoices(location.search);
    themeChoice.value = choices.value.theme;
  });
}
