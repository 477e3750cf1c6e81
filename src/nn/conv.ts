import { LowlandError } from "../errors.ts";
import { bilinearTangents, type Layer, type OpenLayer, type Shape, sizeOf } from "./layers.ts";

/** Added to the variance before its root: the usual constant of batch normalization. */
const EPSILON = 1e-5;

function imageExtents(layer: string, input: Shape): [height: number, width: number, channels: number] {
  const [height, width, channels] = input;
  if (input.length !== 3 || height === undefined || width === undefined || channels === undefined) {
    throw new LowlandError(
      "E_SHAPE",
      `${layer} takes images [height, width, channels], not [${input.join(", ")}]; put it before the dense layers`,
    );
  }
  return [height, width, channels];
}

/**
 * Valid convolution, stride 1: y[oy][ox][o] = b[o] + Σ x[oy+ky][ox+kx][i]·w[o][ky][kx][i]. W stored
 * [filters][kernel][kernel][channels].
 *
 * @throws {LowlandError} E_SHAPE if the input is no image or smaller than the kernel
 */
export function conv2d(filters: number, { kernel = 3 }: { kernel?: number } = {}): Layer {
  return {
    name: "conv",
    inPlace: false,
    croppable: true,
    output(input) {
      const [height, width] = imageExtents("conv2d", input);
      if (Math.min(height, width) < kernel) {
        throw new LowlandError(
          "E_SHAPE",
          `conv2d: a ${kernel}×${kernel} kernel does not fit an image of ${height}×${width}; use a smaller kernel or less pooling`,
        );
      }
      return [height - kernel + 1, width - kernel + 1, filters];
    },
    slots(input) {
      const [, , channels] = imageExtents("conv2d", input);
      const fanIn = kernel * kernel * channels;
      return [
        { name: "w", shape: [filters, kernel, kernel, channels], kind: "weight", fanIn },
        { name: "b", shape: [filters], kind: "bias" },
      ];
    },
    open({ ops, batch: most, input, output }) {
      const [height, width, channels] = imageExtents("conv2d", input);
      const [outHeight, outWidth] = imageExtents("conv2d", output);
      const shape = (batch: number) => ({
        batch,
        height,
        width,
        channels,
        kernelHeight: kernel,
        kernelWidth: kernel,
        outHeight,
        outWidth,
        filters,
      });
      const scratch = ops.allocate(ops.convScratch(shape(most)));
      const passes: Pick<OpenLayer, "forward" | "backward"> = {
        forward(x, y, batch, [w, b]) {
          ops.convForward(shape(batch), x, w!, b!, y, scratch);
        },
        backward(x, _y, dy, dx, batch, [w], [dw, db], accumulate) {
          ops.convBackwardWeights(shape(batch), x, dy, dw!, db!, accumulate, scratch);
          if (dx !== undefined) ops.convBackwardInput(shape(batch), dy, w!, dx, scratch);
        },
      };
      const sizes = { most, inputs: sizeOf(input), outputs: sizeOf(output), biases: filters };
      return {
        ...passes,
        openTangents: () =>
          bilinearTangents(ops, sizes, passes, (dy, w, dx, batch) =>
            ops.convBackwardInput(shape(batch), dy, w, dx, scratch),
          ),
      };
    },
  };
}

/**
 * The largest entry of each 2×2 window; an odd last row or column is dropped.
 *
 * @param size the window's side and step; 2 is the only one
 * @throws {LowlandError} E_SHAPE if the input is no image or smaller than the window
 */
export function maxPool(size: 2): Layer {
  return {
    name: "maxPool",
    inPlace: false,
    output(input) {
      const [height, width, channels] = imageExtents("maxPool", input);
      if (Math.min(height, width) < size) {
        throw new LowlandError(
          "E_SHAPE",
          `maxPool: nothing is left of an image of ${height}×${width}; use less pooling`,
        );
      }
      return [height >> 1, width >> 1, channels];
    },
    reads(input) {
      const [height, width, channels] = imageExtents("maxPool", input);
      return [height & ~1, width & ~1, channels];
    },
    slots: () => [],
    open({ ops, batch: most, input, output }) {
      const [height, width, channels] = imageExtents("maxPool", input);
      const at = ops.allocateBytes(most * sizeOf(output));
      return {
        forward: (x, y, batch) => ops.maxPool({ batch, height, width, channels }, x, y, at),
        backward(_x, _y, dy, dx, batch) {
          if (dx !== undefined) ops.maxPoolBackward({ batch, height, width, channels }, dy, at, dx);
        },
        openTangents: () => ({
          forward(_x, xDot, yDot, batch) {
            if (xDot === undefined) yDot.fill(0);
            else ops.maxPoolAt({ batch, height, width, channels }, xDot, at, yDot);
          },
          backward(_at, dy, dyDot, into, batch) {
            if (into === undefined) return;
            ops.maxPoolBackward({ batch, height, width, channels }, dyDot, at, into.dxDot);
            ops.maxPoolBackward({ batch, height, width, channels }, dy, at, into.dx);
          },
        }),
      };
    },
  };
}

/**
 * Batch normalization over examples and places, per channel: y = γ·(x − μ)/√(σ² + 1e-5) + β, γ initially 1, β 0.
 * μ and σ² are those of the minibatch and part of the gradient, or constants where the network runs frozen. γ and β
 * are `bias` slots: neither is a weight that ASAM would rescale by its size.
 *
 * @see Ioffe & Szegedy, "Batch Normalization", 2015
 */
export function batchNorm(): Layer {
  return {
    name: "batchNorm",
    inPlace: false,
    output: (input) => input,
    statisticsSize: (input) => 2 * input.at(-1)!,
    slots(input) {
      const shape = [input.at(-1)!];
      return [
        { name: "gamma", shape, kind: "bias", initial: 1 },
        { name: "beta", shape, kind: "bias" },
      ];
    },
    open({ ops, input }) {
      const channels = input.at(-1)!;
      const places = sizeOf(input) / channels;
      const mean = ops.allocate(channels);
      const variance = ops.allocate(channels);
      const statistics = { mean, variance };
      const deviationOf = (channel: number): number => Math.sqrt(variance[channel]! + EPSILON);
      let constant = false;
      return {
        statistics: [mean, variance],
        forward(x, y, batch, [gamma, beta], frozen) {
          const rows = batch * places;
          constant = frozen;
          if (!frozen) ops.batchNormStatistics(rows, x, statistics);
          ops.batchNormForward(rows, x, gamma!, beta!, statistics, EPSILON, y);
        },
        backward(x, _y, dy, dx, batch, [gamma], [dgamma, dbeta], accumulate) {
          const mode = { frozen: constant, accumulate };
          ops.batchNormBackward(
            batch * places,
            x,
            dy,
            gamma!,
            statistics,
            EPSILON,
            dgamma!,
            dbeta!,
            dx,
            mode,
          );
        },
        openTangents: () => ({
          // y = γ·x̂ + β, x̂ = (x − μ)/s, μ and s constants
          forward(x, xDot, yDot, batch, [gamma], [gammaDot, betaDot]) {
            for (let c = 0; c < channels; c++) {
              const [mu, inverse] = [mean[c]!, 1 / deviationOf(c)];
              const [scale, scaleDot, shiftDot] = [
                gamma![c]! * inverse,
                gammaDot![c]! * inverse,
                betaDot![c]!,
              ];
              for (let i = c; i < batch * places * channels; i += channels) {
                yDot[i] = scaleDot * (x[i]! - mu) + shiftDot + (xDot === undefined ? 0 : scale * xDot[i]!);
              }
            }
          },
          backward(
            { x, xDot },
            dy,
            dyDot,
            into,
            batch,
            [gamma],
            [gammaDot],
            [gammaOut, betaOut],
            accumulate,
          ) {
            for (let c = 0; c < channels; c++) {
              const [mu, inverse] = [mean[c]!, 1 / deviationOf(c)];
              const [scale, scaleDot] = [gamma![c]! * inverse, gammaDot![c]! * inverse];
              let ofGamma = 0;
              let ofBeta = 0;
              for (let i = c; i < batch * places * channels; i += channels) {
                const [g, gDot] = [dy[i]!, dyDot[i]!];
                ofGamma += gDot * (x[i]! - mu) + (xDot === undefined ? 0 : g * xDot[i]!);
                ofBeta += gDot;
                if (into === undefined) continue;
                into.dxDot[i] = scale * gDot + scaleDot * g;
                into.dx[i] = scale * g;
              }
              gammaOut![c] = (accumulate ? gammaOut![c]! : 0) + ofGamma * inverse;
              betaOut![c] = (accumulate ? betaOut![c]! : 0) + ofBeta;
            }
          },
        }),
      };
    },
  };
}
