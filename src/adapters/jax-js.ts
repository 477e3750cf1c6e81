// lowland/jax-js: Lowland's optimizers as gradient transformations of jax-js.
import type { JsTree, JsTreeDef, numpy } from "@jax-js/jax";
import { LowlandError } from "../errors.ts";
import { openArena } from "../kernels/module.ts";
import type { Vector } from "../kernels/types.ts";
import { key } from "../random/key.ts";
import { makeRegularizer } from "../regularizers/registry.ts";
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

const jax: typeof import("@jax-js/jax") = await import("@jax-js/jax").catch((cause: unknown) => {
  throw missingPeer("@jax-js/jax", "lowland/jax-js", cause);
});

/** A pytree of arrays: the parameters, or anything of their structure. */
export type Params = JsTree<numpy.Array>;

/** The state of an optimizer as a pytree: steps taken, and its vectors. */
export interface State {
  readonly step: numpy.Array;
  readonly vectors: { readonly [name: string]: numpy.Array };
}

/** What an update may be told besides gradients, state and parameters. */
export interface UpdateContext {
  /** The loss at the parameters, for optimizers that read it. */
  readonly value?: number;
}

/** What an optimizer cannot see of a pytree. */
export interface TransformationOptions extends TensorOptions {
  /** Steps of the whole training, for schedules and for optimizers that go by it. */
  readonly horizon?: number;
}

/** Two pure functions, as optax has them. They consume their arguments: pass `tree.ref(params)` to go on using it. */
export interface GradientTransformation {
  init(params: Params): State;
  /** Updates u, to be added to the parameters, and the state after the step. */
  update<P extends Params>(grads: P, state: State, params?: P, context?: UpdateContext): [P, State];
}

/** The same with promises. */
export interface AsyncGradientTransformation {
  init(params: Params): State;
  update<P extends Params>(grads: P, state: State, params?: P, context?: UpdateContext): Promise<[P, State]>;
}

/** Minibatches are the loss function's own, so that objectives are called with one key. */
const BATCH = key(0);

/**
 * An optimizer of Lowland's as a `GradientTransformation`, on pytrees of any structure. Any optimizer: hand-designed, learned, with
 * combinators around it. It runs outside `jit`: jit the loss and its gradient.
 *
 * Weights are taken for (positions …, inputs, outputs), as JAX has them, and turned to Lowland's [outputs, positions …, inputs] and
 * back; `axes` says otherwise, as for the (outputs, inputs, positions …) of `lax.conv`. Given the same gradients, the updates are
 * those of `optimizer.update`, bit for bit.
 *
 * @param optimizer an `Optimizer` (`loadZoo("lstm-sam-mnist")`, `adam({ lr: 0.01 })`), or a spec string of a hand-designed one
 * @throws {LowlandError} E_CONFIG for a spec string that cannot be, arrays that are not float32, and where the optimizer reads
 * parameters or loss that are not given; E_SHAPE where gradients, state and parameters do not fit each other
 * @example
 * const solver = gradientTransformation(loadZoo("lstm-sam-mnist"));
 * let state = solver.init(tree.ref(params));
 * const [loss, grads] = valueAndGrad(lossFn)(tree.ref(params), x, y);
 * const [updates, after] = solver.update(grads, state, tree.ref(params));
 * params = tree.map(np.add, params, updates);
 */
export function gradientTransformation(
  optimizer: OptimizerOrSpec,
  options: TransformationOptions = {},
): GradientTransformation {
  const { init, prepare, take } = transformation(optimizer, options);
  return {
    init,
    update<P extends Params>(grads: P, state: State, params?: P, context?: UpdateContext) {
      const step = prepare(grads, state, params, context);
      return take<P>(
        step,
        step.arrays.map((array) => array.dataSync()),
      );
    },
  };
}

/**
 * The same for devices that are read by promises, as WebGPU is.
 *
 * @example
 * const [updates, after] = await asyncGradientTransformation("adam:lr=0.01").update(grads, state);
 */
export function asyncGradientTransformation(
  optimizer: OptimizerOrSpec,
  options: TransformationOptions = {},
): AsyncGradientTransformation {
  const { init, prepare, take } = transformation(optimizer, options);
  return {
    init,
    async update<P extends Params>(grads: P, state: State, params?: P, context?: UpdateContext) {
      const step = prepare(grads, state, params, context);
      return take<P>(step, await Promise.all(step.arrays.map((array) => array.data())));
    },
  };
}

/** A loss and its gradient by a function's first argument, as `valueAndGrad` makes them. */
export type ValueAndGrad<P extends Params, Rest extends readonly JsTree<numpy.Array>[]> = (
  params: P,
  ...rest: Rest
) => [numpy.Array, P];

/**
 * A regularizer around a loss function: the value and the gradient of R(L), from those of L. It consumes its arguments.
 *
 * @param regularizer `sam({ rho: 0.05 })`, or a spec string
 * @param valueAndGrad of the loss, best compiled: `jit(valueAndGrad(lossFn))`; called two to six times (`regularizer.cost`)
 * @param options as for the transformation: which order axes have, and what ASAM leaves unscaled
 * @example
 * const regularized = regularize(sam({ rho: 0.05 }), jit(valueAndGrad(lossFn)));
 * const [loss, grads] = regularized(tree.ref(params), x, y);
 */
export function regularize<P extends Params, Rest extends readonly JsTree<numpy.Array>[]>(
  regularizer: Regularizer | string,
  valueAndGrad: ValueAndGrad<P, Rest>,
  options: TensorOptions = {},
): ValueAndGrad<P, Rest> {
  const { apply } = typeof regularizer === "string" ? makeRegularizer(regularizer) : regularizer;
  return (params, ...rest) => {
    const { arrays, def, tensors } = describe(params, options);
    const { layout } = tensors;
    const arena = openArena();
    try {
      const objective = completeObjective({
        layout,
        lossAndGradient(point, _batch, gradient) {
          const there = toTree<P>(tensors, def, point as Float32Array);
          const [value, grads] = valueAndGrad(there, ...(jax.tree.ref([...rest]) as unknown as Rest));
          tensors.gather(leavesOf(grads).map(read), gradient as Float32Array);
          return value.item();
        },
      });
      const [point, gradient] = [arena.float32(layout.size), arena.float32(layout.size)];
      tensors.gather(arrays.map(read), point);
      const loss = apply(objective).lossAndGradient(point, BATCH, gradient);
      return [jax.numpy.array(loss), toTree<P>(tensors, def, gradient)];
    } finally {
      jax.tree.dispose([...rest]);
      arena.close();
    }
  };
}

/** A step whose arrays are still to be read: gradients, vectors of the state, parameters. */
interface Step {
  readonly arrays: readonly numpy.Array[];
  readonly def: JsTreeDef;
  readonly tensors: Tensors;
  readonly names: readonly string[];
  readonly loss: number | undefined;
}

function transformation(given: OptimizerOrSpec, options: TransformationOptions) {
  const { optimizer, regularizer } = methodOf(given);
  if (regularizer.name !== "none") {
    throw new LowlandError(
      "E_CONFIG",
      `${given} has the regularizer ${regularizer.name}, which belongs around the loss: regularize("${regularizer.name}", valueAndGrad(loss))`,
    );
  }
  const { horizon } = options;
  return {
    init(params: Params): State {
      const { arrays, tensors } = describe(params, options);
      for (const array of arrays) array.dispose();
      const arena = openArena();
      try {
        return toState(optimizer.init(tensors.layout, { arena, horizon }));
      } finally {
        arena.close();
      }
    },

    prepare(grads: Params, { step, vectors }: State, params?: Params, { value }: UpdateContext = {}): Step {
      const { arrays, def, tensors } = describe(grads, options);
      const { reads, name } = optimizer;
      if (reads.params && params === undefined)
        throw missing(name, "the parameters", "update(grads, state, params)");
      if (reads.loss && value === undefined) {
        throw missing(name, "the loss", "update(grads, state, params, { value: loss })");
      }
      const parameters = params === undefined ? [] : leavesOf(params);
      if (params !== undefined && !jax.tree.structure(params).equals(def)) {
        throw new LowlandError(
          "E_SHAPE",
          `gradients have the structure ${def}, parameters ${jax.tree.structure(params)}; give both of one structure`,
        );
      }
      const names = Object.keys(vectors);
      return {
        arrays: [...arrays, ...names.map((key) => vectors[key]!), ...parameters, step],
        ...{ def, tensors, names, loss: value },
      };
    },

    take<P extends Params>({ def, tensors, names, loss }: Step, data: readonly Data[]): [P, State] {
      const { layout } = tensors;
      const count = layout.slots.length;
      const arena = openArena();
      try {
        const [gradient, params, update] = [0, 1, 2].map(() => arena.float32(layout.size)) as [
          Float32Array,
          Float32Array,
          Float32Array,
        ];
        tensors.gather(data.slice(0, count) as ArrayLike<number>[], gradient);
        const parameters = data.slice(count + names.length, -1) as ArrayLike<number>[];
        if (parameters.length > 0) tensors.gather(parameters, params);
        const state = optimizer.init(layout, { arena, horizon });
        const saved = new Map(names.map((name, i) => [name, data[count + i] as Float32Array]));
        restore(optimizer.name, state, saved, "E_SHAPE");
        state.step = data.at(-1)![0] as number;
        optimizer.update(gradient, state, { params, loss }, update);
        return [toTree<P>(tensors, def, update), toState(state)];
      } finally {
        arena.close();
      }
    },
  };
}

type Data = Awaited<ReturnType<numpy.Array["data"]>>;

/** Leaves of a tree of float32 arrays, its structure, and how it lies in a flat vector. */
function describe(
  tree: Params,
  options: TensorOptions,
): { readonly arrays: readonly numpy.Array[]; readonly def: JsTreeDef; readonly tensors: Tensors } {
  const [arrays, def] = jax.tree.flatten(tree) as unknown as [numpy.Array[], JsTreeDef];
  const names = [...pathsOf(def)].map((path) => path || "params");
  arrays.forEach(({ dtype }, i) => {
    if (dtype === jax.numpy.float32) return;
    throw new LowlandError(
      "E_CONFIG",
      `array ${names[i]} is ${dtype}, not float32; train float32 arrays only`,
    );
  });
  const tensors = tensorsOf(
    arrays.map(({ shape }, i) => ({ name: names[i]!, shape })),
    options,
  );
  return { arrays, def, tensors };
}

/** Dotted paths of the leaves, in their order: `dense.0.w`. */
function* pathsOf({ nodeType, nodeMetadata, childTreedefs }: JsTreeDef, path = ""): Generator<string> {
  const type = String(nodeType);
  if (type === "Leaf") yield path;
  for (const [i, child] of childTreedefs.entries()) {
    const own = type === "Object" ? (nodeMetadata as string[])[i]! : String(i);
    yield* pathsOf(child, path === "" ? own : `${path}.${own}`);
  }
}

function leavesOf(tree: Params): numpy.Array[] {
  return jax.tree.leaves(tree) as unknown as numpy.Array[];
}

function read(array: numpy.Array): ArrayLike<number> {
  return array.dataSync() as ArrayLike<number>;
}

function toTree<P>(tensors: Tensors, def: JsTreeDef, vector: Float32Array): P {
  const arrays = tensors
    .scatter(vector)
    .map((part, i) => jax.numpy.array(part, { shape: [...tensors.shapes[i]!], dtype: jax.numpy.float32 }));
  return jax.tree.unflatten(def, arrays) as P;
}

function toState({ step, vectors }: { step: number; vectors: Readonly<Record<string, Vector>> }): State {
  return {
    step: jax.numpy.array(step, { dtype: jax.numpy.int32 }),
    vectors: Object.fromEntries(
      Object.entries(vectors).map(([name, vector]) => [
        name,
        jax.numpy.array(vector.slice() as Float32Array<ArrayBuffer>),
      ]),
    ),
  };
}

function missing(optimizer: string, what: string, call: string): LowlandError {
  return new LowlandError("E_CONFIG", `${optimizer} reads ${what}, which update was not given; call ${call}`);
}
