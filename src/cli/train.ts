import { buildCommand, type Command } from "@stricli/core";
import { LowlandError } from "../errors.ts";
import { splitSpecs } from "../spec.ts";
import { type CliContext, print, printJson } from "./context.ts";
import { dataDirFlag, integer, jsonFlag, optional, toggle } from "./flags.ts";
import { Progress } from "./progress.ts";
import { formatTable } from "./table.ts";

interface TrainFlags {
  readonly task: string;
  readonly optimizer: string;
  readonly regularizer: string;
  readonly steps: number;
  readonly seed: number;
  readonly out?: string;
  readonly force: boolean;
  readonly dataDir?: string;
  readonly json: boolean;
}

export const train: Command<CliContext> = buildCommand({
  docs: {
    brief: "Train a task with any optimizer",
    fullDescription:
      "Inner training: minibatch steps of one optimizer on one task, with or without an explicit regularizer, then a full evaluation.",
  },
  parameters: {
    flags: {
      task: { kind: "parsed", parse: String, brief: "Task, such as mnist/mlp", placeholder: "task" },
      optimizer: {
        kind: "parsed",
        parse: String,
        default: "adam",
        brief: "Optimizer, such as adam:lr=0.01, learned:runs/sam or zoo:lstm-mnist",
        placeholder: "spec",
      },
      regularizer: {
        kind: "parsed",
        parse: String,
        default: "none",
        brief: "Regularizer of every step, such as sam:rho=0.05",
        placeholder: "spec",
      },
      steps: { kind: "parsed", parse: integer(1), default: "1000", brief: "Inner steps", placeholder: "n" },
      seed: { kind: "parsed", parse: integer(0), default: "0", brief: "Seed", placeholder: "n" },
      out: optional(String, "Directory for the run: metrics and final parameters", "dir"),
      force: toggle("Replace a run that is there"),
      dataDir: dataDirFlag,
      json: jsonFlag,
    },
  },
  async func(this: CliContext, flags: TrainFlags): Promise<void> {
    const { kernels } = await import("../kernels/module.ts");
    const { loadMethod } = await import("../evaluation/optimizers.ts");
    const { formatMethod } = await import("../optimizers/method.ts");
    const { trainRun } = await import("../evaluation/train.ts");
    const { loadTask } = await import("../tasks/load.ts");
    const { task: name, steps, seed, dataDir } = flags;
    const given = splitSpecs(flags.optimizer);
    if (given.length > 1) {
      throw new LowlandError(
        "E_USAGE",
        `--optimizer of train takes one optimizer, not ${given.length}; compare several with lowland evaluate`,
      );
    }
    const spec = flags.regularizer === "none" ? flags.optimizer : `${flags.optimizer}+${flags.regularizer}`;
    const method = await loadMethod(spec);
    const task = await loadTask(name, { ...(dataDir !== undefined && { dataDir }) });

    const run =
      flags.out === undefined ? undefined : await openRun(this, flags, flags.out, kernels().variant);
    const progress = new Progress(`train ${name}`, { unit: "steps", total: steps, stream: this.stderr });
    let params: Float32Array | undefined;
    try {
      const result = await trainRun(task, method, {
        steps: [steps],
        seed,
        signal: this.signal,
        clock: () => performance.now(),
        at: (reached) => {
          params = reached.slice();
        },
        onProgress: (done, loss) => progress.update(done, `loss ${loss.toFixed(4)}`),
      });
      const [reached] = result.milestones;
      const finite = reached !== undefined && Number.isFinite(reached.trainLoss);
      const document = {
        task: name,
        optimizer: formatMethod({ ...method.identity, regularizer: "none" }),
        regularizer: method.identity.regularizer,
        steps,
        seed,
        kernelVariant: kernels().variant,
        trainLoss: finite ? reached.trainLoss : null,
        testLoss: finite ? reached.testLoss : null,
        testAccuracy: finite ? (reached.metrics.accuracy ?? null) : null,
        stepsPerSecond: result.steps / result.seconds,
        gradientEvaluations: result.gradientEvaluations,
        diverged: !finite,
        curve: result.curve,
      };
      if (run !== undefined) {
        const { encodeSafetensors } = await import("../runs/safetensors.ts");
        for (const { step, loss } of result.curve) run.metrics.append({ step, loss });
        if (params !== undefined) {
          const final = params;
          const tensors = task.layout.slots.map((slot) => [
            slot.name,
            { shape: slot.shape, data: final.slice(slot.offset, slot.offset + slot.size) },
          ]);
          run.writeCheckpoint(
            steps,
            encodeSafetensors(Object.fromEntries(tensors), { task: name, optimizer: spec }),
          );
        }
        run.writeJson("results.json", { schemaVersion: 1, ...document });
      }
      progress.close();
      if (flags.json) printJson(this, document);
      else if (finite) {
        print(
          this,
          formatTable(
            ["task", "optimizer", "steps", "train loss", "test loss", "test accuracy", "steps/s"],
            [
              [
                name,
                spec,
                steps,
                reached.trainLoss.toFixed(4),
                reached.testLoss.toFixed(4),
                reached.metrics.accuracy === undefined
                  ? "—"
                  : `${(100 * reached.metrics.accuracy).toFixed(2)} %`,
                Math.round(document.stepsPerSecond),
              ],
            ],
          ),
        );
      }
      if (!finite) {
        throw new LowlandError(
          "E_DIVERGED",
          `training diverged: ${spec} on ${name}, seed ${seed}, left the finite numbers at step ${result.divergedAt ?? steps}; use a smaller learning rate`,
        );
      }
    } finally {
      progress.close();
      run?.close();
    }
  },
});

async function openRun(context: CliContext, flags: TrainFlags, out: string, variant: string) {
  const { describeRun } = await import("../runs/run.ts");
  const { RunDirectory } = await import("../runs/run-directory.ts");
  const { task, optimizer, regularizer, steps, seed } = flags;
  return RunDirectory.create(out, {
    meta: describeRun({ variant, command: context.argv, seed, started: new Date().toISOString() }),
    config: { task, optimizer, regularizer, steps, seed },
    force: flags.force,
    resumable: false,
  });
}
