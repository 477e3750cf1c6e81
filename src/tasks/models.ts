import { batchNorm, conv2d, maxPool } from "../nn/conv.ts";
import { dense, type Layer, relu, type Shape, sigmoid, tanh } from "../nn/layers.ts";
import { residual } from "../nn/residual.ts";
import { type Initialization, type Network, sequential } from "../nn/sequential.ts";
import { type NumberParameter, type SpecRegistry, specEntry } from "../spec.ts";

/** A network as a task name gives it, without the shapes that the data bring. */
export interface Model {
  /** Layers for so many classes. */
  layers(classes: number): readonly Layer[];
  /** How parameters are drawn; `auto` on whole images and on ones made smaller. */
  initialization(small: boolean): Initialization;
  /** Examples a minibatch. */
  readonly batchSize: number;
}

/** The paper's initialization: every parameter ~ N(0, 0.01²). */
const SMALL_NORMAL: Initialization = { kind: "normal", stddev: 0.01 };

const INITIALIZATIONS: Readonly<Record<string, Initialization>> = {
  normal: SMALL_NORMAL,
  he: { kind: "he" },
  truncated: { kind: "truncated" },
};

const ACTIVATIONS: Readonly<Record<string, () => Layer>> = { sigmoid, tanh, relu };

const count = (byDefault: number, description: string): NumberParameter => ({
  default: byDefault,
  min: 1,
  integer: true,
  description,
});

const batch = count(128, "examples a minibatch");
const init = {
  default: "auto",
  choices: ["auto", ...Object.keys(INITIALIZATIONS)],
  description:
    "initial parameters: N(0, 0.01²) for all (normal), or weights N(0, 2/fan-in) (he) or truncated normal 1/√fan-in (truncated) and biases 0",
} as const;

/** The initialization of a word, or what `auto` stands for. */
const initializationOf =
  (word: string, auto: (small: boolean) => Initialization): Model["initialization"] =>
  (small) =>
    INITIALIZATIONS[word] ?? auto(small);

function mlp(activation: string, description: string) {
  return specEntry<
    Model,
    {
      hidden: NumberParameter;
      depth: NumberParameter;
      activation: { default: string; choices: readonly string[]; description: string };
      batch: NumberParameter;
      init: typeof init;
    }
  >({
    description,
    parameters: {
      hidden: count(20, "units a layer"),
      depth: count(1, "hidden layers"),
      activation: {
        default: activation,
        choices: Object.keys(ACTIVATIONS),
        description: "what follows each hidden layer",
      },
      batch,
      init,
    },
    create: ({ hidden, depth, activation, batch, init }) => ({
      layers: (classes) => [
        ...Array.from({ length: depth }, () => [dense(hidden), ACTIVATIONS[activation]!()]).flat(),
        dense(classes),
      ],
      // N(0, 0.01²) is the paper's, for its networks: deeper ones would start where no gradient reaches their first layers
      initialization: initializationOf(init, (small) =>
        small || depth > 1 ? INITIALIZATIONS.truncated! : SMALL_NORMAL,
      ),
      batchSize: batch,
    }),
  });
}

function cnn(normalize: readonly (() => Layer)[], description: string) {
  return specEntry<Model, { batch: NumberParameter; init: typeof init }>({
    description,
    parameters: { batch, init },
    create: ({ batch, init }) => ({
      // ReLU after the pooling is the same function as before it, at a quarter of the work
      layers: (classes) => [
        conv2d(16, { kernel: 3 }),
        ...normalize.map((layer) => layer()),
        maxPool(2),
        relu(),
        conv2d(32, { kernel: 5 }),
        ...normalize.map((layer) => layer()),
        maxPool(2),
        relu(),
        dense(classes),
      ],
      initialization: initializationOf(init, () => INITIALIZATIONS.he!),
      batchSize: batch,
    }),
  });
}

/** The models that a task name can end in. */
export const models: SpecRegistry<Model> = {
  mlp: mlp("sigmoid", "20 sigmoid units"),
  "mlp-relu": mlp("relu", "20 ReLU units"),
  "mlp-residual": specEntry<
    Model,
    { hidden: NumberParameter; depth: NumberParameter; batch: NumberParameter; init: typeof init }
  >({
    description: "20 ReLU units, behind them residual blocks of two layers as wide",
    parameters: { hidden: count(20, "units a layer"), depth: count(2, "residual blocks"), batch, init },
    create: ({ hidden, depth, batch, init }) => ({
      layers: (classes) => [
        dense(hidden),
        relu(),
        ...Array.from({ length: depth }, () => [
          residual([dense(hidden), relu(), dense(hidden)]),
          relu(),
        ]).flat(),
        dense(classes),
      ],
      initialization: initializationOf(init, () => INITIALIZATIONS.truncated!),
      batchSize: batch,
    }),
  }),
  cnn: cnn([], "convolutions 3×3×16 and 5×5×32, each with ReLU and max-pooling"),
  "cnn-bn": cnn([batchNorm], "cnn with batch normalization before each ReLU"),
  "cnn4-bn": specEntry<Model, { width: NumberParameter; batch: NumberParameter; init: typeof init }>({
    description: "four 3×3 convolutions with batch normalization and ReLU, the first two with max-pooling",
    parameters: {
      width: count(16, "filters of the first; the others have 2, 2 and 4 times as many"),
      batch,
      init,
    },
    create: ({ width, batch, init }) => ({
      layers: (classes) => [
        ...[width, 2 * width].flatMap((filters) => [conv2d(filters), batchNorm(), maxPool(2), relu()]),
        ...[2 * width, 4 * width].flatMap((filters) => [conv2d(filters), batchNorm(), relu()]),
        dense(classes),
      ],
      initialization: initializationOf(init, () => INITIALIZATIONS.he!),
      batchSize: batch,
    }),
  }),
};

/** The network of a model for images of this shape and so many classes. */
export function networkOf(
  model: Model,
  input: Shape,
  { classes, small = false }: { readonly classes: number; readonly small?: boolean },
): Network {
  return sequential(input, model.layers(classes), model.initialization(small));
}
