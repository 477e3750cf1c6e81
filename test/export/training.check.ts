import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadDataset } from "../../src/data/datasets.ts";
import { splitIndices } from "../../src/data/splits.ts";
import { loadMethod } from "../../src/evaluation/optimizers.ts";
import { trainRun } from "../../src/evaluation/train.ts";
import { exportPython } from "../../src/export/python.ts";
import { decodeWeights } from "../../src/learned/weights.ts";
import { readBytes } from "../../src/runs/files.ts";
import { loadTask } from "../../src/tasks/load.ts";
import { zooNames, zooPath } from "../../src/zoo/zoo.ts";

const python = process.env.LOWLAND_PYTHON;
if (python === undefined) throw new Error("LOWLAND_PYTHON is not set; run npm run test:export");

/** Folder for the figures; with it MNIST is read, and all of the zoo is run that knows no other length. */
const figuresFolder = process.env.LOWLAND_EXPORT_FIGURES;
const dataset = figuresFolder === undefined ? "synthetic-digits" : "mnist";
const names =
  figuresFolder === undefined
    ? ["lstm-sam-mnist"]
    : zooNames().filter((name) => decodeWeights(readBytes(zooPath(name)), name).learned.name === "lstm");

const STEPS = 100;
const SEEDS = [0, 1, 2, 3, 4];
/** Two-sided at 0.001 with 2·5 − 2 degrees of freedom, from a table of Student's t. */
const T = 5.041;

/** As a user of PyTorch would write it: draws, minibatches and the loop are torch's own. */
const driver = `
import importlib, json, sys
import numpy as np
import torch

problem = json.load(sys.stdin)
sys.path.insert(0, problem["folder"])
torch.set_num_threads(1)
read = lambda name: np.fromfile(f"{problem['folder']}/{name}", np.uint8)
x, xt = (torch.tensor(read(name).reshape(-1, 784)) / 255 for name in ("train.x", "test.x"))
y, yt = (torch.tensor(read(name)).long() for name in ("train.y", "test.y"))

def accuracy(name, seed):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(784, 20), torch.nn.Sigmoid(), torch.nn.Linear(20, 10))
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.01)
    optimizer = importlib.import_module(name).LearnedOptimizer(model.parameters())
    for _ in range(problem["steps"]):
        batch = torch.randint(0, len(x), (128,))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(xt).argmax(1) == yt).double().mean().item()

json.dump([[accuracy(name, seed) for seed in problem["seeds"]] for name in problem["names"]], sys.stdout)
`;

const folder = mkdtempSync(join(tmpdir(), "lowland-training-"));
afterAll(() => rmSync(folder, { recursive: true }));

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const variance = (values: readonly number[]): number => {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
};

describe(`training ${dataset}/mlp for ${STEPS} steps in PyTorch`, () => {
  it("reaches the accuracy that it reaches in Lowland", async () => {
    const { train, test } = await loadDataset(dataset);
    const bytes = train.height * train.width * train.channels;
    const { train: indices } = splitIndices(train.count);
    const images = new Uint8Array(indices.length * bytes);
    indices.forEach((index, i) => {
      images.set(train.images.subarray(index * bytes, (index + 1) * bytes), i * bytes);
    });
    const files = {
      "train.x": images,
      "train.y": Uint8Array.from(indices, (index) => train.labels[index]!),
      "test.x": test.images.subarray(0, test.count * bytes),
      "test.y": test.labels.subarray(0, test.count),
    };
    for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
    const modules = names.map((name) => name.replaceAll("-", "_"));
    for (const [i, name] of names.entries()) {
      const written = exportPython(decodeWeights(readBytes(zooPath(name)), name), {
        target: "torch",
        name: modules[i]!,
      });
      writeFileSync(join(folder, `${modules[i]}.py`), written.code);
      writeFileSync(join(folder, `${modules[i]}.safetensors`), written.weights);
    }
    const { status, stdout, stderr } = spawnSync(python, ["-c", driver], {
      input: JSON.stringify({ folder, names: modules, steps: STEPS, seeds: SEEDS }),
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(stderr);
    const theirs = JSON.parse(stdout) as number[][];

    const task = await loadTask(`${dataset}/mlp`);
    const rows = [];
    for (const [i, name] of names.entries()) {
      const ours: number[] = [];
      for (const seed of SEEDS) {
        const { milestones } = await trainRun(task, await loadMethod(`zoo:${name}`), {
          steps: [STEPS],
          seed,
        });
        ours.push(milestones[0]!.metrics.accuracy!);
      }
      rows.push({ name, torch: theirs[i]!, lowland: ours });
      // far above chance, and no further apart than two means of five draws each
      expect(mean(ours)).toBeGreaterThan(0.5);
      const deviation = Math.sqrt((variance(ours) + variance(theirs[i]!)) / SEEDS.length);
      expect(Math.abs(mean(ours) - mean(theirs[i]!)), name).toBeLessThan(T * deviation);
    }
    if (figuresFolder !== undefined) {
      const text = JSON.stringify({ task: `${dataset}/mlp`, steps: STEPS, seeds: SEEDS.length, rows });
      writeFileSync(join(figuresFolder, "training.json"), text);
    }
  });
});
