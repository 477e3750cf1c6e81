import {
  type Dataset,
  foldIn,
  type Key,
  key,
  normal,
  resized,
  syntheticDigits,
  uniform,
} from "../../../src/core.ts";

/** What the playground can train on. `surface` is no data: two parameters are the point itself. */
export const DATA = [
  "moons",
  "circles",
  "spirals",
  "checkers",
  "blobs",
  "digits8",
  "digits28",
  "surface",
] as const;
/** Those with points in the plane. */
export const TOYS = ["moons", "circles", "spirals", "checkers", "blobs"] as const;
export type DataName = (typeof DATA)[number];

/** Training and test examples, as the library takes them: bytes. */
export interface Data {
  readonly train: Dataset;
  readonly test: Dataset;
}

/** Points of a toy are pixels of an image of one pixel with two channels, x and y in [0, 1]. */
const TOY = { train: 400, test: 200 } as const;
/** Few enough to be drawn in a moment and evaluated often. */
const DIGITS = { train: 2500, test: 500 } as const;
/** Toys are the same points whatever the seed of a training is. */
const DATA_SEED = 1;

/** x, y of a point in about [−1, 1]², and its class. */
type Point = readonly [x: number, y: number, label: number];

/** A point from two uniform and two normal numbers: `u` along the shape, `n` across it. */
type Toy = (label: number, u: Float32Array, n: Float32Array) => Point;

const toys: Readonly<Record<string, { readonly classes: number; readonly point: Toy }>> = {
  moons: {
    classes: 2,
    point(label, u, n) {
      const angle = Math.PI * u[0]!;
      const [x, y] =
        label === 0
          ? [Math.cos(angle) - 0.5, Math.sin(angle) - 0.25]
          : [0.5 - Math.cos(angle), 0.25 - Math.sin(angle)];
      return [0.55 * x + 0.07 * n[0]!, 0.8 * y + 0.07 * n[1]!, label];
    },
  },
  circles: {
    classes: 2,
    point(label, u, n) {
      const [angle, radius] = [2 * Math.PI * u[0]!, (label === 0 ? 0.32 : 0.78) + 0.07 * n[0]!];
      return [radius * Math.cos(angle), radius * Math.sin(angle), label];
    },
  },
  spirals: {
    classes: 2,
    point(label, u, n) {
      const along = Math.sqrt(u[0]!);
      const angle = 3.4 * Math.PI * along + Math.PI * label;
      return [
        0.85 * along * Math.cos(angle) + 0.02 * n[0]!,
        0.85 * along * Math.sin(angle) + 0.02 * n[1]!,
        label,
      ];
    },
  },
  checkers: {
    classes: 2,
    point(label, u) {
      const cell = Math.floor(8 * u[0]!);
      const [row, column] = [cell >> 1, 2 * (cell & 1) + (((cell >> 1) + label) & 1)];
      const inside = (8 * u[0]!) % 1;
      return [(column + 0.08 + 0.84 * inside - 2) / 2.2, (row + 0.08 + 0.84 * u[1]! - 2) / 2.2, label];
    },
  },
  blobs: {
    classes: 3,
    point(label, _u, n) {
      const angle = (2 * Math.PI * label) / 3 + 0.5;
      return [0.48 * Math.cos(angle) + 0.2 * n[0]!, 0.48 * Math.sin(angle) + 0.2 * n[1]!, label];
    },
  },
};

/** Draws a toy's points. */
export function toyData(name: string, drawKey: Key = key(DATA_SEED)): Data {
  const { classes, point } = toys[name]!;
  const draw = (setKey: Key, count: number): Dataset => {
    const images = new Uint8Array(2 * count);
    const labels = new Uint8Array(count);
    const [u, n] = [new Float32Array(2), new Float32Array(2)];
    for (let i = 0; i < count; i++) {
      uniform(foldIn(setKey, 2 * i), u);
      normal(foldIn(setKey, 2 * i + 1), n);
      const [x, y, label] = point(i % classes, u, n);
      images[2 * i] = byteOf(x);
      images[2 * i + 1] = byteOf(y);
      labels[i] = label;
    }
    return { name, images, labels, count, height: 1, width: 1, channels: 2, classes };
  };
  return { train: draw(foldIn(drawKey, 0), TOY.train), test: draw(foldIn(drawKey, 1), TOY.test) };
}

/** [−1, 1] as a byte. */
function byteOf(x: number): number {
  return Math.max(0, Math.min(255, Math.round(127.5 * (x + 1))));
}

/** The examples of a choice; undefined for `surface`. */
export function dataOf(name: DataName): Data | undefined {
  if (name === "surface") return undefined;
  if (!name.startsWith("digits")) return toyData(name);
  const { train, test } = syntheticDigits(DIGITS);
  if (name === "digits28") return { train, test };
  return { train: resized(train, 8), test: resized(test, 8) };
}

/** Whether a choice has points in the plane. */
export function isToy(name: DataName): boolean {
  return Object.hasOwn(toys, name);
}
