// Generated from kernels/ by scripts/build-kernels.mjs. Do not edit.
import type { KernelExports } from "./exports.ts";

/** The interface as the addon names it. */
export const INTERFACE: string =
  "sigmoid:ppn " +
  "sigmoidBackward:ppn " +
  "tanh:ppn " +
  "tanhBackward:ppn " +
  "relu:ppn " +
  "reluBackward:ppn " +
  "exp:ppn " +
  "log:ppn " +
  "dot:ppn " +
  "addScaled:pfppn " +
  "scale:fpn " +
  "unpackPixels:pnp " +
  "gemmDot:nnnpnpnpno " +
  "gemmLanes:nnnpnnpnpnb " +
  "columnSums:nnpnpb " +
  "softmaxCrossEntropy:ppnnfp " +
  "convPack:pnnp " +
  "convForward:nnnnnnnnnpppp " +
  "convScratchBytes:nnnnnnnn " +
  "convBackwardWeights:nnnnnnnnnppppp " +
  "convBackwardInput:nnnnnnnnnpppp " +
  "maxPool:nnnnppp " +
  "maxPoolBackward:nnnnppp " +
  "batchNormStatistics:nnpppp " +
  "batchNormForward:nnpppppfpp " +
  "batchNormBackward:nnpppppfppobp " +
  "gradientStep:popnf " +
  "momentumStep:poppnffb " +
  "rmspropStep:poppnfff " +
  "adamStep:popppnfffffff " +
  "lionStep:poppnffff " +
  "lstmSlots: " +
  "lstmStateTile:n " +
  "lstmRecordTile:nn " +
  "lstmPackedSize:n " +
  "lstmTransposedSize:n " +
  "lstmScratchSize:nn " +
  "lstmAccumulatorSize:n " +
  "lstmPack:pnpp " +
  "lstmForward:popnppnppnonn " +
  "lstmBackward:nnpoopooppnppnp " +
  "lstmReduce:pnp " +
  "rnnpropStateTile:n " +
  "rnnpropRecordTile:nn " +
  "rnnpropPackedSize:n " +
  "rnnpropTransposedSize:n " +
  "rnnpropScratchSize:nn " +
  "rnnpropAccumulatorSize:n " +
  "rnnpropPack:pnpp " +
  "rnnpropForward:popnppnppnonn " +
  "rnnpropBackward:nnpoopooppnppnp " +
  "tensorMlpPackedSize: " +
  "tensorAdafacPackedSize: " +
  "tensorCeloPackedSize: " +
  "tensorCelo2PackedSize: " +
  "tensorWork: " +
  "tensorMlpStep:ppppoppp " +
  "tensorAdafacStep:ppppoppp " +
  "tensorCeloStep:ppppoppp " +
  "tensorCelo2Step:ppppoppp " +
  "peakFlops: " +
  "registerPeak:n " +
  "multiplyAdd:fff ";

/** Functions of an addon: they read their arguments from the block. */
export type AddonFunctions = { readonly [K in keyof KernelExports]: () => ReturnType<KernelExports[K]> };

/** The kernels of an addon as functions of their arguments. */
export function nativeCalls(functions: AddonFunctions, block: Float64Array): KernelExports {
  // called as methods: the functions alone would not keep alive what the addon opened
  return {
    sigmoid(x, y, n) {
      block[0] = x;
      block[1] = y;
      block[2] = n;
      return functions.sigmoid();
    },
    sigmoidBackward(y, d, n) {
      block[0] = y;
      block[1] = d;
      block[2] = n;
      return functions.sigmoidBackward();
    },
    tanh(x, y, n) {
      block[0] = x;
      block[1] = y;
      block[2] = n;
      return functions.tanh();
    },
    tanhBackward(y, d, n) {
      block[0] = y;
      block[1] = d;
      block[2] = n;
      return functions.tanhBackward();
    },
    relu(x, y, n) {
      block[0] = x;
      block[1] = y;
      block[2] = n;
      return functions.relu();
    },
    reluBackward(y, d, n) {
      block[0] = y;
      block[1] = d;
      block[2] = n;
      return functions.reluBackward();
    },
    exp(x, y, n) {
      block[0] = x;
      block[1] = y;
      block[2] = n;
      return functions.exp();
    },
    log(x, y, n) {
      block[0] = x;
      block[1] = y;
      block[2] = n;
      return functions.log();
    },
    dot(x, y, n) {
      block[0] = x;
      block[1] = y;
      block[2] = n;
      return functions.dot();
    },
    addScaled(x, a, y, out, n) {
      block[0] = x;
      block[1] = a;
      block[2] = y;
      block[3] = out;
      block[4] = n;
      return functions.addScaled();
    },
    scale(a, x, n) {
      block[0] = a;
      block[1] = x;
      block[2] = n;
      return functions.scale();
    },
    unpackPixels(pixels, n, out) {
      block[0] = pixels;
      block[1] = n;
      block[2] = out;
      return functions.unpackPixels();
    },
    gemmDot(M, N, K, A, lda, B, ldb, C, ldc, bias) {
      block[0] = M;
      block[1] = N;
      block[2] = K;
      block[3] = A;
      block[4] = lda;
      block[5] = B;
      block[6] = ldb;
      block[7] = C;
      block[8] = ldc;
      block[9] = bias;
      return functions.gemmDot();
    },
    gemmLanes(M, N, K, A, am, ak, B, ldb, C, ldc, accumulate) {
      block[0] = M;
      block[1] = N;
      block[2] = K;
      block[3] = A;
      block[4] = am;
      block[5] = ak;
      block[6] = B;
      block[7] = ldb;
      block[8] = C;
      block[9] = ldc;
      block[10] = accumulate ? 1 : 0;
      return functions.gemmLanes();
    },
    columnSums(M, N, A, lda, out, accumulate) {
      block[0] = M;
      block[1] = N;
      block[2] = A;
      block[3] = lda;
      block[4] = out;
      block[5] = accumulate ? 1 : 0;
      return functions.columnSums();
    },
    softmaxCrossEntropy(logits, labels, rows, classes, scale, correct) {
      block[0] = logits;
      block[1] = labels;
      block[2] = rows;
      block[3] = classes;
      block[4] = scale;
      block[5] = correct;
      return functions.softmaxCrossEntropy();
    },
    convPack(w, Co, K, panels) {
      block[0] = w;
      block[1] = Co;
      block[2] = K;
      block[3] = panels;
      return functions.convPack();
    },
    convForward(batch, H, W, Ci, kh, kw, Ho, Wo, Co, x, panels, bias, y) {
      block[0] = batch;
      block[1] = H;
      block[2] = W;
      block[3] = Ci;
      block[4] = kh;
      block[5] = kw;
      block[6] = Ho;
      block[7] = Wo;
      block[8] = Co;
      block[9] = x;
      block[10] = panels;
      block[11] = bias;
      block[12] = y;
      return functions.convForward();
    },
    convScratchBytes(H, W, Ci, kh, kw, Ho, Wo, Co) {
      block[0] = H;
      block[1] = W;
      block[2] = Ci;
      block[3] = kh;
      block[4] = kw;
      block[5] = Ho;
      block[6] = Wo;
      block[7] = Co;
      return functions.convScratchBytes();
    },
    convBackwardWeights(batch, H, W, Ci, kh, kw, Ho, Wo, Co, x, dy, dw, dbias, scratch) {
      block[0] = batch;
      block[1] = H;
      block[2] = W;
      block[3] = Ci;
      block[4] = kh;
      block[5] = kw;
      block[6] = Ho;
      block[7] = Wo;
      block[8] = Co;
      block[9] = x;
      block[10] = dy;
      block[11] = dw;
      block[12] = dbias;
      block[13] = scratch;
      return functions.convBackwardWeights();
    },
    convBackwardInput(batch, H, W, Ci, kh, kw, Ho, Wo, Co, dy, w, dx, scratch) {
      block[0] = batch;
      block[1] = H;
      block[2] = W;
      block[3] = Ci;
      block[4] = kh;
      block[5] = kw;
      block[6] = Ho;
      block[7] = Wo;
      block[8] = Co;
      block[9] = dy;
      block[10] = w;
      block[11] = dx;
      block[12] = scratch;
      return functions.convBackwardInput();
    },
    maxPool(batch, H, W, C, x, y, at) {
      block[0] = batch;
      block[1] = H;
      block[2] = W;
      block[3] = C;
      block[4] = x;
      block[5] = y;
      block[6] = at;
      return functions.maxPool();
    },
    maxPoolBackward(batch, H, W, C, dy, at, dx) {
      block[0] = batch;
      block[1] = H;
      block[2] = W;
      block[3] = C;
      block[4] = dy;
      block[5] = at;
      block[6] = dx;
      return functions.maxPoolBackward();
    },
    batchNormStatistics(rows, C, x, mean, variance, scratch) {
      block[0] = rows;
      block[1] = C;
      block[2] = x;
      block[3] = mean;
      block[4] = variance;
      block[5] = scratch;
      return functions.batchNormStatistics();
    },
    batchNormForward(rows, C, x, gamma, beta, mean, variance, eps, y, scratch) {
      block[0] = rows;
      block[1] = C;
      block[2] = x;
      block[3] = gamma;
      block[4] = beta;
      block[5] = mean;
      block[6] = variance;
      block[7] = eps;
      block[8] = y;
      block[9] = scratch;
      return functions.batchNormForward();
    },
    batchNormBackward(rows, C, x, dy, gamma, mean, variance, eps, dgamma, dbeta, dx, frozen, scratch) {
      block[0] = rows;
      block[1] = C;
      block[2] = x;
      block[3] = dy;
      block[4] = gamma;
      block[5] = mean;
      block[6] = variance;
      block[7] = eps;
      block[8] = dgamma;
      block[9] = dbeta;
      block[10] = dx;
      block[11] = frozen ? 1 : 0;
      block[12] = scratch;
      return functions.batchNormBackward();
    },
    gradientStep(w, u, g, n, lr) {
      block[0] = w;
      block[1] = u;
      block[2] = g;
      block[3] = n;
      block[4] = lr;
      return functions.gradientStep();
    },
    momentumStep(w, u, g, v, n, lr, mu, nesterov) {
      block[0] = w;
      block[1] = u;
      block[2] = g;
      block[3] = v;
      block[4] = n;
      block[5] = lr;
      block[6] = mu;
      block[7] = nesterov ? 1 : 0;
      return functions.momentumStep();
    },
    rmspropStep(w, u, g, s, n, lr, decay, eps) {
      block[0] = w;
      block[1] = u;
      block[2] = g;
      block[3] = s;
      block[4] = n;
      block[5] = lr;
      block[6] = decay;
      block[7] = eps;
      return functions.rmspropStep();
    },
    adamStep(w, u, g, m, v, n, lr, b1, b2, eps, c1, c2, shrink) {
      block[0] = w;
      block[1] = u;
      block[2] = g;
      block[3] = m;
      block[4] = v;
      block[5] = n;
      block[6] = lr;
      block[7] = b1;
      block[8] = b2;
      block[9] = eps;
      block[10] = c1;
      block[11] = c2;
      block[12] = shrink;
      return functions.adamStep();
    },
    lionStep(w, u, g, m, n, lr, b1, b2, shrink) {
      block[0] = w;
      block[1] = u;
      block[2] = g;
      block[3] = m;
      block[4] = n;
      block[5] = lr;
      block[6] = b1;
      block[7] = b2;
      block[8] = shrink;
      return functions.lionStep();
    },
    lstmSlots() {
      return functions.lstmSlots();
    },
    lstmStateTile(H) {
      block[0] = H;
      return functions.lstmStateTile();
    },
    lstmRecordTile(H, steps) {
      block[0] = H;
      block[1] = steps;
      return functions.lstmRecordTile();
    },
    lstmPackedSize(H) {
      block[0] = H;
      return functions.lstmPackedSize();
    },
    lstmTransposedSize(H) {
      block[0] = H;
      return functions.lstmTransposedSize();
    },
    lstmScratchSize(H, steps) {
      block[0] = H;
      block[1] = steps;
      return functions.lstmScratchSize();
    },
    lstmAccumulatorSize(H) {
      block[0] = H;
      return functions.lstmAccumulatorSize();
    },
    lstmPack(phi, H, packed, transposed) {
      block[0] = phi;
      block[1] = H;
      block[2] = packed;
      block[3] = transposed;
      return functions.lstmPack();
    },
    lstmForward(w, u, g, n, state, weights, H, settings, scratch, slots, records, t, steps) {
      block[0] = w;
      block[1] = u;
      block[2] = g;
      block[3] = n;
      block[4] = state;
      block[5] = weights;
      block[6] = H;
      block[7] = settings;
      block[8] = scratch;
      block[9] = slots;
      block[10] = records;
      block[11] = t;
      block[12] = steps;
      return functions.lstmForward();
    },
    lstmBackward(n, steps, records, start, gradients, cotangents, after, before, weights, transposed, H, settings, scratch, slots, acc) {
      block[0] = n;
      block[1] = steps;
      block[2] = records;
      block[3] = start;
      block[4] = gradients;
      block[5] = cotangents;
      block[6] = after;
      block[7] = before;
      block[8] = weights;
      block[9] = transposed;
      block[10] = H;
      block[11] = settings;
      block[12] = scratch;
      block[13] = slots;
      block[14] = acc;
      return functions.lstmBackward();
    },
    lstmReduce(acc, count, gradient) {
      block[0] = acc;
      block[1] = count;
      block[2] = gradient;
      return functions.lstmReduce();
    },
    rnnpropStateTile(H) {
      block[0] = H;
      return functions.rnnpropStateTile();
    },
    rnnpropRecordTile(H, steps) {
      block[0] = H;
      block[1] = steps;
      return functions.rnnpropRecordTile();
    },
    rnnpropPackedSize(H) {
      block[0] = H;
      return functions.rnnpropPackedSize();
    },
    rnnpropTransposedSize(H) {
      block[0] = H;
      return functions.rnnpropTransposedSize();
    },
    rnnpropScratchSize(H, steps) {
      block[0] = H;
      block[1] = steps;
      return functions.rnnpropScratchSize();
    },
    rnnpropAccumulatorSize(H) {
      block[0] = H;
      return functions.rnnpropAccumulatorSize();
    },
    rnnpropPack(phi, H, packed, transposed) {
      block[0] = phi;
      block[1] = H;
      block[2] = packed;
      block[3] = transposed;
      return functions.rnnpropPack();
    },
    rnnpropForward(w, u, g, n, state, weights, H, settings, scratch, slots, records, t, steps) {
      block[0] = w;
      block[1] = u;
      block[2] = g;
      block[3] = n;
      block[4] = state;
      block[5] = weights;
      block[6] = H;
      block[7] = settings;
      block[8] = scratch;
      block[9] = slots;
      block[10] = records;
      block[11] = t;
      block[12] = steps;
      return functions.rnnpropForward();
    },
    rnnpropBackward(n, steps, records, start, gradients, cotangents, after, before, weights, transposed, H, settings, scratch, slots, acc) {
      block[0] = n;
      block[1] = steps;
      block[2] = records;
      block[3] = start;
      block[4] = gradients;
      block[5] = cotangents;
      block[6] = after;
      block[7] = before;
      block[8] = weights;
      block[9] = transposed;
      block[10] = H;
      block[11] = settings;
      block[12] = scratch;
      block[13] = slots;
      block[14] = acc;
      return functions.rnnpropBackward();
    },
    tensorMlpPackedSize() {
      return functions.tensorMlpPackedSize();
    },
    tensorAdafacPackedSize() {
      return functions.tensorAdafacPackedSize();
    },
    tensorCeloPackedSize() {
      return functions.tensorCeloPackedSize();
    },
    tensorCelo2PackedSize() {
      return functions.tensorCelo2PackedSize();
    },
    tensorWork() {
      return functions.tensorWork();
    },
    tensorMlpStep(plan, weights, settings, w, u, g, state, work) {
      block[0] = plan;
      block[1] = weights;
      block[2] = settings;
      block[3] = w;
      block[4] = u;
      block[5] = g;
      block[6] = state;
      block[7] = work;
      return functions.tensorMlpStep();
    },
    tensorAdafacStep(plan, weights, settings, w, u, g, state, work) {
      block[0] = plan;
      block[1] = weights;
      block[2] = settings;
      block[3] = w;
      block[4] = u;
      block[5] = g;
      block[6] = state;
      block[7] = work;
      return functions.tensorAdafacStep();
    },
    tensorCeloStep(plan, weights, settings, w, u, g, state, work) {
      block[0] = plan;
      block[1] = weights;
      block[2] = settings;
      block[3] = w;
      block[4] = u;
      block[5] = g;
      block[6] = state;
      block[7] = work;
      return functions.tensorCeloStep();
    },
    tensorCelo2Step(plan, weights, settings, w, u, g, state, work) {
      block[0] = plan;
      block[1] = weights;
      block[2] = settings;
      block[3] = w;
      block[4] = u;
      block[5] = g;
      block[6] = state;
      block[7] = work;
      return functions.tensorCelo2Step();
    },
    peakFlops() {
      return functions.peakFlops();
    },
    registerPeak(iterations) {
      block[0] = iterations;
      return functions.registerPeak();
    },
    multiplyAdd(a, b, c) {
      block[0] = a;
      block[1] = b;
      block[2] = c;
      return functions.multiplyAdd();
    },
  };
}
