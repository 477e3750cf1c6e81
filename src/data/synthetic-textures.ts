import { bits as fillBits, foldIn, type Key, key, permutation, split, uniform } from "../random/key.ts";
import type { Dataset } from "./dataset.ts";

const SIDE = 32;
const CHANNELS = 3;
const VALUES = SIDE * SIDE * CHANNELS;

/** How far textures vary, tuned so that the small CNN needs some hundred steps and a linear classifier fails. */
const STYLE = {
  tilt: 0.2, // |t| of the rotation ((1−t²)/(1+t²), 2t/(1+t²)): ±23°
  period: [6, 9], // pixels
  stretch: [0.85, 1.18], // of one axis against the other
  contrast: [0.3, 0.6], // between dark and bright
  tint: [0.5, 1], // share of the contrast that each colour channel gets
  shade: 0.25, // largest change of brightness from one edge to the other
  noise: 0.2, // width of the uniform noise on every value
} as const;

/** Random numbers of an image: its style and a lattice of values. */
const STYLE_DRAWS = 24;
const LATTICE = 9;
const DRAWS = STYLE_DRAWS + LATTICE * LATTICE;

const draws = new Float64Array(DRAWS);
const lattice = draws.subarray(STYLE_DRAWS);
const noise = new Uint32Array(VALUES / 4);
let used = 0;

function between(low: number, high: number): number {
  return low + (high - low) * draws[used++]!;
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** 1 at whole numbers, 0 halfway between, linear. */
function wave(t: number): number {
  return Math.abs(2 * (t - Math.floor(t)) - 1);
}

/** A smooth step of width ¼ from 0 to 1 around t = 0. */
function edge(t: number): number {
  const s = clamp(4 * t + 0.5);
  return s * s * (3 - 2 * s);
}

/** Distance to the nearest whole number. */
function toWhole(t: number): number {
  return Math.abs(t - Math.floor(t + 0.5));
}

/** The lattice, interpolated smoothly; repeats after `LATTICE` units. */
function valueNoise(u: number, v: number): number {
  const i = Math.floor(u);
  const j = Math.floor(v);
  const s = u - i;
  const t = v - j;
  const a = s * s * (3 - 2 * s);
  const b = t * t * (3 - 2 * t);
  const at = (x: number, y: number): number => {
    const column = ((x % LATTICE) + LATTICE) % LATTICE;
    const row = ((y % LATTICE) + LATTICE) % LATTICE;
    return lattice[row * LATTICE + column]!;
  };
  const top = at(i, j) + a * (at(i + 1, j) - at(i, j));
  const bottom = at(i, j + 1) + a * (at(i + 1, j + 1) - at(i, j + 1));
  return top + b * (bottom - top);
}

/** The ten classes: brightness in [0, 1] at a point given in periods. */
const TEXTURES: readonly ((u: number, v: number) => number)[] = [
  // stripes
  (u) => wave(u),
  // zigzag
  (u, v) => wave(u + 0.8 * wave(0.7 * v)),
  // checks
  (u, v) => edge(4 * (wave(0.7 * u) - 0.5) * (wave(0.7 * v) - 0.5)),
  // rings around the middle of every cell of three periods
  (u, v) => {
    const x = u - 3 * Math.floor(u / 3 + 0.5);
    const y = v - 3 * Math.floor(v / 3 + 0.5);
    return wave(Math.sqrt(x * x + y * y));
  },
  // dots
  (u, v) => {
    const x = toWhole(u);
    const y = toWhole(v);
    return edge(0.32 - Math.sqrt(x * x + y * y));
  },
  // a grid of thin lines
  (u, v) => edge(0.13 - Math.min(toWhole(0.8 * u), toWhole(0.8 * v))),
  // bricks
  (u, v) => {
    const row = Math.floor(v);
    const joint = 0.5 * (row - 2 * Math.floor(row / 2));
    return edge(Math.min(toWhole(v), 2 * toWhole(0.5 * u + joint)) - 0.13);
  },
  // blobs
  (u, v) => edge(1.5 * (valueNoise(1.2 * u, 1.2 * v) - 0.5)),
  // marble: stripes bent by noise
  (u, v) => wave(0.8 * u + 2.2 * valueNoise(0.7 * u + 3, 0.7 * v)),
  // scales: half circles, every other row shifted
  (u, v) => {
    const row = Math.floor(v);
    const x = toWhole(u + 0.5 * (row - 2 * Math.floor(row / 2)));
    const y = v - row;
    return clamp(1.6 * Math.sqrt(x * x + 0.5 * y * y));
  },
];

/** Draws one image (32 × 32 × 3) of class `label` in the style that `k` names. */
function drawTexture(k: Key, label: number, out: Uint8Array): void {
  const [styleKey, noiseKey] = split(k);
  uniform(styleKey, draws);
  fillBits(noiseKey, noise);
  used = 0;
  const texture = TEXTURES[label]!;

  const t = between(-STYLE.tilt, STYLE.tilt);
  const cos = (1 - t * t) / (1 + t * t);
  const sin = (2 * t) / (1 + t * t);
  const frequency = 1 / between(...STYLE.period);
  const stretch = between(...STYLE.stretch);
  const [shiftU, shiftV] = [between(0, 6), between(0, 6)];

  const contrast = between(...STYLE.contrast);
  const colours = [0, 1, 2].map(() => {
    const step = contrast * between(...STYLE.tint);
    return { low: between(0, 1 - step), step };
  });
  const [shadeX, shadeY] = [between(-STYLE.shade, STYLE.shade), between(-STYLE.shade, STYLE.shade)];

  let at = 0;
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const u = frequency * (cos * x - sin * y) + shiftU;
      const v = frequency * stretch * (sin * x + cos * y) + shiftV;
      const value = texture(u, v);
      const light = 1 + shadeX * (x / SIDE - 0.5) + shadeY * (y / SIDE - 0.5);
      for (const { low, step } of colours) {
        const byte = (noise[at >> 2]! >>> (8 * (at & 3))) & 0xff;
        const shown = light * (low + step * value) + STYLE.noise * (byte / 255 - 0.5);
        out[at++] = Math.floor(255 * clamp(shown) + 0.5);
      }
    }
  }
}

function drawSet(k: Key, count: number): Dataset {
  const [orderKey, imageKey] = split(k);
  const images = new Uint8Array(count * VALUES);
  // A shuffled 0 … count − 1 modulo 10: classes equally often, in no order.
  const labels = Uint8Array.from(permutation(orderKey, count), (position) => position % 10);
  for (let i = 0; i < count; i++) {
    drawTexture(foldIn(imageKey, i), labels[i]!, images.subarray(i * VALUES, (i + 1) * VALUES));
  }
  return {
    name: "synthetic-textures",
    images,
    labels,
    count,
    height: SIDE,
    width: SIDE,
    channels: CHANNELS,
    classes: 10,
  };
}

/**
 * Textures, 32 × 32 × 3 in ten classes, drawn by this module: stripes, zigzag, checks, rings, dots, grid, bricks,
 * blobs, marble and scales, tilted, of any size, place and pair of colours, with shading and noise. The same arguments
 * give the same bytes on every machine.
 *
 * @param options.train number of training images, 6,000 by default
 * @param options.test number of test images, 1,000 by default, drawn with keys of their own
 */
export function syntheticTextures(options: { train?: number; test?: number; seed?: number } = {}): {
  train: Dataset;
  test: Dataset;
} {
  const { train = 6_000, test = 1_000, seed = 0 } = options;
  const [trainKey, testKey] = split(key(seed));
  return { train: drawSet(trainKey, train), test: drawSet(testKey, test) };
}
