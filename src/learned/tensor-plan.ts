import type { Layout, Slot } from "../kernels/types.ts";

/** How the kernels of kernels/tensor_step.zig walk over the tensors of a layout. */
export interface TensorPlan {
  /** Number of tensors, their records, and tables. */
  readonly words: Uint32Array;
  /** Floats of the state. */
  readonly stateSize: number;
  /** Floats of the work, beside the kernels' own. */
  readonly workSize: number;
}

/** What the plan depends on besides the layout. */
export interface TensorPlanOptions {
  /** Inputs are normalized over a whole tensor, or over each matrix of inputs × outputs. */
  readonly groups: "tensor" | "matrix";
  /** Whether biases are left to Adam. */
  readonly adamBiases: boolean;
  /** Hidden units of the network. */
  readonly hidden: number;
  /** Vectors as long as the parameters in the state of a matrix and of a vector. */
  readonly rows: { readonly matrix: number; readonly vector: number };
  /** Whether second moments are factored. */
  readonly factored: boolean;
}

/** Names of the words of a record, in the order of `Tensor` in kernels/tensor_plan.zig. */
const FIELDS = [
  ...["vector", "adam", "groups", "runs", "lines", "length", "stride"],
  ...["blocks", "lineFactors", "lineFactorsPadded", "laneFactors", "laneFactorsPadded", "lanesAreRows"],
  ...["state", "starts", "lineFactorOf", "laneFactorOf", "m", "n", "rowStride", "columnStride"],
] as const;

/** An axis of a tensor: its length, and how far apart its entries lie. */
interface Axis {
  readonly extent: number;
  readonly stride: number;
}

/** Lines of coordinates, with the tables that say where each lies and which factors belong to it. */
interface Lines {
  readonly groups: number;
  readonly runs: number;
  readonly lines: number;
  readonly length: number;
  readonly stride: number;
  readonly starts: readonly number[];
  readonly blocks: number;
  readonly lineFactors: number;
  readonly laneFactors: number;
  readonly lanesAreRows: boolean;
  readonly lineFactorOf: readonly number[];
  readonly laneFactorOf: readonly number[];
  readonly matrix: readonly [m: number, n: number, rowStride: number, columnStride: number];
}

// as in kernels/parallel.zig and kernels/tensor_plan.zig
const TASKS = 16;
const PIECE = 1024;
const PIECE_SUMS = 64;

const padded = (size: number): number => Math.ceil(size / 16) * 16;

/** Lays out plan, state and work for the tensors of a layout. */
export function tensorPlan({ slots }: Layout, options: TensorPlanOptions): TensorPlan {
  const { hidden, rows, factored, adamBiases } = options;
  const records: number[] = [];
  const tables: number[] = [];
  const tablesAt = 1 + slots.length * FIELDS.length;
  const table = (entries: readonly number[]): number => {
    const at = tablesAt + tables.length;
    for (const entry of entries) tables.push(entry);
    return at;
  };
  let stateSize = 0;
  let workSize = 0;
  for (const slot of slots.filter(({ size }) => size > 0)) {
    const lines = slot.shape.length < 2 ? vectorLines(slot) : matrixLines(slot, options.groups);
    const vector = slot.shape.length < 2;
    const adam = adamBiases && slot.kind === "bias";
    const size = lines.starts.length * padded(lines.length);
    const lineSize = factored && !vector ? lines.blocks * padded(lines.lineFactors) : 0;
    const laneSize = factored && !vector ? lines.blocks * padded(lines.laneFactors) + 16 : 0;
    const [m, n, rowStride, columnStride] = lines.matrix;
    const values: Record<(typeof FIELDS)[number], number> = {
      ...lines,
      vector: Number(vector),
      adam: Number(adam),
      lineFactorsPadded: padded(lines.lineFactors),
      laneFactorsPadded: padded(lines.laneFactors),
      lanesAreRows: Number(lines.lanesAreRows),
      state: stateSize,
      starts: table(lines.starts),
      lineFactorOf: table(lines.lineFactorOf),
      laneFactorOf: table(lines.laneFactorOf),
      ...{ m, n, rowStride, columnStride },
    };
    records.push(...FIELDS.map((field) => values[field]));
    stateSize += adam ? 2 * size : (vector ? rows.vector : rows.matrix) * size + 3 * (lineSize + laneSize);
    const shared = factored ? TASKS * hidden * padded(lines.length) : 0;
    const pieceLines = Math.max(1, Math.floor(PIECE / padded(lines.length)));
    const pieces = Math.ceil((lines.runs * lines.lines) / pieceLines);
    const orthogonal = options.groups === "matrix" ? 2 * m * padded(n) + 2 * m * m : 0;
    workSize = Math.max(
      workSize,
      PIECE_SUMS * pieces + 3 * size + 6 * (lineSize + laneSize) + shared + orthogonal,
    );
  }
  const count = records.length / FIELDS.length;
  const words = new Uint32Array(tablesAt + tables.length);
  words.set([count, ...records]);
  words.set(tables, tablesAt);
  return { words, stateSize, workSize };
}

/** A tensor of rank 0 or 1: one line. */
function vectorLines({ offset, size }: Slot): Lines {
  return {
    ...{ groups: 1, runs: 1, lines: 1, length: size, stride: 1, starts: [offset] },
    ...{
      blocks: 1,
      lineFactors: 1,
      laneFactors: 1,
      lanesAreRows: false,
      lineFactorOf: [0],
      laneFactorOf: [0],
    },
    matrix: [1, size, padded(size), 1],
  };
}

/**
 * Lines along one of the two factored axes, the largest ones: where it can be, the one whose entries lie side by side.
 * The definitions are of tensors (positions …, inputs, outputs); Lowland's weights are [outputs, positions …, inputs].
 */
function matrixLines({ shape, offset }: Slot, grouping: TensorPlanOptions["groups"]): Lines {
  const own = shape.map((extent, axis): Axis => ({ extent, stride: product(shape.slice(axis + 1)) }));
  const axes = [...own.slice(1), own[0]!];
  const matrix = axes.slice(-2);
  const groupAxes = grouping === "matrix" ? axes.slice(0, -2) : [];
  const inside = grouping === "matrix" ? matrix : axes;
  // stable: of equals the later counts as larger
  const [d1, d0] = axes.toSorted((a, b) => a.extent - b.extent).slice(-2) as [Axis, Axis];
  const lanes =
    [d0, d1].find((axis) => inside.includes(axis) && axis.stride === 1) ??
    [d0, d1].find((axis) => inside.includes(axis));
  // where neither lies within a group, a line is one coordinate
  const along = lanes ?? d0;
  const across = along === d0 ? d1 : d0;
  const others = axes.filter((axis) => axis !== d0 && axis !== d1);
  const lineAxes = lanes !== undefined && inside.includes(across) ? [across] : [];
  const runAxes = inside.filter((axis) => axis !== lanes && !lineAxes.includes(axis));
  const order = [...groupAxes, ...runAxes, ...lineAxes];

  const starts: number[] = [];
  const lineFactorOf: number[] = [];
  const laneFactorOf: number[] = [];
  const count = product(order.map(({ extent }) => extent));
  for (let line = 0; line < count; line++) {
    const at = new Map<Axis, number>();
    let rest = line;
    for (const axis of order.toReversed()) {
      at.set(axis, rest % axis.extent);
      rest = Math.floor(rest / axis.extent);
    }
    const index = (axis: Axis): number => at.get(axis) ?? 0;
    const block = others.reduce((sum, axis) => sum * axis.extent + index(axis), 0);
    starts.push(offset + order.reduce((sum, axis) => sum + index(axis) * axis.stride, 0));
    lineFactorOf.push(block * padded(across.extent) + index(across));
    laneFactorOf.push(block * padded(along.extent) + index(along));
  }
  const length = lanes?.extent ?? 1;
  return {
    groups: product(groupAxes.map(({ extent }) => extent)),
    runs: product(runAxes.map(({ extent }) => extent)),
    lines: product(lineAxes.map(({ extent }) => extent)),
    length,
    stride: lanes?.stride ?? 1,
    starts,
    blocks: product(others.map(({ extent }) => extent)),
    lineFactors: across.extent,
    laneFactors: along.extent,
    lanesAreRows: along === d1,
    lineFactorOf,
    laneFactorOf,
    matrix: matrixOf(matrix, lanes),
  };
}

/** The shorter side of a group's matrix, the longer, and how far apart their entries lie in padded lines. */
function matrixOf(matrix: readonly Axis[], lanes: Axis | undefined): Lines["matrix"] {
  const [inputs, outputs] = matrix as [Axis, Axis];
  const [rows, columns] = lanes === inputs ? [outputs, inputs] : [inputs, outputs];
  const columnStride = lanes === undefined ? 16 : 1;
  const rowStride = lanes === undefined ? 16 * columns.extent : padded(columns.extent);
  return rows.extent <= columns.extent
    ? [rows.extent, columns.extent, rowStride, columnStride]
    : [columns.extent, rows.extent, columnStride, rowStride];
}

function product(extents: readonly number[]): number {
  return extents.reduce((size, extent) => size * extent, 1);
}
