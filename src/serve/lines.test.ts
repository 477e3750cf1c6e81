import {
  appendFileSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LineReader } from "./lines.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "lowland-lines-")));
  path = join(folder, "metrics.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What one reading gives: lines with their ends, and `reset` where the file was replaced. */
async function readOf(reader: LineReader): Promise<string[]> {
  const seen: string[] = [];
  await reader.read(
    ({ text, end }) => seen.push(`${text}@${end}`),
    () => seen.push("reset"),
  );
  return seen;
}

describe("LineReader", () => {
  it("reads a last line when its end has been written, and nothing twice", async () => {
    const reader = new LineReader(path);
    expect(await readOf(reader)).toEqual([]);
    writeFileSync(path, '{"a":1}\n{"a"');
    expect(await readOf(reader)).toEqual(['{"a":1}@8']);
    expect(await readOf(reader)).toEqual([]);
    appendFileSync(path, ":2}\n");
    expect(await readOf(reader)).toEqual(['{"a":2}@16']);
  });

  it("reads the same lines however the file grows, across characters of several bytes too", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "grapheme" }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 }),
        async (texts, cuts) => {
          rmSync(path, { force: true });
          const lines = texts.map((text) => JSON.stringify({ text }));
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
          const reader = new LineReader(path);
          const seen: string[] = [];
          const read = () => reader.read(({ text }) => seen.push(text));
          let at = 0;
          for (const cut of cuts) {
            appendFileSync(path, bytes.subarray(at, at + cut));
            at += cut;
            await read();
          }
          appendFileSync(path, bytes.subarray(at));
          await read();
          expect(seen).toEqual(lines);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("begins again where the file was replaced by one that is as long", async () => {
    writeFileSync(path, '{"step":1,"seconds":0.1}\n{"step":2,"seconds":0.2}\n');
    const reader = new LineReader(path);
    await readOf(reader);
    writeFileSync(`${path}.new`, '{"step":1,"seconds":0.1}\n{"step":2,"seconds":0.3}\n');
    renameSync(`${path}.new`, path);
    expect(await readOf(reader)).toEqual([
      "reset",
      '{"step":1,"seconds":0.1}@25',
      '{"step":2,"seconds":0.3}@50',
    ]);
  });

  it("goes on from an offset after a line, and from the start where an offset is none", async () => {
    writeFileSync(path, '{"a":1}\n{"a":2}\n');
    expect(await readOf(new LineReader(path, 8))).toEqual(['{"a":2}@16']);
    expect((await readOf(new LineReader(path, 7)))[0]).toBe("reset");
    expect((await readOf(new LineReader(path, 1000)))[0]).toBe("reset");
  });

  it("leaves out a line of a megabyte, which is not one of a run", async () => {
    writeFileSync(path, `${"x".repeat(3 << 20)}\n{"a":1}\n`);
    expect((await readOf(new LineReader(path))).map((line) => line.slice(0, 7))).toEqual(['{"a":1}']);
  });

  it("reads through no symbolic link", async () => {
    writeFileSync(join(folder, "elsewhere"), "secret\n");
    symlinkSync(join(folder, "elsewhere"), path);
    expect(await readOf(new LineReader(path))).toEqual([]);
  });
});
