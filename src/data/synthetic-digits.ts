import { bits as fillBits, foldIn, type Key, key, permutation, split, uniform } from "../random/key.ts";
import type { Dataset } from "./dataset.ts";
import { DIGIT_STROKES, type Stroke } from "./digit-strokes.ts";

const SIDE = 28;
const PIXELS = SIDE * SIDE;

/** How far the writing varies, tuned so that a linear classifier stays well below a small network. */
const STYLE = {
  unit: 0.2, // pixels per unit of the 100 × 100 box: digits are 20 pixels high, as MNIST's
  tilt: 0.13, // |t| of the rotation ((1−t²)/(1+t²), 2t/(1+t²)): ±15°
  shear: 0.3,
  width: [0.75, 1.15],
  height: [0.8, 1.1],
  shift: 2.75, // pixels
  jitter: 4.5, // units of the box, of every point of a stroke
  radius: [0.8, 1.6], // pixels, half the pen's width
  ink: [0.65, 1],
  distractor: 0.35, // chance of each of two stray strokes
  noise: 0.1, // largest background value
  salt: 0.004, // chance of a pixel of any value
} as const;

/** Straight pieces a curve between two points of a stroke is drawn as. */
const PIECES = 4;
/** Random numbers an image may use: two for each point of the longest digit, and the rest of its style. */
const DRAWS = 96;

const canvas = new Float64Array(PIXELS);
const draws = new Float64Array(DRAWS);
const noise = new Uint32Array(PIXELS / 2);
let used = 0;

function between(low: number, high: number): number {
  return low + (high - low) * draws[used++]!;
}

function around(extent: number): number {
  return between(-extent, extent);
}

/** Adds the segment (ax, ay)–(bx, by), drawn with a round pen, to the canvas: ink · clamp(radius + ½ − distance). */
function drawSegment(
  ax: number,
  ay: number,
  bx: number,
  by: number,
  { radius, ink }: { radius: number; ink: number },
): void {
  const reach = radius + 0.5;
  const dx = bx - ax;
  const dy = by - ay;
  const length2 = dx * dx + dy * dy;
  const left = Math.max(0, Math.ceil(Math.min(ax, bx) - reach));
  const right = Math.min(SIDE - 1, Math.floor(Math.max(ax, bx) + reach));
  const top = Math.max(0, Math.ceil(Math.min(ay, by) - reach));
  const bottom = Math.min(SIDE - 1, Math.floor(Math.max(ay, by) + reach));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const along = length2 > 0 ? ((x - ax) * dx + (y - ay) * dy) / length2 : 0;
      const t = Math.min(1, Math.max(0, along));
      const ex = x - ax - t * dx;
      const ey = y - ay - t * dy;
      const distance2 = ex * ex + ey * ey;
      if (distance2 >= reach * reach) continue;
      const value = ink * Math.min(1, reach - Math.sqrt(distance2));
      const at = y * SIDE + x;
      if (value > canvas[at]!) canvas[at] = value;
    }
  }
}

const xs = new Float64Array(32);
const ys = new Float64Array(32);

/** Draws the Catmull-Rom curve through the first `count` points of xs, ys. */
function drawCurve(count: number, pen: { radius: number; ink: number }): void {
  for (let i = 0; i + 1 < count; i++) {
    const x1 = xs[i]!;
    const y1 = ys[i]!;
    const x2 = xs[i + 1]!;
    const y2 = ys[i + 1]!;
    if (x1 === x2 && y1 === y2) continue;
    const before = Math.max(0, i - 1);
    const after = Math.min(count - 1, i + 2);
    // Tangents at both ends, as cubic Hermite coefficients.
    const mx1 = 0.5 * (x2 - xs[before]!);
    const my1 = 0.5 * (y2 - ys[before]!);
    const mx2 = 0.5 * (xs[after]! - x1);
    const my2 = 0.5 * (ys[after]! - y1);
    let px = x1;
    let py = y1;
    for (let piece = 1; piece <= PIECES; piece++) {
      const t = piece / PIECES;
      const s = 1 - t;
      const h1 = s * s * (1 + 2 * t);
      const h2 = t * t * (1 + 2 * s);
      const g1 = s * s * t;
      const g2 = -t * t * s;
      const qx = h1 * x1 + h2 * x2 + g1 * mx1 + g2 * mx2;
      const qy = h1 * y1 + h2 * y2 + g1 * my1 + g2 * my2;
      drawSegment(px, py, qx, qy, pen);
      px = qx;
      py = qy;
    }
  }
}

/** Writes one digit by the hand that `k` names into `out` (28 × 28). */
function drawDigit(k: Key, label: number, out: Uint8Array): void {
  const [styleKey, noiseKey] = split(k);
  uniform(styleKey, draws);
  used = 0;
  canvas.fill(0);

  const ways = DIGIT_STROKES[label]!;
  const strokes: readonly Stroke[] = ways[Math.floor(between(0, ways.length))]!;
  const t = around(STYLE.tilt);
  const cos = (1 - t * t) / (1 + t * t);
  const sin = (2 * t) / (1 + t * t);
  const shear = around(STYLE.shear);
  const width = STYLE.unit * between(...STYLE.width);
  const height = STYLE.unit * between(...STYLE.height);
  const centreX = (SIDE - 1) / 2 + around(STYLE.shift);
  const centreY = (SIDE - 1) / 2 + around(STYLE.shift);
  const pen = { radius: between(...STYLE.radius), ink: between(...STYLE.ink) };

  for (let stray = 0; stray < 2; stray++) {
    const present = between(0, 1) < STYLE.distractor;
    const x = between(0, SIDE);
    const y = between(0, SIDE);
    const endX = x + around(6);
    const endY = y + around(6);
    const ink = between(0.2, 0.7);
    if (present) drawSegment(x, y, endX, endY, { radius: 0.6, ink });
  }
  for (const stroke of strokes) {
    const count = stroke.length / 2;
    for (let i = 0; i < count; i++) {
      if (i > 0 && stroke[2 * i] === stroke[2 * i - 2] && stroke[2 * i + 1] === stroke[2 * i - 1]) {
        xs[i] = xs[i - 1]!;
        ys[i] = ys[i - 1]!;
        continue;
      }
      const y = height * (stroke[2 * i + 1]! - 50 + around(STYLE.jitter));
      const x = width * (stroke[2 * i]! - 50 + around(STYLE.jitter)) - shear * y;
      xs[i] = centreX + cos * x - sin * y;
      ys[i] = centreY + sin * x + cos * y;
    }
    drawCurve(count, pen);
  }

  // One 16-bit half of a word a pixel: its top 8 bits are the noise, all of it decides on salt.
  fillBits(noiseKey, noise);
  const saltBelow = STYLE.salt * 65536;
  for (let i = 0; i < PIXELS; i++) {
    const half = (noise[i >> 1]! >>> (16 * (i & 1))) & 0xffff;
    const background = (half / 65536) * STYLE.noise;
    const value = half < saltBelow ? half / saltBelow : Math.min(1, canvas[i]! + background);
    out[i] = Math.floor(255 * value + 0.5);
  }
}

function drawSet(k: Key, count: number): Dataset {
  const [orderKey, imageKey] = split(k);
  const images = new Uint8Array(count * PIXELS);
  // A shuffled 0 … count − 1 modulo 10: classes equally often, in no order.
  const labels = Uint8Array.from(permutation(orderKey, count), (position) => position % 10);
  for (let i = 0; i < count; i++) {
    drawDigit(foldIn(imageKey, i), labels[i]!, images.subarray(i * PIXELS, (i + 1) * PIXELS));
  }
  return {
    name: "synthetic-digits",
    images,
    labels,
    count,
    height: SIDE,
    width: SIDE,
    channels: 1,
    classes: 10,
  };
}

/**
 * Handwritten-looking digits, 28 × 28 × 1 in ten classes, drawn by this module: strokes of several writing styles
 * under random affine maps, with jittered points, pens of different width, stray strokes and noise. The same
 * arguments give the same bytes on every machine.
 *
 * @param options.train number of training images, 12,000 by default
 * @param options.test number of test images, 2,000 by default, drawn with keys of their own
 */
export function syntheticDigits(options: { train?: number; test?: number; seed?: number } = {}): {
  train: Dataset;
  test: Dataset;
} {
  const { train = 12_000, test = 2_000, seed = 0 } = options;
  const [trainKey, testKey] = split(key(seed));
  return { train: drawSet(trainKey, train), test: drawSet(testKey, test) };
}
