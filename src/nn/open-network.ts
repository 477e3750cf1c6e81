import { LowlandError } from "../errors.ts";
import type { Ops } from "../kernels/ops.ts";
import type { Vector } from "../kernels/types.ts";
import { type Chain, type ChainTangents, openChain, type Views } from "./chain.ts";
import type { Head, HeadResult, Targets } from "./heads.ts";
import { sizeOf } from "./layers.ts";

/** Floats of activations, 2 MB, that go through the layers at a time: as much as a second-level cache holds. */
const PART_ACTIVATIONS = 2 ** 19;

/** How the examples of `run` are gone through. */
export interface RunOptions {
  /** Inputs, instead of those in `input`. */
  readonly x?: Vector | undefined;
  /** Takes scale · ∂(sum of losses)/∂params. */
  readonly gradient?: Vector | undefined;
  readonly scale?: number;
  /** Adds to `gradient` instead of writing it. */
  readonly accumulate?: boolean;
  /** What to normalize by instead of the minibatch. */
  readonly statistics?: Vector | undefined;
}

/** A network with the buffers for minibatches of at most one size. */
export interface OpenNetwork {
  /** Where the caller writes the inputs, example after example. */
  readonly input: Vector;
  /**
   * Runs the network on the first `count` examples of `input` (or of `x`) and returns the sum of their losses and the
   * number classified correctly. With `gradient`, writes or adds scale · ∂(that sum)/∂params to it. With `statistics`,
   * normalizes by these constants instead of the minibatch's.
   *
   * @throws {LowlandError} E_DATA for targets that cannot be
   */
  run(params: Vector, targets: Targets, count: number, options?: RunOptions): HeadResult;
  /**
   * Writes or adds scale · H·direction to `product`, exactly: H is the Hessian of the sum that `run` returns, with
   * statistics over the minibatch as constants, and at kinks that of the branch taken. Costs about as much as three runs
   * with a gradient, half as much where the first layer dominates.
   *
   * @param options `statistics` is what to normalize by; needed where the network has statistics
   */
  hessianVectorProduct(
    params: Vector,
    targets: Targets,
    count: number,
    options: Omit<RunOptions, "gradient"> & { readonly direction: Vector; readonly product: Vector },
  ): void;
  /** Copies what the last run normalized by into `out` (length `statisticsSize`). */
  readStatistics(out: Vector): void;
}

/** Views of the vectors met last: a training loop hands in the same ones again and again. */
const KEPT_VIEWS = 8;

/**
 * Allocates the buffers for minibatches of up to `most` examples, and runs a chain of layers and its head forward and back
 * in them.
 *
 * @param viewsOf the parameters of every layer as views into a flat vector
 */
export function openNetwork(
  { chain, head, viewsOf }: { chain: Chain; head: Head; viewsOf: (vector: Vector) => Views },
  ops: Ops,
  most: number,
): OpenNetwork {
  const { shapes, statisticsSize, activationSize } = chain;
  const [inputSize, outputs] = [sizeOf(shapes[0]!), shapes.at(-1)!];
  const targetsOf = head.targets(outputs);
  // examples that go through the layers together: all of them, where layers normalize over them
  const batch = statisticsSize > 0 ? most : Math.min(most, Math.ceil(PART_ACTIVATIONS / activationSize));
  const input = ops.allocate(most * inputSize);
  const y = ops.allocate(batch * sizeOf(outputs)); // the outputs, then their gradients
  const opened = openChain(chain, ops, batch);
  const openedHead = head.open({ ops, outputs });
  let tangents: { readonly passes: ChainTangents; readonly yDot: Vector } | undefined;

  const cache = new Map<Vector, Views>();
  const views = (vector: Vector): Views => {
    let found = cache.get(vector);
    if (found === undefined) {
      if (cache.size >= KEPT_VIEWS) cache.clear();
      found = viewsOf(vector);
      cache.set(vector, found);
    }
    return found;
  };

  /** `run` for as many examples as the buffers hold. */
  function runPart(
    x: Vector,
    targets: Targets,
    count: number,
    params: Views,
    gradients: Views | undefined,
    scale: number,
    accumulate: boolean,
    frozen: boolean,
  ): HeadResult {
    opened.forward(x, y, count, params, frozen);
    const result = openedHead.loss(y, targets, count, scale);
    if (gradients !== undefined) {
      opened.backward(x, y, y, undefined, count, params, gradients, accumulate);
    }
    return result;
  }

  /** Goes through `count` examples in as many as the buffers hold; gradients of all but the first are added to those before. */
  function eachPart(
    x: Vector,
    targets: Targets,
    count: number,
    use: (x: Vector, targets: Targets, length: number, first: boolean) => void,
  ): void {
    for (let start = 0; start < count; start += batch) {
      const end = Math.min(start + batch, count);
      const part = x.subarray(start * inputSize, end * inputSize);
      use(part, targets.subarray(start * targetsOf, end * targetsOf), end - start, start === 0);
    }
  }

  function takeStatistics(statistics: Vector | undefined): boolean {
    if (statistics === undefined) return false;
    if (statistics.length !== statisticsSize) {
      throw new LowlandError(
        "E_SHAPE",
        `${statistics.length} statistics for a network that has ${statisticsSize}; give what readStatistics gave`,
      );
    }
    eachOwner(statistics, opened.statistics, (part, own) => own.set(part));
    return true;
  }

  return {
    input,
    run(params, targets, count, options = {}) {
      const { x = input, gradient, scale = 1, accumulate = false, statistics } = options;
      const frozen = takeStatistics(statistics);
      const weights = views(params);
      const gradients = gradient && views(gradient);
      if (count <= batch) {
        return runPart(x, targets, count, weights, gradients, scale, accumulate, frozen);
      }
      let [loss, correct] = [0, 0];
      eachPart(x, targets, count, (part, own, length, first) => {
        const added = accumulate || !first;
        const result = runPart(part, own, length, weights, gradients, scale, added, frozen);
        loss += result.loss;
        correct += result.correct;
      });
      return { loss, correct };
    },
    hessianVectorProduct(params, targets, count, options) {
      const { direction, product, x = input, scale = 1, accumulate = false, statistics } = options;
      takeStatistics(statistics);
      tangents ??= { passes: opened.openTangents(), yDot: ops.allocate(batch * sizeOf(outputs)) };
      const { passes, yDot } = tangents;
      const weights = views(params);
      const products = views(product);
      const directions = viewsOf(direction);
      eachPart(x, targets, count, (part, own, length, first) => {
        opened.forward(part, y, length, weights, true);
        passes.forward(part, undefined, yDot, length, weights, directions);
        openedHead.loss(y, own, length, scale);
        openedHead.tangent(y, yDot, own, length, scale);
        const at = { x: part, xDot: undefined, y, yDot };
        const added = accumulate || !first;
        passes.backward(at, y, yDot, undefined, length, weights, directions, products, added);
      });
    },
    readStatistics(out) {
      eachOwner(out, opened.statistics, (part, own) => part.set(own));
    },
  };
}

/** Goes through a flat vector in parts as long as `owners`. */
function eachOwner(
  flat: Vector,
  owners: readonly Vector[],
  use: (part: Vector, owner: Vector) => void,
): void {
  let offset = 0;
  for (const owner of owners) {
    use(flat.subarray(offset, offset + owner.length), owner);
    offset += owner.length;
  }
}
