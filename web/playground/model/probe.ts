import {
  type Arena,
  copyState,
  type Layout,
  layoutOf,
  norm,
  type Optimizer,
  type OptimizerState,
  openArena,
} from "../../../src/core.ts";
import type { Method } from "./build-method.ts";

/** A learned or hand-designed optimizer at work, as seen from one coordinate of the parameters. */
export interface Probe {
  readonly coordinate: number;
  /** Name of the tensor and place in it: `dense0.w[3]`. */
  readonly name: string;
  /** Update of the coordinate as a function of its gradient, everything else as it is. */
  readonly gradients: readonly number[];
  readonly updates: readonly number[];
  /** The gradient it had in the last step, and what it is answered with next. */
  readonly gradient: number;
  readonly update: number;
  /** What the optimizer keeps of the coordinate, in rows: hidden units, moments. */
  readonly memory: readonly { readonly name: string; readonly values: readonly number[] }[];
  readonly inputs: readonly Influence[];
}

/** Something that an optimizer may read, and how much it matters at present. */
export interface Influence {
  readonly input: "gradient" | "memory" | "others" | "params" | "loss" | "time";
  /** Whether it says that it reads it. */
  readonly reads: boolean;
  /** ‖u without it − u‖ / ‖u‖ over all coordinates. */
  readonly share: number;
}

/** Where a run stands, in kernel memory. */
export interface ProbedPoint {
  readonly params: Float32Array;
  readonly gradient: Float32Array;
  readonly state: OptimizerState;
  readonly loss: number;
}

/** Gradients of a curve: both signs and 0. */
const SIDE = 16;
/** Decades below the largest gradient that a curve reaches. */
const DECADES = 4;
/** Coordinates of a tile of the LSTMs' state. */
const TILE = 16;

/** Looks into an optimizer at a point. Nothing of the run changes. */
export function probe(
  { optimizer }: Pick<Method, "optimizer">,
  point: ProbedPoint,
  coordinate: number,
): Probe {
  const arena = openArena();
  try {
    const { gradient, state } = point;
    const gradients = gradientsOf(gradient);
    const own = gradient[coordinate]!;
    // the last of the curve is what is answered to the gradient of the run
    const answers = (optimizer.reads.shapes ? within : alone)(
      optimizer,
      point,
      coordinate,
      [...gradients, own],
      arena,
    );
    return {
      coordinate,
      name: nameOf(state.layout, coordinate),
      gradients,
      updates: answers.slice(0, -1),
      gradient: own,
      update: answers.at(-1)!,
      memory: memoryOf(optimizer, state, coordinate),
      inputs: influences(optimizer, point, arena),
    };
  } finally {
    arena.close();
  }
}

/** Gradients of both signs, evenly on a logarithmic scale up to the largest there is. */
function gradientsOf(gradient: Float32Array): number[] {
  const largest = gradient.reduce((most, g) => Math.max(most, Math.abs(g)), 0) || 1;
  const sizes = Array.from({ length: SIDE }, (_, i) => largest * 10 ** (-DECADES * (1 - (i + 1) / SIDE)));
  return [...sizes.map((size) => -size).reverse(), 0, ...sizes];
}

/** Answers of an optimizer that treats every coordinate alike: the coordinate many times over, in one step. */
function alone(
  optimizer: Optimizer,
  { params, state, loss }: ProbedPoint,
  coordinate: number,
  gradients: readonly number[],
  arena: Arena,
): number[] {
  const { size } = state.layout;
  const layout = layoutOf([{ name: "w", shape: [gradients.length] }]);
  const fresh = optimizer.init(layout, { horizon: state.horizon, arena });
  for (const [name, vector] of Object.entries(fresh.vectors)) {
    const from = state.vectors[name]!;
    if (from.length === size) vector.fill(from[coordinate]!);
    else spread(rowsOf(from, size, coordinate), vector);
  }
  fresh.step = state.step;
  const [w, g, u] = [0, 1, 2].map(() => arena.float32(gradients.length)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  w.fill(params[coordinate]!);
  g.set(gradients);
  optimizer.update(g, fresh, { params: w, loss }, u);
  return [...u];
}

/** Answers of an optimizer that reads tensors: a step of all coordinates for every gradient. */
function within(
  optimizer: Optimizer,
  point: ProbedPoint,
  coordinate: number,
  gradients: readonly number[],
  arena: Arena,
): number[] {
  const gradient = arena.float32(point.gradient.length);
  gradient.set(point.gradient);
  return gradients.map((g) => {
    gradient[coordinate] = g;
    return updateOf(optimizer, { ...point, gradient }, arena)[coordinate]!;
  });
}

/** The update an optimizer would make next. */
function updateOf(
  optimizer: Optimizer,
  { params, gradient, state, loss }: ProbedPoint,
  arena: Arena,
): Float32Array {
  const update = arena.float32(params.length);
  optimizer.update(gradient, copyState(state), { params, loss }, update);
  return update;
}

/** Rows of a state in tiles of 16 coordinates, each row 16 floats. */
function rowsOf(vector: Float32Array, size: number, coordinate: number): number[] {
  const tileSize = vector.length / Math.ceil(size / TILE);
  if (!Number.isInteger(tileSize / TILE)) return [];
  const first = Math.floor(coordinate / TILE) * tileSize + (coordinate % TILE);
  return Array.from({ length: tileSize / TILE }, (_, row) => vector[first + TILE * row]!);
}

/** The same rows for every coordinate of a state in tiles. */
function spread(rows: readonly number[], vector: Float32Array): void {
  for (let i = 0; i < vector.length; i++) vector[i] = rows[Math.floor(i / TILE) % rows.length] ?? 0;
}

function memoryOf(optimizer: Optimizer, state: OptimizerState, coordinate: number): Probe["memory"] {
  const { size } = state.layout;
  const moments: { name: string; values: number[] }[] = [];
  for (const [name, vector] of Object.entries(state.vectors)) {
    if (vector.length === size) moments.push({ name, values: [vector[coordinate]!] });
    else if (typeof optimizer.settings.hidden === "number" && (name === "lstm" || name === "rnnprop")) {
      const hidden = optimizer.settings.hidden;
      const rows = rowsOf(vector, size, coordinate).slice(-4 * hidden);
      ["h₁", "h₂", "c₁", "c₂"].forEach((layer, i) => {
        moments.push({ name: layer, values: rows.slice(i * hidden, (i + 1) * hidden) });
      });
    }
  }
  return moments;
}

/** What the update would be without this input or that. */
function influences(optimizer: Optimizer, point: ProbedPoint, arena: Arena): Influence[] {
  const { params, gradient, state, loss } = point;
  const { reads } = optimizer;
  const plain = updateOf(optimizer, point, arena);
  const length = norm(plain) || 1;
  const against = (changed: Partial<ProbedPoint>): number => {
    const update = updateOf(optimizer, { ...point, ...changed }, arena);
    for (let i = 0; i < update.length; i++) update[i] = update[i]! - plain[i]!;
    return norm(update) / length;
  };
  const none = arena.float32(params.length);
  const horizon = state.horizon;
  const fresh = optimizer.init(state.layout, { horizon, arena });
  const doubled = arena.float32(params.length);
  for (let i = 0; i < doubled.length; i++) doubled[i] = 2 * params[i]!;
  const shuffled = arena.float32(params.length);
  shuffled.set(gradient);
  // every second coordinate has no gradient: what the others then get differently comes of it
  for (let i = 0; i < shuffled.length; i += 2) shuffled[i] = 0;
  const others = (): number => {
    const update = updateOf(optimizer, { ...point, gradient: shuffled }, arena);
    let sum = 0;
    for (let i = 1; i < update.length; i += 2) sum += (update[i]! - plain[i]!) ** 2;
    return Math.sqrt(sum) / length;
  };
  return [
    { input: "gradient", reads: true, share: against({ gradient: none }) },
    {
      input: "memory",
      reads: Object.keys(state.vectors).length > 0,
      share: against({ state: { ...fresh, step: state.step } }),
    },
    { input: "others", reads: reads.shapes ?? false, share: others() },
    { input: "params", reads: reads.params ?? false, share: against({ params: doubled }) },
    { input: "loss", reads: reads.loss ?? false, share: against({ loss: 2 * loss }) },
    {
      input: "time",
      reads: reads.horizon ?? false,
      share: against({ state: { ...state, step: Math.floor(state.step / 2) } }),
    },
  ];
}

function nameOf({ slots }: Layout, coordinate: number): string {
  const slot = slots.findLast(({ offset }) => offset <= coordinate)!;
  return `${slot.name}[${coordinate - slot.offset}]`;
}
