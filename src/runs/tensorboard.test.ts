import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LowlandError } from "../errors.ts";
import { crc32c, EventWriter } from "./tensorboard.ts";

const golden = new URL("../../test/golden/tensorboard/", import.meta.url);
const readGolden = (name: string): Buffer => readFileSync(new URL(name, golden));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lowland-events-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A run of four steps, and one resumed from its checkpoint of step 2 a moment later. */
function writeResumedRun(): string[] {
  let seconds = 1_700_000_000;
  const now = (): number => {
    seconds += 0.125;
    return seconds;
  };
  const first = new EventWriter(directory, { now });
  for (let step = 1; step <= 4; step++)
    first.scalars(step, { "meta/loss": 1 / step, "meta/größe": step * 1e9 });
  first.close();
  const second = new EventWriter(directory, { now, resumeStep: 3 });
  second.scalars(3, { "meta/loss": -3 });
  second.scalars(2 ** 40, { "meta/loss": Number.NaN });
  second.close();
  return [first.path, second.path];
}

describe("EventWriter", () => {
  it("writes the bytes that the TensorBoard reader was shown", () => {
    const paths = writeResumedRun();
    expect(paths.map((path) => basename(path))).toEqual(readdirSync(directory).sort());
    for (const path of paths) expect(readFileSync(path)).toEqual(readGolden(basename(path)));
  });

  it("is read by TensorBoard as what was written, the resumed steps once", () => {
    expect(JSON.parse(readGolden("golden.json").toString())).toEqual({
      "meta/loss": [
        [1, 1],
        [2, 0.5],
        [3, -3],
        [2 ** 40, "nan"],
      ],
      "meta/größe": [
        [1, 1e9],
        [2, 2e9],
      ],
    });
  });

  it("never writes into an older file, even within one second", () => {
    const now = (): number => 5;
    const paths = [1, 2, 3].map(() => {
      const writer = new EventWriter(directory, { now });
      writer.close();
      return basename(writer.path);
    });
    expect(paths).toEqual([5, 6, 7].map((stamp) => `events.out.tfevents.000000000${stamp}.lowland`));
  });

  it("refuses a directory that is not there", () => {
    const missing = join(directory, "missing");
    expect(() => new EventWriter(missing, { now: () => 0 })).toThrow(LowlandError);
    expect(existsSync(missing)).toBe(false);
  });
});

describe("crc32c", () => {
  it("gives the check value of the Castagnoli polynomial", () => {
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
  });
});
