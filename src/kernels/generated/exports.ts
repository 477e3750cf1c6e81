// Generated from kernels/ by scripts/build-kernels.mjs. Do not edit.
/** A byte offset in the memory of the kernels. */
export type Pointer = number;
/** The same, or 0 for none. */
export type PointerOrNull = number;

/** The kernels, as kernels/ declares them. */
export interface KernelExports {
  /** y ← σ(x) */
  sigmoid(x: Pointer, y: Pointer, n: number): void;
  /** d ← d·y·(1−y), y = σ(x) */
  sigmoidBackward(y: Pointer, d: Pointer, n: number): void;
  /** y ← tanh(x) */
  tanh(x: Pointer, y: Pointer, n: number): void;
  /** d ← d·(1−y²), y = tanh(x) */
  tanhBackward(y: Pointer, d: Pointer, n: number): void;
  /** y ← max(x, 0); a NaN stays a NaN. */
  relu(x: Pointer, y: Pointer, n: number): void;
  /** d ← d where y > 0, else 0 */
  reluBackward(y: Pointer, d: Pointer, n: number): void;
  /** y ← e^x */
  exp(x: Pointer, y: Pointer, n: number): void;
  /** y ← ln x, x positive and normal */
  log(x: Pointer, y: Pointer, n: number): void;
  /**
   * Σ x_i·y_i in float64: sixteen lanes over every 2^15 entries, folded by halves, and what is left one by one; the
   * stretches are added in order.
   */
  dot(x: Pointer, y: Pointer, n: number): number;
  /** out ← x + a·y; out may be x or y */
  addScaled(x: Pointer, a: number, y: Pointer, out: Pointer, n: number): void;
  /** x ← a·x */
  scale(a: number, x: Pointer, n: number): void;
  /** out ← pixels / 255 */
  unpackPixels(pixels: Pointer, n: number, out: Pointer): void;
  /** C[m][n] = (bias[n] or 0) + Σ_k A[m][k]·B[n][k]; row strides in floats. */
  gemmDot(M: number, N: number, K: number, A: Pointer, lda: number, B: Pointer, ldb: number, C: Pointer, ldc: number, bias: PointerOrNull): void;
  /**
   * C[m][n] (+)= Σ_k A(m,k)·B[k][n], A(m,k) at A + (m·am + k·ak) floats: lanes run along n. A row-major is am = lda,
   * ak = 1; A transposed is am = 1, ak = lda.
   */
  gemmLanes(M: number, N: number, K: number, A: Pointer, am: number, ak: number, B: Pointer, ldb: number, C: Pointer, ldc: number, accumulate: boolean): void;
  /** out[n] (+)= Σ_m A[m][n] */
  columnSums(M: number, N: number, A: Pointer, lda: number, out: Pointer, accumulate: boolean): void;
  /**
   * Softmax cross-entropy. For every row z with label y: loss = ln Σ e^(z_j − max) + max − z_y; the sum over rows is
   * returned in float64, and the row is overwritten by scale·(softmax(z) − onehot(y)). A row of which the label's logit
   * is the (first) largest counts as correct; the count is stored at `correct`, or −1 if a label is no class: then the
   * row is left alone.
   */
  softmaxCrossEntropy(logits: Pointer, labels: Pointer, rows: number, classes: number, scale: number, correct: Pointer): number;
  /** Panels of 16 filters, [k][16], the last filled up with zeros: what `convForward` reads. K = kh·kw·Ci. */
  convPack(w: Pointer, Co: number, K: number, panels: Pointer): void;
  /** y[b][oy][ox][o] = bias[o] + Σ x[b][oy+ky][ox+kx][i]·w[o][ky][kx][i], lanes along o, for the first Ho × Wo outputs. */
  convForward(batch: number, H: number, W: number, Ci: number, kh: number, kw: number, Ho: number, Wo: number, Co: number, x: Pointer, panels: Pointer, bias: Pointer, y: Pointer): void;
  /** Bytes of scratch of the backward functions. */
  convScratchBytes(H: number, W: number, Ci: number, kh: number, kw: number, Ho: number, Wo: number, Co: number): number;
  /** dw[o][ky][kx][i] += Σ x[b][oy+ky][ox+kx][i]·dy[b][oy][ox][o] and dbias[o] += Σ dy[b][oy][ox][o]. */
  convBackwardWeights(batch: number, H: number, W: number, Ci: number, kh: number, kw: number, Ho: number, Wo: number, Co: number, x: Pointer, dy: Pointer, dw: Pointer, dbias: Pointer, scratch: Pointer): void;
  /** dx[b][oy+ky][ox+kx][i] = Σ dy[b][oy][ox][o]·w[o][ky][kx][i]. */
  convBackwardInput(batch: number, H: number, W: number, Ci: number, kh: number, kw: number, Ho: number, Wo: number, Co: number, dy: Pointer, w: Pointer, dx: Pointer, scratch: Pointer): void;
  /** y = largest of the four, at = which of them: 2·(row) + (column), the first among equals. */
  maxPool(batch: number, H: number, W: number, C: number, x: Pointer, y: Pointer, at: Pointer): void;
  /** dx = dy where `at` says the largest was, else 0. */
  maxPoolBackward(batch: number, H: number, W: number, C: number, dy: Pointer, at: Pointer, dx: Pointer): void;
  /** mean[c] and variance[c] (biased) of x[r][c] over r; scratch: C float64. */
  batchNormStatistics(rows: number, C: number, x: Pointer, mean: Pointer, variance: Pointer, scratch: Pointer): void;
  /** y = (x − mean)·γ/√(variance + ε) + β; scratch: C floats. */
  batchNormForward(rows: number, C: number, x: Pointer, gamma: Pointer, beta: Pointer, mean: Pointer, variance: Pointer, eps: number, y: Pointer, scratch: Pointer): void;
  /**
   * dβ += Σ dy, dγ += Σ dy·x̂ and, unless dx is null, dx = γ/σ·(dy − Σdy/rows − x̂·Σ(dy·x̂)/rows), x̂ = (x − mean)/σ,
   * σ = √(variance + ε); with `frozen` statistics dx = γ/σ·dy. scratch: 28·C bytes.
   */
  batchNormBackward(rows: number, C: number, x: Pointer, dy: Pointer, gamma: Pointer, mean: Pointer, variance: Pointer, eps: number, dgamma: Pointer, dbeta: Pointer, dx: PointerOrNull, frozen: boolean, scratch: Pointer): void;
  /** u = −lr·g */
  gradientStep(w: Pointer, u: PointerOrNull, g: Pointer, n: number, lr: number): void;
  /** v ← μ·v + g; u = −lr·v, or u = −lr·(g + μ·v) for Nesterov */
  momentumStep(w: Pointer, u: PointerOrNull, g: Pointer, v: Pointer, n: number, lr: number, mu: number, nesterov: boolean): void;
  /** s ← d·s + (1−d)·g²; u = −lr·g/(√s + ε) */
  rmspropStep(w: Pointer, u: PointerOrNull, g: Pointer, s: Pointer, n: number, lr: number, decay: number, eps: number): void;
  /**
   * m ← b1·m + (1−b1)·g; v ← b2·v + (1−b2)·g²;
   * u = −(lr/c1)·m/(√v/√c2 + ε) − shrink·w, c1 = 1 − b1^t, c2 = 1 − b2^t
   */
  adamStep(w: Pointer, u: PointerOrNull, g: Pointer, m: Pointer, v: Pointer, n: number, lr: number, b1: number, b2: number, eps: number, c1: number, c2: number, shrink: number): void;
  /** u = −lr·sign(b1·m + (1−b1)·g) − shrink·w; m ← b2·m + (1−b2)·g */
  lionStep(w: Pointer, u: PointerOrNull, g: Pointer, m: Pointer, n: number, lr: number, b1: number, b2: number, shrink: number): void;
  /** Slots that are of use: tasks at a time. */
  lstmSlots(): number;
  /** Floats in the state of one tile of 16 coordinates. */
  lstmStateTile(H: number): number;
  /** Floats in the record of one tile over `steps` steps. */
  lstmRecordTile(H: number, steps: number): number;
  /** Floats of φ packed for forward. */
  lstmPackedSize(H: number): number;
  /** Floats of φ packed for backward. */
  lstmTransposedSize(H: number): number;
  /** Floats of scratch for one slot; `steps` 0: for lstmForward. */
  lstmScratchSize(H: number, steps: number): number;
  /** Floats of accumulators: the sums, and as many again for every slot. */
  lstmAccumulatorSize(H: number): number;
  lstmPack(phi: Pointer, H: number, packed: Pointer, transposed: Pointer): void;
  /**
   * One step of n coordinates: w ← w + u, or, where `u` is not null, u is written there and w left alone.
   * `records`: null, or the records of all tiles, of which slot t is written; at t = 0 the state is recorded first.
   */
  lstmForward(w: Pointer, u: PointerOrNull, g: Pointer, n: number, state: Pointer, weights: Pointer, H: number, settings: Pointer, scratch: Pointer, slots: number, records: PointerOrNull, t: number, steps: number): void;
  /**
   * Backward through a window; cotangents[t][n] = ∂(meta-loss)/∂u_t. Adds to the first accumulators.
   * `start`: null where `records` are those of all tiles, else the state before the window, whose gradients[t][n] are run
   * again into one record for each slot. `after`, `before`: null, or ∂/∂state by the window's end (read) and start (written).
   */
  lstmBackward(n: number, steps: number, records: Pointer, start: PointerOrNull, gradients: PointerOrNull, cotangents: Pointer, after: PointerOrNull, before: PointerOrNull, weights: Pointer, transposed: Pointer, H: number, settings: Pointer, scratch: Pointer, slots: number, acc: Pointer): void;
  /** gradient[i] ← sum of the four lanes of accumulator i, in φ's order. */
  lstmReduce(acc: Pointer, count: number, gradient: Pointer): void;
  rnnpropStateTile(H: number): number;
  rnnpropRecordTile(H: number, steps: number): number;
  rnnpropPackedSize(H: number): number;
  rnnpropTransposedSize(H: number): number;
  rnnpropScratchSize(H: number, steps: number): number;
  rnnpropAccumulatorSize(H: number): number;
  rnnpropPack(phi: Pointer, H: number, packed: Pointer, transposed: Pointer): void;
  rnnpropForward(w: Pointer, u: PointerOrNull, g: Pointer, n: number, state: Pointer, weights: Pointer, H: number, settings: Pointer, scratch: Pointer, slots: number, records: PointerOrNull, t: number, steps: number): void;
  rnnpropBackward(n: number, steps: number, records: Pointer, start: PointerOrNull, gradients: PointerOrNull, cotangents: Pointer, after: PointerOrNull, before: PointerOrNull, weights: Pointer, transposed: Pointer, H: number, settings: Pointer, scratch: Pointer, slots: number, acc: Pointer): void;
  /** Floats of φ packed for the kernels. */
  tensorMlpPackedSize(): number;
  tensorAdafacPackedSize(): number;
  tensorCeloPackedSize(): number;
  tensorCelo2PackedSize(): number;
  /** Floats of work beside those of tensors. */
  tensorWork(): number;
  tensorMlpStep(plan: Pointer, weights: Pointer, settings: Pointer, w: Pointer, u: PointerOrNull, g: Pointer, state: Pointer, work: Pointer): void;
  tensorAdafacStep(plan: Pointer, weights: Pointer, settings: Pointer, w: Pointer, u: PointerOrNull, g: Pointer, state: Pointer, work: Pointer): void;
  tensorCeloStep(plan: Pointer, weights: Pointer, settings: Pointer, w: Pointer, u: PointerOrNull, g: Pointer, state: Pointer, work: Pointer): void;
  tensorCelo2Step(plan: Pointer, weights: Pointer, settings: Pointer, w: Pointer, u: PointerOrNull, g: Pointer, state: Pointer, work: Pointer): void;
  peakFlops(): number;
  registerPeak(iterations: number): number;
  /** a·b + c as the kernels compute it: tells whether it is rounded once. */
  multiplyAdd(a: number, b: number, c: number): number;
}
