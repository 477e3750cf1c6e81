import { EventEmitter } from "node:events";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { type Folder, findRuns } from "./folders.ts";
import type { RunSummary, RunsChanged } from "./protocol.ts";
import { computing, type RunIdentity, summarize } from "./run-state.ts";

/** How often the runs that are known are looked at, while somebody watches. */
const LOOK_MS = 1000;
/** New ones are looked for as often, unless that takes long: it then takes no more than this share of the time. */
const SEARCH_SHARE = 0.05;

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

  /** Every run, in the order of names, at most a second old. */
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
    const gone: string[] = [];
    let identities = [...this.#entries.values()].map(({ identity }) => identity);
    const startedMs = performance.now();
    if (startedMs >= this.#searchAgainMs) {
      identities = await findRuns(this.#folders);
      const endedMs = performance.now();
      this.#searchAgainMs = endedMs + (endedMs - startedMs) / SEARCH_SHARE;
      const there = new Set(identities.map(({ id }) => id));
      for (const id of [...this.#entries.keys()].filter((known) => !there.has(known))) {
        if (this.#entries.get(id)?.summary !== undefined) gone.push(id);
        this.#entries.delete(id);
      }
    }
    const changed: RunSummary[] = [];
    for (const identity of identities) {
      const before = this.#entries.get(identity.id);
      const signature = await signatureOf(identity.path);
      if (before?.signature === signature) continue;
      const summary = await summarize(identity);
      this.#entries.set(identity.id, { identity, signature, summary });
      if (summary !== undefined) changed.push(summary);
      else if (before?.summary !== undefined) gone.push(identity.id);
    }
    if (changed.length > 0 || gone.length > 0) this.#changes.emit("changed", { runs: changed, gone });
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
