import { axpy } from "../kernels/vector.ts";

/**
 * Turns gradients at the points of a window into cotangents of its updates, in place, for optimizers that do not read
 * the parameters: ∂w_{t+1}/∂w_t = I, so an update acts on all later points alike and its cotangent is the sum of theirs.
 *
 * @param points row t, of `size` entries, is the gradient at the point after step t
 * @param after ∂/∂w by the window's end of what comes later
 */
export function sumLaterPoints(points: Float32Array, size: number, after?: Float32Array): void {
  let later = after;
  for (let end = points.length; end > 0; end -= size) {
    const row = points.subarray(end - size, end);
    if (later !== undefined) axpy(1, later, row);
    later = row;
  }
}
