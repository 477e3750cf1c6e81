import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import type { Identity } from "../evaluation/identity.ts";
import { findCheckpoint } from "../runs/checkpoints.ts";
import { readBytes } from "../runs/files.ts";
import { EXPIRY, type ExperimentKeys } from "./keys.ts";
import { hashOf } from "./tensors.ts";

const LEARNED = "learned:";

/** Lays the weights that an experiment's methods name into Redis, by hash: workers need no copy of them. */
export async function shareWeights(redis: Redis, keys: ExperimentKeys, { files }: Identity): Promise<void> {
  for (const [name, hash] of Object.entries(files)) {
    if (!name.startsWith(LEARNED)) continue;
    const bytes = readBytes(findCheckpoint(name.slice(LEARNED.length)));
    await redis.hset(keys.weights, hash, Buffer.from(bytes));
    await redis.expire(keys.weights, EXPIRY.keep);
  }
}

/** Weights that a worker fetched. */
export interface FetchedWeights {
  /** Their hashes, by the names that methods give them. */
  readonly files: Identity["files"];
  /** A method's spec as it is loaded here. */
  local(spec: string): string;
  remove(): void;
}

/** Fetches the weights that a worker needs and does not have at their paths, into a folder of its own. */
export async function fetchWeights(
  redis: Redis,
  keys: ExperimentKeys,
  { files }: Identity,
): Promise<FetchedWeights> {
  const folder = mkdtempSync(join(tmpdir(), "lowland-weights-"));
  const copies = new Map<string, string>();
  const fetched: Record<string, string> = {};
  for (const [name, hash] of Object.entries(files)) {
    if (!name.startsWith(LEARNED) || isHere(name.slice(LEARNED.length), hash)) continue;
    const bytes = await redis.hgetBuffer(keys.weights, hash);
    if (bytes === null || hashOf(bytes) !== hash) continue; // the proof will lack it, and say so
    const file = join(folder, `${hash}.safetensors`);
    writeFileSync(file, bytes);
    copies.set(name, `${LEARNED}${file}`);
    fetched[name] = hash;
  }
  return {
    files: fetched,
    local: (spec) =>
      spec
        .split("+")
        .map((part) => copies.get(part) ?? part)
        .join("+"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function isHere(path: string, hash: string): boolean {
  try {
    return existsSync(path) && hashOf(readBytes(findCheckpoint(path))) === hash;
  } catch {
    return false;
  }
}
