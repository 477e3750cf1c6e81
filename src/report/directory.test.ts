import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { identityOf } from "../evaluation/identity.ts";
import { lstm } from "../learned/lstm.ts";
import { encodeWeights } from "../learned/weights.ts";
import { key } from "../random/key.ts";
import { openResults } from "./directory.ts";

const origin = { version: "1.2.3", kernelVariant: "fma" };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lowland-results-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file of weights drawn by a seed. */
function weights(name: string, seed: number): string {
  const learned = lstm();
  const metaParams = new Float32Array(learned.layout.size);
  learned.init(key(seed), metaParams);
  const path = join(folder, name);
  writeFileSync(path, encodeWeights("lstm", learned.layout, metaParams));
  return path;
}

describe("openResults", () => {
  const settings = { kind: "evaluate", steps: [1] };
  const open = (changes: {
    settings?: object;
    origin?: Partial<typeof origin>;
    methods?: string[];
    tasks?: string[];
    data?: Record<string, string>;
    extend?: boolean;
    force?: boolean;
  }) =>
    openResults(
      join(folder, "out"),
      { ...settings, ...changes.settings },
      {
        ...(changes.extend && { extend: true }),
        ...(changes.force && { force: true }),
        identity: {
          ...identityOf(changes.methods ?? ["adam"], changes.tasks ?? ["mnist/mlp"], {
            ...origin,
            ...changes.origin,
          }),
          ...(changes.data && { data: changes.data }),
        },
      },
    );
  /** Opens it and leaves a run in its journal. */
  const begin = (changes: Parameters<typeof open>[0] = {}) => writeFileSync(open(changes).journal, "{}\n");

  it("goes on with the same settings, and grows by others where asked to", () => {
    begin();
    expect(() => open({})).not.toThrow();
    expect(() => open({ settings: { steps: [2] } })).toThrow("unfinished evaluation with other settings");
    expect(() => open({ settings: { steps: [2] }, extend: true })).not.toThrow();
  });

  it.each([
    ["another version", { origin: { version: "1.3.0" } }, "were made by Lowland 1.2.3, this is 1.3.0"],
    [
      "other kernels",
      { origin: { kernelVariant: "portable" } },
      "were made with the fma kernels, these are portable",
    ],
    ["results of another kind", { settings: { kind: "sharpness" } }, "is of evaluate, this is sharpness"],
  ])("does not mix with %s, --extend or not, until they are replaced", (_what, changes, message) => {
    begin();
    for (const extend of [false, true]) expect(() => open({ ...changes, extend })).toThrow(message);
    expect(() => open({ ...changes, force: true })).not.toThrow();
  });

  it("does not mix runs on other bytes of a dataset", () => {
    begin({ data: { mnist: "official" } });
    expect(() => open({ data: { "cifar-10": "a", mnist: "official" }, extend: true })).not.toThrow();
    expect(() => open({ data: { mnist: "b" }, extend: true })).toThrow("were made on other bytes of mnist");
    // what was read in between is still known
    expect(() => open({ data: { mnist: "official" }, extend: true })).not.toThrow();
    expect(() => open({ data: { "cifar-10": "b" }, extend: true })).toThrow("on other bytes of cifar-10");
    expect(() => open({ data: { mnist: "b" }, force: true })).not.toThrow();
  });

  it("remembers weights that another command did not name", () => {
    const learned = weights("w.safetensors", 0);
    begin({ methods: [`learned:${learned}`] });
    open({ methods: ["adam"], extend: true });
    weights("w.safetensors", 1);
    expect(() => open({ methods: [`learned:${learned}`], extend: true })).toThrow(
      "made with another learned:",
    );
  });

  it("does not mix runs of weights or modules that have changed meanwhile", () => {
    const learned = weights("w.safetensors", 0);
    const module = join(folder, "task.mjs");
    writeFileSync(module, "export default 1;");
    const own = { methods: [`learned:${learned}+sam:rho=0.1`], tasks: [module] };
    begin(own);
    expect(() => open(own)).not.toThrow();
    weights("w.safetensors", 1);
    expect(() => open(own)).toThrow(`were made with another learned:${learned}`);
    weights("w.safetensors", 0);
    writeFileSync(module, "export default 2;");
    expect(() => open(own)).toThrow(`were made with another ${module}`);
  });
});
