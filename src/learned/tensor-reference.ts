// What the per-tensor learned optimizers share, in float64 and as plainly as the definitions read. Tensors are in the
// order of axes of the papers: (positions …, inputs, outputs). The tests hold these against the authors' numbers, and
// the kernels against these.

/** θ by the names of the architecture's layout; matrices row by row, [in, out]. */
export type Theta = Readonly<Record<string, ArrayLike<number>>>;

/** A tensor that is optimized. */
export interface ReferenceTensor {
  readonly shape: readonly number[];
  readonly bias: boolean;
}

/** One step of one tensor: the new parameters. */
export type ReferenceStep = (params: Float64Array, gradient: Float64Array, step: number) => Float64Array;

export const rsqrt = (x: number): number => 1 / Math.sqrt(x);
const safe = (x: number): number => rsqrt(Math.max(x, 1e-9));
const product = (shape: readonly number[]): number => shape.reduce((size, extent) => size * extent, 1);

/** Means over one axis, spread over it again: entry by entry what a broadcast gives. */
function meanOver(x: Float64Array, shape: readonly number[], axis: number): Float64Array {
  const inner = product(shape.slice(axis + 1));
  const extent = shape[axis]!;
  const sums = new Float64Array(x.length);
  const first = (i: number): number => i - (Math.floor(i / inner) % extent) * inner;
  for (let i = 0; i < x.length; i++) sums[first(i)]! += x[i]! / extent;
  return sums.map((_, i) => sums[first(i)]!);
}

/** The axes of the factored second moment, second largest and largest; of equals the later counts as larger. */
function factoredAxes(shape: readonly number[]): readonly [d1: number, d0: number] | undefined {
  if (shape.length < 2) return undefined;
  const order = shape.map((_, axis) => axis).sort((a, b) => shape[a]! - shape[b]! || a - b);
  return [order.at(-2)!, order.at(-1)!];
}

/** Decays of the accumulators. */
export interface ReferenceDecays {
  readonly momenta: readonly number[];
  readonly second?: number;
  readonly factored?: readonly number[];
}

/** A factored second moment with its preconditioner. */
export interface ReferenceFactors {
  /** Spread over the tensor; of a vector both are the plain second moment. */
  readonly row: Float64Array;
  readonly col: Float64Array;
  /** What the gradient is multiplied by. */
  readonly factor: Float64Array;
}

/** Moments of one tensor's gradient, which change in place. */
export interface ReferenceAccumulators {
  /** Whether the tensor is of rank 0 or 1, whose second moments are not factored. */
  readonly vector: boolean;
  readonly momenta: readonly Float64Array[];
  readonly second: Float64Array;
  update(g: Float64Array): void;
  factors(): ReferenceFactors[];
}

/** Moments of a gradient over steps: m ← βm + (1−β)g, r ← βr + (1−β)g², rows and columns of g² + 1e-30. */
export function referenceAccumulators(
  shape: readonly number[],
  decays: ReferenceDecays,
): ReferenceAccumulators {
  const size = product(shape);
  const zeros = () => new Float64Array(size);
  const axes = factoredAxes(shape);
  const momenta = decays.momenta.map(zeros);
  const second = zeros();
  const rows = (decays.factored ?? []).map(zeros);
  const cols = (decays.factored ?? []).map(zeros);
  const mix = (x: Float64Array, decay: number, by: Float64Array): void => {
    for (let i = 0; i < size; i++) x[i] = decay * x[i]! + (1 - decay) * by[i]!;
  };
  const clipped = (decay: number): number => Math.min(1, Math.max(0, decay));
  return {
    vector: axes === undefined,
    momenta,
    second,
    update(g: Float64Array): void {
      for (const [k, m] of momenta.entries()) mix(m, decays.momenta[k]!, g);
      if (decays.second !== undefined)
        mix(
          second,
          clipped(decays.second),
          g.map((x) => x * x),
        );
      const s = g.map((x) => x * x + 1e-30);
      for (const [k, decay] of (decays.factored ?? []).entries()) {
        mix(rows[k]!, clipped(decay), axes === undefined ? s : meanOver(s, shape, axes[1]));
        mix(cols[k]!, clipped(decay), axes === undefined ? s : meanOver(s, shape, axes[0]));
      }
    },
    factors(): ReferenceFactors[] {
      return rows.map((row, k) => {
        const col = cols[k]!;
        if (axes === undefined) return { row, col, factor: row.map((v) => safe(v + 1e-9)) };
        const mean = meanOver(row, shape, axes[0]);
        const factor = row.map((r, i) => safe(r / (mean[i]! + 1e-9)) * safe(col[i]!));
        return { row, col, factor };
      });
    },
  };
}

/** Products entry by entry. */
export function times(x: Float64Array, ...others: readonly Float64Array[]): Float64Array {
  return others.reduce((product_, y) => product_.map((value, i) => value * y[i]!), x);
}

/** x / √(ε + mean x²) over pieces of `group` entries. */
export function normalized(x: Float64Array, group: number, eps: number): Float64Array {
  const out = new Float64Array(x.length);
  for (let from = 0; from < x.length; from += group) {
    let sum = 0;
    for (let i = from; i < from + group; i++) sum += x[i]! * x[i]!;
    for (let i = from; i < from + group; i++) out[i] = x[i]! * rsqrt(eps + sum / group);
  }
  return out;
}

/** tanh(t/τ − 1), eleven time scales. */
export function timeEmbedding(step: number): number[] {
  return [1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000].map((tau) => Math.tanh(step / tau - 1));
}

/** x·W + b. */
export function linear(x: ArrayLike<number>, w: ArrayLike<number>, b: ArrayLike<number>): number[] {
  return Array.from(b, (bias, j) => {
    let sum = bias;
    for (let i = 0; i < x.length; i++) sum += x[i]! * w[i * b.length + j]!;
    return sum;
  });
}

/** Three layers with ReLU between, coordinate by coordinate: inputs as columns, outputs as rows. */
export function perceptron(
  theta: Theta,
  columns: readonly Float64Array[],
  constants: readonly number[] = [],
): number[][] {
  return Array.from(columns[0]!, (_, i) => {
    let x: number[] = [...columns.map((column) => column[i]!), ...constants];
    for (const layer of [0, 1, 2]) {
      x = linear(x, theta[`mlp.${layer}.w`]!, theta[`mlp.${layer}.b`]!);
      if (layer < 2) x = x.map((value) => Math.max(0, value));
    }
    return x;
  });
}
