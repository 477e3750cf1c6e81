import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { type Progress, progressFrom } from "../meta/progress.ts";
import { checkpointFile } from "../runs/checkpoints.ts";
import { holderOf } from "../runs/lock.ts";
import { decodeMetadata } from "../runs/safetensors.ts";
import { openRegular, readText } from "./files.ts";
import { objectIn } from "./lines.ts";
import type { Computing, RunStatus, RunSummary } from "./protocol.ts";

/** Files of a run or of results that can be asked for; nothing else of a directory is ever sent. */
export const FILES = [
  "README.md",
  "config.resolved.json",
  "meta.json",
  "metrics.jsonl",
  "results.json",
  "report.html",
  "settings.json",
] as const;

/** What never changes while a run is what it is. */
export interface RunIdentity {
  readonly id: string;
  readonly name: string;
  readonly path: string;
}

/** Of the end of a `metrics.jsonl`: some 180 records of meta-training. */
const TAIL_BYTES = 32 * 1024;
/** A header of a checkpoint: that of 65,536 instances has 20 MB, which is not read for a list. */
const HEADER_BYTES = 4 << 20;

/**
 * Who computes a run: the process that holds its lock. This is the one place that says so; whatever else writes down who
 * takes part (workers of a cluster) is read here.
 */
export function computing(path: string): Computing[] {
  try {
    const holder = holderOf(path);
    return holder === undefined ? [] : [{ pid: holder.pid, host: holder.host, alive: holder.alive }];
  } catch {
    // a lock that this process may not read
    return [];
  }
}

/** What a directory holds: a run, results, or undefined for neither. */
export async function summarize(identity: RunIdentity): Promise<RunSummary | undefined> {
  const meta = await readObject(join(identity.path, "meta.json"));
  if (typeof meta?.lowland === "string") return summarizeRun(identity, meta);
  const settings = await readObject(join(identity.path, "settings.json"));
  return typeof settings?.kind === "string" ? summarizeResults(identity, settings.kind) : undefined;
}

async function summarizeRun(
  { id, name, path }: RunIdentity,
  meta: Readonly<Record<string, unknown>>,
): Promise<RunSummary> {
  const who = computing(path);
  const config = (await readObject(join(path, "config.resolved.json"))) ?? {};
  const command = Array.isArray(meta.command) ? String(meta.command[0]) : "";
  const kind = "outerSteps" in config ? "meta-train" : command || "train";
  const files = await filesIn(path);
  const { records, updatedMs } = await readTail(join(path, "metrics.jsonl"));
  const progress = kind === "meta-train" ? await readProgress(path) : undefined;
  const lastRecord = records.at(-1);
  const done = stepOf(lastRecord) ?? progress?.outerStep ?? 0;
  const total = numberIn(config, "outerSteps") ?? numberIn(config, "steps");
  const reached =
    kind === "meta-train"
      ? (total !== undefined && done >= total) || progress?.stopped === true
      : files.includes("results.json");
  // a run that is stopped writes a checkpoint of its last step
  const tidy = kind === "meta-train" ? (progress?.outerStep ?? 0) >= done : done === 0;
  const status = statusOf(who, { reached, tidy });
  const seconds = numberIn(lastRecord ?? {}, "seconds");
  const eta = status === "running" && total !== undefined ? etaOf(records, total) : undefined;
  const diverged = divergedOf(records, progress);
  const started = typeof meta.started === "string" ? meta.started : undefined;
  return {
    id,
    name,
    kind,
    status,
    ...(started !== undefined && { started }),
    updatedMs: updatedMs ?? (Date.parse(started ?? "") || 0),
    done,
    ...(total !== undefined && { total }),
    ...(seconds !== undefined && { seconds }),
    ...(eta !== undefined && { etaSeconds: eta }),
    last: lastOf(records),
    ...(typeof progress?.bestLoss === "number" && {
      best: { step: progress.bestOuterStep, loss: progress.bestLoss },
    }),
    ...(diverged !== undefined && { diverged }),
    computing: who,
    config,
    files,
  };
}

async function summarizeResults({ id, name, path }: RunIdentity, kind: string): Promise<RunSummary> {
  const who = computing(path);
  const files = await filesIn(path);
  const written = await Promise.all(
    ["results.json", "jobs.jsonl", "tuning.jsonl", "settings.json"].map((file) => infoOf(join(path, file))),
  );
  const updatedMs = Math.max(0, ...written.map((info) => info?.mtimeMs ?? 0));
  return {
    id,
    name,
    kind,
    status: statusOf(who, { reached: files.includes("results.json"), tidy: true }),
    updatedMs,
    done: await countLines(join(path, "jobs.jsonl")),
    last: {},
    computing: who,
    config: {},
    files,
  };
}

function statusOf(
  who: readonly Computing[],
  { reached, tidy }: { readonly reached: boolean; readonly tidy: boolean },
): RunStatus {
  if (who.some(({ alive }) => alive)) return "running";
  if (reached) return "finished";
  return who.length > 0 || !tidy ? "crashed" : "waiting";
}

/** How far the checkpoint had come that `latest` names, by the file's header. */
async function readProgress(path: string): Promise<Progress | undefined> {
  try {
    const folder = join(path, "checkpoints");
    const name = (await readText(join(folder, "latest")))?.trim() ?? "";
    if (!checkpointFile.test(name)) return undefined;
    const source = join(folder, name);
    return progressFrom(decodeMetadata(await readHeader(source), { source }), source);
  } catch {
    // none yet, just being replaced, or damaged: the run says so itself when it is resumed
    return undefined;
  }
}

/** A safetensors file up to the end of its header: eight bytes of length, then the header. */
async function readHeader(path: string): Promise<Uint8Array> {
  const prefix = 8;
  const bytes = Buffer.alloc(prefix);
  const file = await openRegular(path);
  if (file === undefined) return bytes;
  try {
    await file.read(bytes, 0, prefix, 0);
    const length = Number(bytes.readBigUInt64LE());
    if (length > HEADER_BYTES) return bytes;
    const header = Buffer.alloc(prefix + length);
    await file.read(header, 0, header.length, 0);
    return header;
  } finally {
    await file.close();
  }
}

/** The last complete records of a file, and when it was written. */
async function readTail(
  path: string,
): Promise<{ readonly records: readonly Record<string, unknown>[]; readonly updatedMs?: number }> {
  const file = await openRegular(path);
  if (file === undefined) return { records: [] };
  try {
    const { size, mtimeMs } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const bytes = Buffer.alloc(size - start);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
    const lines = bytes.toString("utf8", 0, bytesRead).split("\n");
    lines.pop();
    if (start > 0) lines.shift();
    const records = lines.map(objectIn).filter((record) => record !== undefined);
    return { records, updatedMs: mtimeMs };
  } finally {
    await file.close();
  }
}

/** Seconds to the end at the rate of the last records, those before the latest pause left out. */
function etaOf(records: readonly Record<string, unknown>[], total: number): number | undefined {
  const [first, last] = [records[0], records.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const steps = (stepOf(last) ?? 0) - (stepOf(first) ?? 0);
  const seconds = (numberIn(last, "seconds") ?? 0) - (numberIn(first, "seconds") ?? 0);
  const left = total - (stepOf(last) ?? 0);
  return steps > 0 && seconds > 0 && left > 0 ? (seconds / steps) * left : undefined;
}

/** Those counted by the last checkpoint, and those of the records after it. */
function divergedOf(
  records: readonly Record<string, unknown>[],
  progress: Progress | undefined,
): number | undefined {
  const since = records.filter((record) => (stepOf(record) ?? 0) > (progress?.outerStep ?? -1));
  const counted = since.flatMap((record) => numberIn(record, "diverged") ?? []);
  if (progress === undefined && counted.length === 0) return undefined;
  return counted.reduce((sum, value) => sum + value, progress?.diverged ?? 0);
}

/** The last number of each metric; of objects, with a dotted name. */
function lastOf(records: readonly Record<string, unknown>[]): Record<string, number> {
  const last: Record<string, number> = {};
  for (const record of records) {
    for (const [key, value] of Object.entries(record)) {
      if (typeof value === "number") last[key] = value;
      if (typeof value !== "object" || value === null) continue;
      for (const [inner, number] of Object.entries(value)) {
        if (typeof number === "number") last[`${key}.${inner}`] = number;
      }
    }
  }
  return last;
}

/** Outer step of meta-training, step of a training. */
export function stepOf(record: Readonly<Record<string, unknown>> | undefined): number | undefined {
  return record && (numberIn(record, "outerStep") ?? numberIn(record, "step"));
}

function numberIn(record: Readonly<Record<string, unknown>>, key: string): number | undefined {
  const value = record[key];
  return typeof value === "number" ? value : undefined;
}

async function filesIn(path: string): Promise<string[]> {
  const found = await Promise.all(
    FILES.map(async (name) => ((await infoOf(join(path, name)))?.isFile() ? [name] : [])),
  );
  return found.flat();
}

async function countLines(path: string): Promise<number> {
  const text = (await readText(path)) ?? "";
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

async function infoOf(path: string) {
  return lstat(path).catch(() => undefined);
}

/** The JSON object in a file; undefined where there is none. */
export async function readObject(path: string): Promise<Record<string, unknown> | undefined> {
  return objectIn((await readText(path)) ?? "");
}
