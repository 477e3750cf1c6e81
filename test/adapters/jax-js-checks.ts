import { init, jit, lax, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import {
  asyncGradientTransformation,
  gradientTransformation,
  regularize,
  type State,
  type TensorInfo,
} from "../../src/adapters/jax-js.ts";
import { layoutOf } from "../../src/kernels/types.ts";
import { key, normal } from "../../src/random/key.ts";
import {
  CASES,
  firstDifference,
  inputsLast,
  joined,
  outputsFirst,
  type Recorded,
  SLOTS,
  STEPS,
  sameBits,
  type ZooBytes,
} from "./cases.ts";

/** A network as a tree of lists and objects; its convolution has the axes of `lax.conv`. */
type Network = { conv: { b: np.Array; w: np.Array }; dense: [np.Array, np.Array] };

const OPTIONS = {
  horizon: STEPS,
  axes: ({ name }: TensorInfo) =>
    name === "conv.w" ? ("outputs-first" as const) : ("outputs-last" as const),
};

/** Lowland's layout in the order of the tree's leaves. */
const LAYOUT = layoutOf([SLOTS[1], SLOTS[0], SLOTS[2], SLOTS[3]]);

function drawn(seed: number, shape: number[], stddev = 1): np.Array {
  const data = new Float32Array(shape.reduce((size, extent) => size * extent, 1));
  normal(key(seed), data, { stddev });
  return np.array(data, { shape });
}

function network(): Network {
  return {
    conv: { b: np.zeros([4]), w: drawn(1, [4, 2, 3, 3], 0.2) },
    dense: [drawn(2, [144, 5], 0.1), np.zeros([5])],
  };
}

function loss({ conv, dense: [w, b] }: Network, images: np.Array, labels: np.Array): np.Array {
  const features = nn.relu(lax.conv(images, conv.w, [1, 1], "VALID").add(conv.b.reshape([4, 1, 1])));
  const logits = np.matmul(features.reshape([4, 144]), w).add(b);
  return nn
    .logSoftmax(logits)
    .mul(labels)
    .sum()
    .mul(-1 / 4);
}

/** The entries of a tree in Lowland's order; the tree stays. */
function flat({ conv, dense: [w, b] }: Network): Float32Array {
  const data = (array: np.Array): Float32Array => array.ref.dataSync() as Float32Array;
  return joined([data(conv.b), inputsLast(data(conv.w), [4, 3, 3, 2]), outputsFirst(data(w), 5), data(b)]);
}

/** By fact, what speaks against it; nothing where it holds. */
export async function checkJaxJs(zoo: ZooBytes): Promise<Record<string, string | undefined>> {
  await init("cpu", "wasm");
  const failures: Record<string, string | undefined> = {};
  const batch = [drawn(3, [4, 2, 8, 8]), nn.oneHot(np.array([0, 1, 2, 3], { dtype: np.int32 }), 5)] as const;
  const gradientOf = jit(valueAndGrad(loss)) as (
    params: Network,
    images: np.Array,
    labels: np.Array,
  ) => [np.Array, Network];
  const evaluate = (params: Network): [np.Array, Network] =>
    gradientOf(tree.ref(params), batch[0].ref, batch[1].ref);

  for (const { name, make } of CASES) {
    const solver = gradientTransformation(make(zoo), OPTIONS);
    let params = network();
    const start = flat(params);
    let state = solver.init(tree.ref(params));
    const recorded: Recorded[] = [];
    for (let step = 0; step < STEPS; step++) {
      const [value, grads] = evaluate(params);
      const gradient = flat(grads);
      const before = value.item();
      const [updates, next] = solver.update(grads, state, tree.ref(params), { value: before });
      state = next;
      params = tree.map((w: np.Array, u: np.Array) => w.add(u), params, updates) as Network;
      recorded.push({ gradient, loss: before, after: flat(params) });
    }
    const differs = firstDifference(make(zoo), LAYOUT, start, recorded);
    failures[`${name} takes ${STEPS} steps with Lowland's bits`] =
      differs !== undefined
        ? `differs at step ${differs}`
        : sameBits(start, flat(params))
          ? "the parameters did not move"
          : undefined;
    tree.dispose(params);
    tree.dispose(state as unknown as np.Array);
  }
  failures["updates by promises have the bits of those without"] = await agrees(evaluate);
  failures["the same state gives the same update again"] = repeats(evaluate);
  failures["sam around the loss is the gradient one ascent step away"] = ascends(evaluate, batch);
  failures["a single array is a pytree"] = single();
  return failures;
}

type Evaluate = (params: Network) => [np.Array, Network];

async function agrees(evaluate: Evaluate): Promise<string | undefined> {
  const [a, b] = [gradientTransformation("adam", OPTIONS), asyncGradientTransformation("adam", OPTIONS)];
  const params = network();
  const [, grads] = evaluate(params);
  const [sync] = a.update(tree.ref(grads), a.init(tree.ref(params)));
  const [later] = await b.update(grads, b.init(params));
  return sameBits(flat(sync), flat(later)) ? undefined : "differs";
}

function repeats(evaluate: Evaluate): string | undefined {
  const solver = gradientTransformation("adam:lr=0.1");
  const params = network();
  const [, grads] = evaluate(params);
  const state = solver.update(tree.ref(grads), solver.init(params))[1];
  const again = (): Float32Array =>
    flat(solver.update(tree.ref(grads), tree.ref(state as never) as State)[0]);
  return sameBits(again(), again()) ? undefined : "differs";
}

function ascends(evaluate: Evaluate, [images, labels]: readonly [np.Array, np.Array]): string | undefined {
  const params = network();
  const regularized = regularize("sam:rho=0.5", jit(valueAndGrad(loss)) as never, OPTIONS) as (
    params: Network,
    images: np.Array,
    labels: np.Array,
  ) => [np.Array, Network];
  const [value, grads] = regularized(tree.ref(params), images.ref, labels.ref);
  const [plainValue, plain] = evaluate(params);
  plainValue.dispose();
  const norm = Math.hypot(...flat(plain));
  const there = tree.map((w: np.Array, g: np.Array) => w.add(g.mul(0.5 / norm)), params, plain) as Network;
  const [wantedValue, wanted] = evaluate(there);
  const expected = flat(wanted);
  const apart = Math.max(...flat(grads).map((entry, i) => Math.abs(entry - expected[i]!)));
  // the point of ascent is rounded in another order: some 1e-7 of entries below 1
  if (!(apart < 1e-5)) return `the gradient is ${apart} off`;
  return Math.abs(value.item() - wantedValue.item()) < 1e-5 ? undefined : "the loss is another";
}

function single(): string | undefined {
  const solver = gradientTransformation("sgd:lr=0.5");
  const [update] = solver.update(np.array([2, 4]), solver.init(np.zeros([2])));
  return String(update.js()) === "-1,-2" ? undefined : String(update.js());
}
