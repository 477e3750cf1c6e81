// The convolution kernels as plainly as they can be written; see reference.ts.
import type { ChannelStatistics, ConvShape, PoolShape } from "./ops.ts";
import type { Vector } from "./types.ts";

/** Calls `visit` with the places of output, filter weight, input and filter of every product of a convolution. */
function products(s: ConvShape, visit: (y: number, w: number, x: number, filter: number) => void): void {
  for (let b = 0; b < s.batch; b++) {
    for (let oy = 0; oy < s.outHeight; oy++) {
      for (let ox = 0; ox < s.outWidth; ox++) {
        for (let o = 0; o < s.filters; o++) {
          const y = ((b * s.outHeight + oy) * s.outWidth + ox) * s.filters + o;
          for (let ky = 0; ky < s.kernelHeight; ky++) {
            const w = (o * s.kernelHeight + ky) * s.kernelWidth * s.channels;
            const x = ((b * s.height + oy + ky) * s.width + ox) * s.channels;
            for (let i = 0; i < s.kernelWidth * s.channels; i++) visit(y, w + i, x + i, o);
          }
        }
      }
    }
  }
}

export function convScratch(): number {
  return 0;
}

export function convForward(s: ConvShape, x: Vector, w: Vector, bias: Vector, y: Vector): void {
  const outputs = s.batch * s.outHeight * s.outWidth * s.filters;
  for (let i = 0; i < outputs; i++) y[i] = bias[i % s.filters]!;
  products(s, (yAt, wAt, xAt) => {
    y[yAt] = y[yAt]! + x[xAt]! * w[wAt]!;
  });
}

export function convBackwardWeights(
  s: ConvShape,
  x: Vector,
  dy: Vector,
  dw: Vector,
  dbias: Vector,
  accumulate: boolean,
): void {
  if (!accumulate) {
    dw.fill(0);
    dbias.fill(0);
  }
  products(s, (yAt, wAt, xAt) => {
    dw[wAt] = dw[wAt]! + x[xAt]! * dy[yAt]!;
  });
  const outputs = s.batch * s.outHeight * s.outWidth * s.filters;
  for (let i = 0; i < outputs; i++) dbias[i % s.filters] = dbias[i % s.filters]! + dy[i]!;
}

export function convBackwardInput(s: ConvShape, dy: Vector, w: Vector, dx: Vector): void {
  dx.fill(0, 0, s.batch * s.height * s.width * s.channels);
  products(s, (yAt, wAt, xAt) => {
    dx[xAt] = dx[xAt]! + w[wAt]! * dy[yAt]!;
  });
}

/** Calls `visit` with the place of every pooled entry and of the first entry of its window, and the steps in it. */
function windows(s: PoolShape, visit: (y: number, x: number, steps: readonly number[]) => void): void {
  const steps = [0, s.channels, s.width * s.channels, (s.width + 1) * s.channels];
  let y = 0;
  for (let b = 0; b < s.batch; b++) {
    for (let oy = 0; 2 * oy + 1 < s.height; oy++) {
      for (let ox = 0; 2 * ox + 1 < s.width; ox++) {
        for (let c = 0; c < s.channels; c++) {
          visit(y++, ((b * s.height + 2 * oy) * s.width + 2 * ox) * s.channels + c, steps);
        }
      }
    }
  }
}

export function maxPool(s: PoolShape, x: Vector, y: Vector, at: Uint8Array): void {
  windows(s, (yAt, xAt, steps) => {
    let best = 0;
    for (let k = 1; k < 4; k++) if (x[xAt + steps[k]!]! > x[xAt + steps[best]!]!) best = k;
    y[yAt] = x[xAt + steps[best]!]!;
    at[yAt] = best;
  });
}

/** Only copies entries, so that it serves both precisions. */
export function maxPoolAt(s: PoolShape, x: Vector, at: Uint8Array, y: Vector): void {
  const { channels } = s;
  const row = s.width * channels;
  let yAt = 0;
  for (let b = 0; b < s.batch; b++) {
    for (let oy = 0; 2 * oy + 1 < s.height; oy++) {
      for (let ox = 0; 2 * ox + 1 < s.width; ox++) {
        const first = (b * s.height + 2 * oy) * row + 2 * ox * channels;
        for (let c = 0; c < channels; c++) {
          const which = at[yAt]!;
          y[yAt++] = x[first + c + (which >> 1) * row + (which & 1) * channels]!;
        }
      }
    }
  }
}

export function maxPoolBackward(s: PoolShape, dy: Vector, at: Uint8Array, dx: Vector): void {
  dx.fill(0, 0, s.batch * s.height * s.width * s.channels);
  windows(s, (yAt, xAt, steps) => {
    dx[xAt + steps[at[yAt]!]!] = dy[yAt]!;
  });
}

export function batchNormStatistics(rows: number, x: Vector, { mean, variance }: ChannelStatistics): void {
  const channels = mean.length;
  mean.fill(0);
  variance.fill(0);
  for (let i = 0; i < rows * channels; i++) mean[i % channels] = mean[i % channels]! + x[i]! / rows;
  for (let i = 0; i < rows * channels; i++) {
    const centred = x[i]! - mean[i % channels]!;
    variance[i % channels] = variance[i % channels]! + (centred * centred) / rows;
  }
}

export function batchNormForward(
  rows: number,
  x: Vector,
  gamma: Vector,
  beta: Vector,
  { mean, variance }: ChannelStatistics,
  eps: number,
  y: Vector,
): void {
  const channels = mean.length;
  for (let i = 0; i < rows * channels; i++) {
    const c = i % channels;
    y[i] = (gamma[c]! * (x[i]! - mean[c]!)) / Math.sqrt(variance[c]! + eps) + beta[c]!;
  }
}

export function batchNormBackward(
  rows: number,
  x: Vector,
  dy: Vector,
  gamma: Vector,
  { mean, variance }: ChannelStatistics,
  eps: number,
  dgamma: Vector,
  dbeta: Vector,
  dx: Vector | undefined,
  { frozen, accumulate }: { readonly frozen: boolean; readonly accumulate: boolean },
): void {
  const channels = mean.length;
  const sums = new Float64Array(channels);
  const products = new Float64Array(channels);
  const normalized = (i: number, c: number): number => (x[i]! - mean[c]!) / Math.sqrt(variance[c]! + eps);
  for (let i = 0; i < rows * channels; i++) {
    const c = i % channels;
    sums[c] = sums[c]! + dy[i]!;
    products[c] = products[c]! + dy[i]! * normalized(i, c);
  }
  for (let c = 0; c < channels; c++) {
    dgamma[c] = (accumulate ? dgamma[c]! : 0) + products[c]!;
    dbeta[c] = (accumulate ? dbeta[c]! : 0) + sums[c]!;
  }
  if (dx === undefined) return;
  for (let i = 0; i < rows * channels; i++) {
    const c = i % channels;
    const through = frozen ? 0 : (sums[c]! + normalized(i, c) * products[c]!) / rows;
    dx[i] = (gamma[c]! / Math.sqrt(variance[c]! + eps)) * (dy[i]! - through);
  }
}
