import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeWeights } from "../../src/learned/weights.ts";
import { findCheckpoint } from "../../src/runs/checkpoints.ts";
import { lowland } from "./lowland.ts";

const script = fileURLToPath(new URL("../../scripts/zoo.mjs", import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-zoo-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("lowland zoo", () => {
  it("list prints a table, or one JSON document", async () => {
    const table = await lowland(["zoo", "list"]);
    expect([table.code, table.stderr]).toEqual([0, ""]);
    expect(table.stdout).toMatch(/^lstm-sam-mnist +mnist\/mlp +sam:rho=\S+ +\d+ of \d+ +[\d.]+ kB$/m);
    const { schemaVersion, zoo } = JSON.parse((await lowland(["zoo", "list", "--json"])).stdout) as {
      schemaVersion: number;
      zoo: { name: string; path: string; config: { tasks: string[] } }[];
    };
    expect(schemaVersion).toBe(1);
    expect(zoo.find(({ name }) => name === "lstm-sam-mnist")?.config.tasks).toEqual(["mnist/mlp"]);
  });

  it("show prints the card and where the file is, or one JSON document", async () => {
    const { code, stdout, stderr } = await lowland(["zoo", "show", "lstm-mnist"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^# lstm-mnist\n/);
    const path = /^File: (.+)$/m.exec(stdout)?.[1] ?? "";
    expect(decodeWeights(readFileSync(path), path).learned.name).toBe("lstm");
    const json = await lowland(["zoo", "show", "lstm-mnist", "--json"]);
    const document = JSON.parse(json.stdout) as Record<string, unknown>;
    expect(document).toMatchObject({ schemaVersion: 1, name: "lstm-mnist", path });
    expect(stdout.startsWith(document.card as string)).toBe(true);
  });

  it("refuses an unknown name, there and in a spec, with a suggestion and exit code 2", async () => {
    for (const args of [
      ["zoo", "show", "lstm-smm-mnist"],
      ["train", "--task", "synthetic-digits/mlp", "--optimizer", "zoo:lstm-smm-mnist"],
    ]) {
      const { code, stdout, stderr } = await lowland(args);
      expect(stderr).toMatch(
        /^lowland: unknown zoo optimizer "lstm-smm-mnist"; did you mean "lstm-sam-mnist"\? valid: .* \[E_CONFIG\]\n$/,
      );
      expect([code, stdout]).toEqual([2, ""]);
    }
  });

  it("trains with zoo:NAME as with learned:FILE", async () => {
    const { path } = JSON.parse((await lowland(["zoo", "show", "lstm-mnist", "--json"])).stdout) as {
      path: string;
    };
    const lossOf = async (optimizer: string): Promise<number> => {
      const args = ["train", "--task", "synthetic-digits/mlp", "--steps", "10", "--json"];
      const { stdout } = await lowland([...args, "--optimizer", optimizer]);
      return (JSON.parse(stdout) as { trainLoss: number }).trainLoss;
    };
    const loss = await lossOf("zoo:lstm-mnist");
    expect(loss).toBe(await lossOf(`learned:${path}`));
    expect(loss).toBeLessThan(2.3);
  });
});

describe("scripts/zoo.mjs", () => {
  it("puts the best checkpoint of a run into the zoo, with figures from a results file", async () => {
    const run = join(folder, "run");
    const flags = ["--learned", "lstm:hidden=4", "--outer-steps", "2", "--checkpoint-every", "1"];
    const windows = ["--horizon", "2", "--truncation", "2", "--validation-seeds", "1"];
    const task = ["--task", "synthetic-digits/mlp"];
    expect((await lowland(["meta-train", ...task, ...flags, ...windows, "--out", run])).code).toBe(0);
    const grid = ["--steps", "2", "--seeds", "2", "--json", "--optimizer", `learned:${run},adam`];
    const results = join(folder, "results.json");
    writeFileSync(results, (await lowland(["evaluate", ...task, ...grid])).stdout);

    const out = join(folder, "zoo");
    const add = (...args: string[]) =>
      spawnSync(process.execPath, [script, ...args, "--out", out], { encoding: "utf8" });
    const figures = ["--results", results, "--optimizer", `learned:${run}`];
    expect(add(run, "tiny", ...figures)).toMatchObject({ status: 0, stderr: "" });
    expect(readdirSync(out)).toEqual(["tiny.md", "tiny.safetensors"]);
    const weights = (path: string): Float32Array => decodeWeights(readFileSync(path), path).metaParams;
    expect(weights(join(out, "tiny.safetensors"))).toEqual(weights(findCheckpoint(run)));
    const card = readFileSync(join(out, "tiny.md"), "utf8");
    expect(card).toMatch(
      /^\| synthetic-digits\/mlp \| 2 \| 2 \| [\d.]+ \[[\d., ]+\] \| .* \| – \| adam: [\d.]+ \[/m,
    );
    expect(card).toContain("--out runs/tiny\n");

    writeFileSync(join(out, "tiny.md"), card.replace(/## Figures[\s\S]*/, "## Figures\n\nold"));
    expect(add("tiny", ...figures)).toMatchObject({ status: 0, stderr: "" });
    expect(readFileSync(join(out, "tiny.md"), "utf8")).toBe(card);

    expect(add(run, "tiny", "--results", results).stderr).toContain('no records of "zoo:tiny"');
    expect(add(run, "../tiny").stderr).toContain("usage");
  });
});
