import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { syntheticResults } from "../../test/report/fixture.ts";
import { formatResults } from "../evaluation/results-file.ts";
import { readResults } from "./read.ts";

const directory = mkdtempSync(join(tmpdir(), "lowland-report-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe("readResults", () => {
  it("reads a directory's results.json or the file itself", () => {
    const results = syntheticResults({ steps: [20], seeds: 2 });
    writeFileSync(join(directory, "results.json"), formatResults(results));
    expect(readResults(directory)).toEqual(results);
    expect(readResults(join(directory, "results.json"))).toEqual(results);
  });

  it("refuses a directory without results, and one that does not exist, in one line", () => {
    for (const path of [tmpdir(), join(directory, "nowhere")]) {
      expect(() => readResults(path)).toThrowError(
        expect.objectContaining({
          code: "E_DATA",
          message: expect.stringMatching(/^there is no .*results\.json; give/),
        }),
      );
    }
  });

  it("names the damaged file", () => {
    const file = join(directory, "damaged.json");
    writeFileSync(file, '{"schemaVersion": 1, "kind"');
    expect(() => readResults(file)).toThrowError(
      expect.objectContaining({ code: "E_DATA", message: expect.stringContaining(file) }),
    );
  });
});
