import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeWeights } from "../../src/learned/weights.ts";
import { encodeSafetensors } from "../../src/runs/safetensors.ts";
import { zooPath } from "../../src/zoo/zoo.ts";
import { published } from "../learned/published.ts";
import { lowland } from "./lowland.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-export-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("lowland export", () => {
  it("writes a Python module and weights that Lowland reads too, and never over others without --force", async () => {
    const out = join(folder, "torch");
    const args = ["export", "zoo:lstm-mnist", "--to", "torch", "--out", out];
    const first = await lowland(args);
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(first.stdout.trim().split("\n")).toEqual([
      join(out, "lstm_mnist.py"),
      join(out, "lstm_mnist.safetensors"),
    ]);
    expect(readdirSync(out).sort()).toEqual(["lstm_mnist.py", "lstm_mnist.safetensors"]);
    const read = (path: string) => decodeWeights(readFileSync(path), path).metaParams;
    expect(read(join(out, "lstm_mnist.safetensors"))).toEqual(read(zooPath("lstm-mnist")));

    const again = await lowland(args);
    expect([again.code, again.stdout]).toEqual([1, ""]);
    expect(again.stderr).toMatch(/lstm_mnist\.py is there already; replace it with --force, .*\[E_RUN\]\n$/);
    expect((await lowland([...args, "--force"])).code).toBe(0);
  });

  it("takes learned:FILE, a name, and prints one JSON document with --json", async () => {
    const out = join(folder, "optax");
    const { code, stdout } = await lowland([
      ...["export", `learned:${zooPath("lstm-mnist")}`, "--to", "optax"],
      ...["--out", out, "--name", "7-fold", "--json"],
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      to: "optax",
      code: join(out, "optimizer_7_fold.py"),
    });
    expect(existsSync(join(out, "optimizer_7_fold.safetensors"))).toBe(true);
  });

  it.each([
    ["adam:lr=0.01", /names no learned optimizer; give zoo:NAME .* \[E_USAGE\]\n$/],
    ["zoo:lstm-mnist+sam", /is more than a learned optimizer; export zoo:lstm-mnist, .* \[E_USAGE\]\n$/],
    ["zoo:lstm-mnits", /did you mean "lstm-mnist"\?.* \[E_CONFIG\]\n$/],
  ])("refuses %s with what to do instead", async (spec, message) => {
    const { code, stderr } = await lowland(["export", spec, "--to", "torch", "--out", join(folder, "none")]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(existsSync(join(folder, "none"))).toBe(false);
  });
});

describe("lowland import", () => {
  it("writes published weights for learned:FILE, and never over a file without --force", async () => {
    const [from, to] = [join(folder, "theirs.safetensors"), join(folder, "ours.safetensors")];
    writeFileSync(from, encodeSafetensors(published("mlp")));
    const first = await lowland(["import", from, "--out", to]);
    expect([first.code, first.stdout, first.stderr]).toEqual([0, `mlp, 1,762 weights, in ${to}\n`, ""]);
    expect(decodeWeights(readFileSync(to), to)).toMatchObject({
      spec: "mlp",
      metadata: { importedFrom: "theirs.safetensors" },
    });
    expect((await lowland(["import", from, "--out", to])).stderr).toMatch(/replace it with --force/);
    const twice = await lowland(["import", to, "--out", join(folder, "again.safetensors")]);
    expect(twice.stderr).toMatch(/is of Lowland already; use it as learned:/);
  });

  it("refuses a pickle", async () => {
    const from = join(folder, "theirs.pickle");
    writeFileSync(from, Buffer.from("80049504000000000000007d942e", "hex"));
    const { code, stderr } = await lowland(["import", from, "--out", join(folder, "none.safetensors")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/\[E_CHECKPOINT\]\n$/);
    expect(existsSync(join(folder, "none.safetensors"))).toBe(false);
  });
});
