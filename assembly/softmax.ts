import { exp4, log4 } from "./math";

// @ts-ignore: decorator
@inline
function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/**
 * Softmax cross-entropy. For every row z with label y: loss = ln Σ e^(z_j − max) + max − z_y; the sum over rows
 * is returned in float64, and the row is overwritten by scale·(softmax(z) − onehot(y)). A row of which the label's logit
 * is the (first) largest counts as correct; the count is stored at `correct`.
 */
export function softmaxCrossEntropy(
  logits: usize, labels: usize, rows: i32, classes: i32, scale: f32, correct: usize,
): f64 {
  let total: f64 = 0;
  let right = 0;
  for (let r = 0; r < rows; r++) {
    const z = logits + ((<usize>r * <usize>classes) << 2);
    const label = <i32>load<u8>(labels + <usize>r);
    let max = load<f32>(z);
    let best = 0;
    for (let j = 1; j < classes; j++) {
      const v = load<f32>(z + (<usize>j << 2));
      if (v > max) {
        max = v;
        best = j;
      }
    }
    if (best == label) right++;
    const own = load<f32>(z + (<usize>label << 2));
    let sum: f32 = 0;
    let j = 0;
    const shift = f32x4.splat(max);
    for (; j + 4 <= classes; j += 4) {
      const at = z + (<usize>j << 2);
      const e = exp4(f32x4.sub(v128.load(at), shift));
      v128.store(at, e);
      sum += f32x4.extract_lane(e, 0) + f32x4.extract_lane(e, 1) + (f32x4.extract_lane(e, 2) + f32x4.extract_lane(e, 3));
    }
    for (; j < classes; j++) {
      const at = z + (<usize>j << 2);
      const e = exp1(load<f32>(at) - max);
      store<f32>(at, e);
      sum += e;
    }
    // sum − sum carries a NaN past the logarithm, which only looks at bits
    total += <f64>f32x4.extract_lane(log4(f32x4.splat(sum)), 0) + (<f64>max - <f64>own) + <f64>(sum - sum);
    const factor: f32 = scale / sum;
    for (j = 0; j < classes; j++) {
      const at = z + (<usize>j << 2);
      store<f32>(at, load<f32>(at) * factor);
    }
    const at = z + (<usize>label << 2);
    store<f32>(at, load<f32>(at) - scale);
  }
  store<i32>(correct, right);
  return total;
}
