import { closeSync, fsyncSync, openSync, writeFileSync } from "node:fs";
import { LowlandError } from "../errors.ts";
import { ioError, readTextIfAny, writeFileAtomic } from "./files.ts";

/** One line of `metrics.jsonl`. Numbers that are not finite are written as null. */
export interface MetricsRecord {
  readonly outerStep?: number;
  readonly [name: string]: unknown;
}

/** Appends records to a `metrics.jsonl`, one JSON object a line. */
export class MetricsWriter {
  readonly #path: string;
  #file: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Appends one line; when this returns, the line survives the process. Throws E_IO. */
  append(record: MetricsRecord): void {
    try {
      this.#file ??= openSync(this.#path, "a");
      writeFileSync(this.#file, `${JSON.stringify(record)}\n`);
    } catch (error) {
      throw ioError("write", this.#path, error);
    }
  }

  /** Flushes what was appended to the disk. Throws E_IO. */
  sync(): void {
    if (this.#file === undefined) return;
    try {
      fsyncSync(this.#file);
    } catch (error) {
      throw ioError("write", this.#path, error);
    }
  }

  /** Drops the records of steps after `step`, and a last line that was cut off, so that a resumed run repeats them. */
  truncateTo(step: number): void {
    this.close();
    const text = readTextIfAny(this.#path);
    if (text === undefined) return;
    const kept = parseMetrics(text, this.#path).filter(({ record }) => !((record.outerStep ?? 0) > step));
    const wanted = kept.map(({ line }) => `${line}\n`).join("");
    if (wanted !== text) writeFileAtomic(this.#path, wanted);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/**
 * The records of a `metrics.jsonl`; a last line that was cut off is left out, a missing file has none.
 *
 * @throws E_RUN when another line is not a JSON object.
 */
export function readMetrics(path: string): MetricsRecord[] {
  return parseMetrics(readTextIfAny(path) ?? "", path).map(({ record }) => record);
}

function parseMetrics(text: string, path: string): { line: string; record: MetricsRecord }[] {
  const lines = text.split("\n");
  lines.pop(); // Complete lines end in a newline, so what follows the last one is empty or cut off.
  return lines.map((line, index) => {
    const record = parseObject(line);
    if (record === undefined) {
      throw new LowlandError(
        "E_RUN",
        `line ${index + 1} of ${path} is not a JSON object; delete that line, or start again with --force`,
      );
    }
    return { line, record };
  });
}

function parseObject(line: string): MetricsRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as MetricsRecord)
      : undefined;
  } catch {
    return undefined;
  }
}
