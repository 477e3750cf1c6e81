import { EventEmitter } from "node:events";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { type Folder, findRuns } from "./folders.ts";
import type { RunSummary, RunsChanged } from "./protocol.ts";
import { computing, type RunIdentity, summarize } from "./run-state.ts";

/** How often the runs that are not finished are looked at, while somebody watches. */
const LOOK_MS = 1000;
/** New ones and finished ones are looked at as often, unless that takes long: it then takes no more than this share of the time. */
const SEARCH_SHARE = 0.05;
/** Runs looked at side by side. */
const AT_ONCE = 16;

interface Entry {
  readonly identity: RunIdentity;
  /** What the summary was made from. */
  readonly signature: string;
  readonly summary: RunSummary | undefined;
}

/** The runs under folders, kept up to date while somebody watches; else only as they are asked for. */
export class Catalog {
  readonly #folders: readonly Folder[];
  readonly #entries = new Map<string, Entry>();
  readonly #changes = new EventEmitter<{ changed: [RunsChanged] }>().setMaxListeners(0);
  #searchAgainMs = Number.NEGATIVE_INFINITY;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(folders: readonly Folder[]) {
    this.#folders = folders;
  }

  /** Every run, at most a second old; finished ones as of the last search. */
  async list(): Promise<RunSummary[]> {
    await this.#look();
    return [...this.#entries.values()].flatMap(({ summary }) => summary ?? []);
  }

  /** Where a run is; undefined for an id that no run has. */
  async find(id: string): Promise<RunIdentity | undefined> {
    if (!this.#entries.has(id)) await this.#look();
    const entry = this.#entries.get(id);
    return entry?.summary && entry.identity;
  }

  /** Calls `onChanged` whenever a run comes, changes or goes, until the function it returns is called. */
  watch(onChanged: (change: RunsChanged) => void): () => void {
    this.#changes.on("changed", onChanged);
    this.#timer ??= setInterval(() => void this.#look().catch(() => {}), LOOK_MS);
    return () => {
      this.#changes.off("changed", onChanged);
      if (this.#changes.listenerCount("changed") === 0) this.close();
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): Promise<void> {
    // one look at a time, and for everybody who asks meanwhile
    if (this.#looking === undefined && performance.now() - this.#lookedMs < LOOK_MS / 2)
      return Promise.resolve();
    this.#looking ??= this.#lookAtAll().finally(() => {
      this.#lookedMs = performance.now();
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookAtAll(): Promise<void> {
    const startedMs = performance.now();
    const searching = startedMs >= this.#searchAgainMs;
    const gone: string[] = [];
    const changed: RunSummary[] = [];
    const identities = searching
      ? await this.#search(gone)
      : [...this.#entries.values()]
          .filter(({ summary }) => summary?.status !== "finished")
          .map(({ identity }) => identity);
    for (let at = 0; at < identities.length; at += AT_ONCE) {
      const part = identities.slice(at, at + AT_ONCE);
      await Promise.all(part.map((identity) => this.#lookAt(identity, changed, gone)));
    }
    if (searching) {
      const endedMs = performance.now();
      this.#searchAgainMs = endedMs + (endedMs - startedMs) / SEARCH_SHARE;
    }
    if (changed.length > 0 || gone.length > 0) this.#changes.emit("changed", { runs: changed, gone });
  }

  /** Every run there is now; those that are no longer there are forgotten. */
  async #search(gone: string[]): Promise<RunIdentity[]> {
    const identities = await findRuns(this.#folders);
    const there = new Set(identities.map(({ id }) => id));
    for (const [id, { summary }] of [...this.#entries]) {
      if (there.has(id)) continue;
      if (summary !== undefined) gone.push(id);
      this.#entries.delete(id);
    }
    return identities;
  }

  async #lookAt(identity: RunIdentity, changed: RunSummary[], gone: string[]): Promise<void> {
    const before = this.#entries.get(identity.id);
    const signature = await signatureOf(identity.path);
    if (before?.signature === signature) return;
    const summary = await summarize(identity);
    this.#entries.set(identity.id, { identity, signature, summary });
    if (summary !== undefined) changed.push(summary);
    else if (before?.summary !== undefined) gone.push(identity.id);
  }
}

/** Files that a summary depends on. */
const WATCHED = [
  "meta.json",
  "metrics.jsonl",
  "checkpoints/latest",
  "results.json",
  "settings.json",
  "jobs.jsonl",
  "README.md",
];

/** Changes whenever one of the files does, and when the process that computes is gone. */
async function signatureOf(path: string): Promise<string> {
  const files = WATCHED.map(async (name) => {
    const info = await lstat(join(path, name)).catch(() => undefined);
    return info && `${info.ino} ${info.size} ${info.mtimeMs}`;
  });
  return JSON.stringify([computing(path), await Promise.all(files)]);
}
