// lowland/tfjs: Lowland's optimizers as optimizers of TensorFlow.js.
import type { NamedTensorMap, Scalar, serialization, Tensor, Variable } from "@tensorflow/tfjs";
import { LowlandError } from "../errors.ts";
import type { Arena } from "../kernels/memory.ts";
import { openArena } from "../kernels/module.ts";
import type { Optimizer, OptimizerState } from "../optimizers/types.ts";
import { key } from "../random/key.ts";
import type { Regularizer } from "../regularizers/types.ts";
import { completeObjective } from "../tasks/complete.ts";
import {
  methodOf,
  missingPeer,
  type OptimizerOrSpec,
  restore,
  type TensorOptions,
  type Tensors,
  tensorsOf,
} from "./tensors.ts";

export type { AxisOrder, OptimizerOrSpec, TensorInfo, TensorOptions } from "./tensors.ts";

const tf: typeof import("@tensorflow/tfjs") = await import("@tensorflow/tfjs").catch((cause: unknown) => {
  throw missingPeer("@tensorflow/tfjs", "lowland/tfjs", cause);
});

/** What an optimizer cannot see of a model of TensorFlow.js. */
export interface LowlandOptimizerOptions extends TensorOptions {
  /** Steps of the whole training, for schedules and for optimizers that go by it. */
  readonly horizon?: number;
  /** Applied to the loss function in `minimize` and `fit`: `sam({ rho: 0.05 })` or `"sam:rho=0.05"`. */
  readonly regularizer?: Regularizer | string;
}

/** A training under way: the variables, in the order of their first gradients, and the optimizer's state. */
interface Training {
  readonly names: readonly string[];
  readonly tensors: Tensors;
  readonly arena: Arena;
  readonly params: Float32Array;
  readonly gradient: Float32Array;
  readonly state: OptimizerState;
}

/** A tensor by its name. */
interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

/** Prefix of the state's tensors in `getWeights`. */
const PREFIX = "lowland/";

/** Minibatches are the loss function's own, so that objectives are called with one key. */
const BATCH = key(0);

/**
 * An optimizer of Lowland's as a `tf.Optimizer`: for `minimize`, `applyGradients`, `model.compile` and `fit`. Any optimizer: hand-designed,
 * learned, with combinators around it.
 *
 * TensorFlow.js keeps weights as (positions …, inputs, outputs); they are turned to Lowland's [outputs, positions …, inputs] and back,
 * so that optimizers that look at shapes see what they were made for. Given the same gradients, the parameters are those of
 * `optimizer.step`, bit for bit. A regularizer calls the loss function several times a step: it has to be the same function each
 * time, which one with dropout is not.
 *
 * @param optimizer an `Optimizer` (`loadZoo("lstm-sam-mnist")`, `adam({ lr: 0.01 })`), or a spec string of a hand-designed one
 * @throws {LowlandError} E_CONFIG for a spec string that cannot be; E_SHAPE at a step whose variables are not those of the first
 * @example
 * const optimizer = new LowlandOptimizer(loadZoo("lstm-sam-mnist"));
 * model.compile({ optimizer, loss: "categoricalCrossentropy" });
 * await model.fit(images, labels);
 */
export class LowlandOptimizer extends tf.Optimizer {
  /** Name in saved models. */
  static get className(): string {
    return "Lowland";
  }

  readonly #given: OptimizerOrSpec;
  readonly #options: LowlandOptimizerOptions;
  readonly #optimizer: Optimizer;
  readonly #regularizer: Regularizer;
  #training: Training | undefined;
  #restored: ReadonlyMap<string, Float32Array> | undefined;
  #loss: number | undefined;

  constructor(optimizer: OptimizerOrSpec, options: LowlandOptimizerOptions = {}) {
    super();
    this.#given = optimizer;
    this.#options = options;
    ({ optimizer: this.#optimizer, regularizer: this.#regularizer } = methodOf(
      optimizer,
      options.regularizer,
    ));
  }

  /** The loss and its gradients, both regularized where there is a regularizer. */
  override computeGradients(f: () => Scalar, varList?: Variable[]): { value: Scalar; grads: NamedTensorMap } {
    const computed =
      this.#regularizer.name === "none" ? tf.variableGrads(f, varList) : this.#regularized(f, varList);
    if (this.#optimizer.reads.loss) [this.#loss] = computed.value.dataSync();
    return computed;
  }

  /**
   * Takes a step. The variables are those of the first call.
   *
   * @param variableGradients gradients by the names of variables
   */
  override applyGradients(variableGradients: NamedTensorMap | NamedTensor[]): void {
    const named = (
      Array.isArray(variableGradients)
        ? variableGradients.map(({ name, tensor }) => [name, tensor] as const)
        : Object.entries(variableGradients)
    ).filter((entry): entry is readonly [string, Tensor] => entry[1] != null);
    const names = named.map(([name]) => name);
    this.#training ??= this.#begin(names);
    const { tensors, params, gradient, state } = this.#training;
    if (names.join("\n") !== this.#training.names.join("\n")) {
      throw new LowlandError(
        "E_SHAPE",
        `gradients of ${names.join(", ")} were given, but the training began with ${this.#training.names.join(", ")}; give the same variables at every step`,
      );
    }
    const variables = names.map(variableNamed);
    tensors.gather(variables.map(read), params);
    tensors.gather(
      named.map(([, tensor]) => read(tensor)),
      gradient,
    );
    const loss = this.#loss;
    this.#optimizer.step(params, gradient, state, loss === undefined ? {} : { loss });
    this.#loss = undefined;
    assign(variables, tensors.scatter(params));
    this.incrementIterations();
  }

  /** The whole state: `iter`, and one tensor for each of the optimizer's vectors. */
  override async getWeights(): Promise<NamedTensor[]> {
    const { vectors = {} } = this.#training?.state ?? {};
    return [
      await this.saveIterations(),
      ...Object.entries(vectors).map(([name, vector]) => ({
        name: `${PREFIX}${name}`,
        tensor: tf.tensor1d(vector.slice()),
      })),
    ];
  }

  /**
   * Goes on from the state that `getWeights` gave: the next steps have the bits that they would have had.
   *
   * @throws {LowlandError} E_CHECKPOINT at once, or at the next step, if the state is of another optimizer or other variables
   */
  override async setWeights(weightValues: NamedTensor[]): Promise<void> {
    const rest = await this.extractIterations(weightValues);
    const entries = await Promise.all(
      rest.map(
        async ({ name, tensor }) =>
          [name.slice(PREFIX.length), (await tensor.data()) as Float32Array] as const,
      ),
    );
    this.#restored = new Map(entries);
    if (this.#training !== undefined) this.#restore(this.#training.state);
  }

  override dispose(): void {
    this.#training?.arena.close();
    this.#training = undefined;
  }

  /** What `fromConfig` makes it of again: possible where it was made from a spec string. */
  override getConfig(): serialization.ConfigDict {
    const { horizon } = this.#options;
    return {
      optimizer: typeof this.#given === "string" ? this.#given : null,
      ...(horizon !== undefined && { horizon }),
    };
  }

  static override fromConfig<T extends serialization.Serializable>(
    cls: serialization.SerializableConstructor<T>,
    { optimizer, horizon }: serialization.ConfigDict,
  ): T {
    if (typeof optimizer === "string") return new cls(optimizer, horizon === undefined ? {} : { horizon });
    throw new LowlandError(
      "E_CONFIG",
      "the model was saved with an optimizer that a configuration cannot name; load it without one, compile it with new LowlandOptimizer(…) and hand the saved state to setWeights",
    );
  }

  #begin(names: readonly string[]): Training {
    const tensors = tensorsOf(
      names.map((name) => ({ name, shape: variableNamed(name).shape })),
      this.#options,
    );
    const arena = openArena();
    const { size } = tensors.layout;
    const { horizon } = this.#options;
    const state = this.#optimizer.init(tensors.layout, { arena, horizon });
    if (this.#restored !== undefined) this.#restore(state);
    return { names, tensors, arena, params: arena.float32(size), gradient: arena.float32(size), state };
  }

  #restore(state: OptimizerState): void {
    restore(this.#optimizer.name, state, this.#restored!, "E_CHECKPOINT");
    state.step = this.iterations;
    this.#restored = undefined;
  }

  #regularized(f: () => Scalar, varList?: Variable[]): { value: Scalar; grads: NamedTensorMap } {
    const first = tf.variableGrads(f, varList);
    const names = Object.keys(first.grads).filter((name) => first.grads[name] != null);
    const variables = names.map(variableNamed);
    const tensors = tensorsOf(
      names.map((name, i) => ({ name, shape: variables[i]!.shape })),
      this.#options,
    );
    const arena = openArena();
    try {
      const { layout } = tensors;
      const [params, plain, gradient] = [0, 1, 2].map(() => arena.float32(layout.size)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const start = variables.map((variable) => read(variable).slice());
      tensors.gather(start, params);
      const take = (
        { value, grads }: { value: Scalar; grads: NamedTensorMap },
        into: Float32Array,
      ): number => {
        tensors.gather(
          names.map((name) => read(grads[name]!)),
          into,
        );
        const [loss] = value.dataSync();
        tf.dispose([value, grads]);
        return loss!;
      };
      const objective = completeObjective({
        layout,
        lossAndGradient(point, _batch, into) {
          assign(variables, tensors.scatter(point as Float32Array));
          return take(tf.variableGrads(f, variables), into as Float32Array);
        },
      });
      const known = { loss: take(first, plain), gradient: plain };
      try {
        const loss = this.#regularizer.apply(objective).lossAndGradient(params, BATCH, gradient, known);
        const parts = tensors.scatter(gradient);
        return {
          value: tf.scalar(loss),
          grads: Object.fromEntries(
            names.map((name, i) => [name, tf.tensor(parts[i]!, variables[i]!.shape)] as const),
          ),
        };
      } finally {
        assign(variables, start);
      }
    } finally {
      arena.close();
    }
  }
}

tf.serialization.registerClass(LowlandOptimizer);

function variableNamed(name: string): Variable {
  const variable = tf.engine().registeredVariables[name];
  if (variable?.dtype === "float32") return variable;
  throw new LowlandError(
    "E_CONFIG",
    variable === undefined
      ? `there is no variable ${name}; name gradients by their variables`
      : `variable ${name} is ${variable.dtype}, not float32; train float32 variables only`,
  );
}

function read(tensor: Tensor): Float32Array {
  return tensor.dataSync() as Float32Array;
}

function assign(variables: readonly Variable[], parts: readonly Float32Array[]): void {
  variables.forEach((variable, i) => {
    const value = tf.tensor(parts[i]!, variable.shape, "float32");
    variable.assign(value);
    value.dispose();
  });
}
