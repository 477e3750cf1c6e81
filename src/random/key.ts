import { LowlandError } from "../errors.ts";
import type { Vector } from "../kernels/types.ts";
import { normalCdf, normalQuantile } from "./quantile.ts";

/**
 * Where random numbers come from: 64 bits that name a stream. A key has no state: the same key always draws the
 * same numbers, so use a key once, and make new ones with `split` and `foldIn`.
 *
 * The generator is Threefry-2x32 with 20 rounds (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3",
 * SC 2011) as JAX uses it with `jax_threefry_partitionable=True`: draw i of a key is a function of (key, i) alone.
 * `key`, `split`, `foldIn`, `bits` and `uniform` give the bits of JAX (`jax_enable_x64=True`, float32 draws).
 */
export interface Key {
  /** High 32 bits, unsigned. */
  readonly hi: number;
  /** Low 32 bits, unsigned. */
  readonly lo: number;
}

const TWO32 = 2 ** 32;

/** The last block drawn, as two words; a module-level buffer keeps the hot path free of allocation. */
const block = new Uint32Array(2);

/** Threefry-2x32, 20 rounds: encrypts (0, counter) with the key (k0, k1) into `block`. */
function threefry(k0: number, k1: number, counter: number): void {
  const k2 = k0 ^ k1 ^ 0x1bd11bda;
  let a = k0 | 0;
  let b = (counter + k1) | 0;
  for (let round = 0; round < 5; round++) {
    if ((round & 1) === 0) {
      a = (a + b) | 0;
      b = ((b << 13) | (b >>> 19)) ^ a;
      a = (a + b) | 0;
      b = ((b << 15) | (b >>> 17)) ^ a;
      a = (a + b) | 0;
      b = ((b << 26) | (b >>> 6)) ^ a;
      a = (a + b) | 0;
      b = ((b << 6) | (b >>> 26)) ^ a;
    } else {
      a = (a + b) | 0;
      b = ((b << 17) | (b >>> 15)) ^ a;
      a = (a + b) | 0;
      b = ((b << 29) | (b >>> 3)) ^ a;
      a = (a + b) | 0;
      b = ((b << 16) | (b >>> 16)) ^ a;
      a = (a + b) | 0;
      b = ((b << 24) | (b >>> 8)) ^ a;
    }
    // The key schedule adds (k1, k2), (k2, k0), (k0, k1), … and the number of the group.
    const phase = round % 3;
    a = (a + (phase === 0 ? k1 : phase === 1 ? k2 : k0)) | 0;
    b = (b + (phase === 0 ? k2 : phase === 1 ? k0 : k1) + round + 1) | 0;
  }
  block[0] = a;
  block[1] = b;
}

/** Draw `i` as 32 bits, signed. */
function draw32(k: Key, i: number): number {
  threefry(k.hi, k.lo, i);
  return block[0]! ^ block[1]!;
}

/** Draw `i` as a multiple of 2⁻⁵³ in [0, 1). */
function draw53(k: Key, i: number): number {
  threefry(k.hi, k.lo, i);
  return (block[0]! * 2 ** 21 + (block[1]! >>> 11)) * 2 ** -53;
}

function derive(k: Key, i: number): Key {
  threefry(k.hi, k.lo, i);
  return { hi: block[0]!, lo: block[1]! };
}

/**
 * The key of a seed, as `jax.random.key(seed)`.
 *
 * @param seed integer; its low 64 bits in two's complement are the key
 * @throws `E_CONFIG` if `seed` is not an integer, or a number beyond ±(2⁵³ − 1)
 * @example
 * const [initKey, batchKey] = split(key(0));
 */
export function key(seed: number | bigint): Key {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new LowlandError("E_CONFIG", `seed ${seed} is not an integer below 2^53; give a whole number`);
  }
  const word = BigInt.asUintN(64, BigInt(seed));
  return { hi: Number(word >> 32n), lo: Number(word & 0xffffffffn) };
}

/**
 * `count` new keys, statistically independent of each other and of what `k` draws elsewhere, as
 * `jax.random.split`.
 *
 * `split(k, n)[i]` is `foldIn(k, i)`: use one or the other on the same key, not both.
 */
export function split(k: Key, count?: 2): [Key, Key];
export function split(k: Key, count: 3): [Key, Key, Key];
export function split(k: Key, count: 4): [Key, Key, Key, Key];
export function split(k: Key, count: number): Key[];
export function split(k: Key, count = 2): Key[] {
  return Array.from({ length: count }, (_, i) => derive(k, i));
}

/**
 * The key for part `data` of what `k` stands for, such as step 17 of a run, as `jax.random.fold_in`.
 *
 * @param data integer in [0, 2³²)
 * @throws `E_CONFIG` if `data` is anything else
 */
export function foldIn(k: Key, data: number): Key {
  if (data >>> 0 !== data) {
    throw new LowlandError("E_CONFIG", `cannot fold ${data} into a key; give an integer in [0, 2^32)`);
  }
  return derive(k, data);
}

/** Sixteen hexadecimal digits, `hi` first. */
export function keyToString(k: Key): string {
  return k.hi.toString(16).padStart(8, "0") + k.lo.toString(16).padStart(8, "0");
}

/**
 * The key that `keyToString` wrote.
 *
 * @throws `E_CONFIG` if `text` is not sixteen hexadecimal digits
 */
export function keyFromString(text: string): Key {
  if (!/^[0-9a-f]{16}$/i.test(text)) {
    throw new LowlandError("E_CONFIG", `"${text}" is not a key; a key is 16 hexadecimal digits`);
  }
  return { hi: Number.parseInt(text.slice(0, 8), 16), lo: Number.parseInt(text.slice(8), 16) };
}

/** Fills `out` with uniform 32-bit words. */
export function bits(k: Key, out: Uint32Array): void {
  for (let i = 0; i < out.length; i++) out[i] = draw32(k, i);
}

/**
 * Fills `out` from U[min, max): min + (max − min)·u with u a multiple of 2⁻²³, the same u in both precisions.
 *
 * Rounding to float32 may reach `max` if |min| exceeds max − min.
 */
export function uniform(k: Key, out: Vector, options: { min?: number; max?: number } = {}): void {
  const { min = 0, max = 1 } = options;
  for (let i = 0; i < out.length; i++) out[i] = min + (max - min) * ((draw32(k, i) >>> 9) * 2 ** -23);
}

/**
 * Fills `out` from N(mean, stddev²): mean + stddev·Φ⁻¹(u) with u an odd multiple of 2⁻³³ in (0, 1), computed in
 * float64, so that float32 draws are the rounded float64 ones.
 */
export function normal(k: Key, out: Vector, options: { mean?: number; stddev?: number } = {}): void {
  const { mean = 0, stddev = 1 } = options;
  for (let i = 0; i < out.length; i++) {
    out[i] = mean + stddev * normalQuantile(((draw32(k, i) >>> 0) + 0.5) / TWO32);
  }
}

/**
 * Fills `out` with stddev·z, z standard normal conditioned on lower ≤ z ≤ upper, by inversion.
 *
 * The result has a standard deviation below `stddev`: 0.8796·stddev for the default ±2.
 *
 * @throws `E_CONFIG` unless −37 ≤ lower < upper ≤ 8, the range in which Φ is resolved
 */
export function truncatedNormal(
  k: Key,
  out: Vector,
  options: { stddev?: number; lower?: number; upper?: number } = {},
): void {
  const { stddev = 1, lower = -2, upper = 2 } = options;
  if (!(lower >= -37 && lower < upper && upper <= 8)) {
    throw new LowlandError(
      "E_CONFIG",
      `cannot truncate a normal to [${lower}, ${upper}]; bounds are standard deviations, -37 ≤ lower < upper ≤ 8`,
    );
  }
  const start = normalCdf(lower);
  const width = normalCdf(upper) - start;
  for (let i = 0; i < out.length; i++) {
    const z = normalQuantile(start + (width * ((draw32(k, i) >>> 0) + 0.5)) / TWO32);
    out[i] = stddev * Math.min(Math.max(z, lower), upper);
  }
}

/** Fills `out` with ±1, each with probability one half. */
export function rademacher(k: Key, out: Vector): void {
  for (let i = 0; i < out.length; i++) out[i] = draw32(k, i) < 0 ? -1 : 1;
}

/**
 * Fills `out` with integers of [0, bound), drawn with replacement: ⌊bound·u⌋ with u a multiple of 2⁻⁵³, so that
 * no value is likelier than another by more than bound·2⁻⁵³. Allocates nothing: this draws every minibatch.
 *
 * @throws `E_CONFIG` if `bound` is not an integer in [1, 2³¹]
 */
export function randomIntegers(k: Key, out: Int32Array | Uint32Array, bound: number): void {
  if (!(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 31)) {
    throw new LowlandError("E_CONFIG", `cannot draw integers below ${bound}; give a bound in [1, 2^31]`);
  }
  for (let i = 0; i < out.length; i++) out[i] = Math.floor(draw53(k, i) * bound);
}

/** A uniform permutation of 0 … n − 1 (Fisher–Yates). */
export function permutation(k: Key, n: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(draw53(k, i) * (i + 1));
    const moved = order[i]!;
    order[i] = order[j]!;
    order[j] = moved;
  }
  return order;
}
