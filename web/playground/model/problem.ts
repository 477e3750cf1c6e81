import {
  classificationTask,
  type Head,
  models,
  type Network,
  networkOf,
  openArena,
  type Shape,
  sequential,
  type Task,
  type Vector,
} from "../../../src/core.ts";
import { kernelOps } from "../../../src/kernels/ops.ts";
import type { PlaygroundState } from "../state.ts";
import { type Data, dataOf, isToy } from "./data.ts";
import { surfaceTask } from "./surface.ts";

/** What a state trains on: all of it that decides about numbers. */
export type ProblemState = Pick<PlaygroundState, "data" | "model" | "hidden" | "depth" | "batch" | "start">;

/** The problem of a state. */
export interface Problem {
  readonly task: Task;
  readonly data?: Data;
  readonly classes: number;
  /** Probabilities, `classes` an example, for `count` inputs in [0, 1]. */
  predict?(params: Float32Array, inputs: Float32Array, count: number): Float32Array;
  close(): void;
}

/** Sides of the grid of predictions in the plane. */
export const GRID = 40;

/** Opens the problem of a state. */
export function openProblem(state: ProblemState): Problem {
  const data = dataOf(state.data);
  if (data === undefined) return { task: surfaceTask(state.start), classes: 0, close() {} };
  const { model, hidden, depth, batch } = state;
  const { height, width, channels, classes } = data.train;
  // a pooled convolution needs images of a size
  const name = model === "cnn" && state.data !== "digits28" ? "mlp-relu" : model;
  const built = models[name]!.create(
    name === "cnn"
      ? { batch, init: "he" }
      : {
          ...(name !== "mlp-residual" && { activation: name === "mlp" ? "sigmoid" : "relu" }),
          hidden,
          depth,
          batch,
          init: "he",
        },
  );
  const shape = isToy(state.data) ? [2] : [height, width, channels];
  const plain = networkOf(built, shape, { classes });
  const network = isToy(state.data) ? centred(plain) : plain;
  const task = classificationTask(`${state.data}/${name}`, network, data, { batchSize: batch });
  const outputs = openOutputs(shape, built.layers(classes), classes);
  return {
    task,
    data,
    classes,
    predict: outputs.predict,
    close() {
      task.close?.();
      outputs.close();
    },
  };
}

/**
 * The network with initial parameters as if the inputs were in [−2, 2] instead of [0, 1]: weights of the first layer times
 * 4, and biases such that the middle of the plane gives what 0 would give.
 */
function centred(network: Network): Network {
  const [weights, biases] = network.layout.slots;
  return {
    ...network,
    init(key, params) {
      network.init(key, params);
      const inputs = weights!.shape[1]!;
      for (let unit = 0; unit < biases!.size; unit++) {
        let sum = 0;
        for (let i = 0; i < inputs; i++) {
          const at = weights!.offset + unit * inputs + i;
          params[at] = 4 * params[at]!;
          sum += params[at]!;
        }
        params[biases!.offset + unit] = -0.5 * sum;
      }
    },
  };
}

/** A network that hands its outputs over instead of a loss. */
function openOutputs(
  shape: Shape,
  layers: Parameters<typeof sequential>[1],
  classes: number,
): { predict: NonNullable<Problem["predict"]>; close(): void } {
  let taken = new Float32Array(0);
  const head: Head = {
    name: "outputs",
    targets: () => 1,
    open: () => ({
      loss(y, _targets, count) {
        taken.set(y.subarray(0, count * classes));
        taken = taken.subarray(count * classes);
        return { loss: 0, correct: 0 };
      },
      tangent() {},
    }),
  };
  const arena = openArena();
  const network = sequential(shape, layers, { kind: "he" }, { head });
  const most = GRID * GRID;
  const opened = network.open(kernelOps(arena), most);
  const weights = arena.float32(network.layout.size);
  const unused = new Uint8Array(most);
  return {
    predict(params, inputs, count) {
      weights.set(params);
      opened.input.set(inputs);
      const logits = new Float32Array(count * classes);
      taken = logits;
      opened.run(weights, unused, count);
      return softmax(logits, classes);
    },
    close: () => arena.close(),
  };
}

/** Rows of logits as probabilities, in place. */
function softmax(logits: Float32Array, classes: number): Float32Array {
  for (let row = 0; row < logits.length; row += classes) {
    const part = logits.subarray(row, row + classes);
    const largest = part.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      part[c] = Math.exp(part[c]! - largest);
      sum += part[c]!;
    }
    for (let c = 0; c < classes; c++) part[c] = part[c]! / sum;
  }
  return logits;
}

/** The grid of inputs that the plane of a toy is drawn from: row by row from the top, y upwards. */
export function gridInputs(): Float32Array {
  const inputs = new Float32Array(2 * GRID * GRID);
  for (let i = 0; i < GRID * GRID; i++) {
    inputs[2 * i] = ((i % GRID) + 0.5) / GRID;
    inputs[2 * i + 1] = 1 - (Math.floor(i / GRID) + 0.5) / GRID;
  }
  return inputs;
}

/** A vector of a state in plain memory. */
export function copied(vector: Vector): Float32Array {
  return Float32Array.from(vector);
}
