// Plain loops: the page works with planes, and has no kernels.

/** Two directions through a point, orthonormal. */
export interface Plane {
  readonly origin: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
}

/**
 * The plane that comes closest to all of `points`, seen from the first: principal directions of their differences. Missing
 * directions, where the points lie on a line or are one, are drawn.
 */
export function planeThrough(points: readonly Float32Array[]): Plane {
  const [origin] = points as [Float32Array];
  const differences = points.slice(1).map((point) => point.map((value, i) => value - origin[i]!));
  const found: Float32Array[] = [];
  const fallbacks = [0, 1].map((axis) =>
    Float32Array.from(origin, (_, i) => Math.sin((i + 1) * (axis + 1.7)) + (i === axis ? 2 : 0)),
  );
  for (let axis = 0; axis < 2; axis++) {
    for (const difference of differences) without(difference, found);
    const direction = principal(differences) ?? fallbacks[axis]!;
    without(direction, found);
    const length = Math.sqrt(dot(direction, direction)) || 1;
    for (let i = 0; i < direction.length; i++) direction[i] = direction[i]! / length;
    found.push(direction);
  }
  return { origin, first: found[0]!, second: found[1]! };
}

/** First principal direction of vectors, by power iteration on their products; undefined where all are about 0. */
function principal(vectors: readonly Float32Array[]): Float32Array | undefined {
  const products = vectors.map((a) => vectors.map((b) => dot(a, b)));
  const largest = Math.max(...products.map((row, i) => row[i]!), 0);
  if (!(largest > 1e-12)) return undefined;
  let weights = products.map((row) => row.reduce((sum, value) => sum + value, 0) || 1);
  for (let round = 0; round < 50; round++) {
    const next = products.map((row) => row.reduce((sum, value, j) => sum + value * weights[j]!, 0));
    const size = Math.hypot(...next) || 1;
    weights = next.map((value) => value / size);
  }
  const direction = new Float32Array(vectors[0]!.length);
  for (const [i, vector] of vectors.entries()) axpy(weights[i]!, vector, direction);
  return dot(direction, direction) > 0 ? direction : undefined;
}

/** Takes the parts along orthonormal directions away. */
function without(vector: Float32Array, directions: readonly Float32Array[]): void {
  for (const direction of directions) axpy(-dot(vector, direction), direction, vector);
}

/** Coordinates of a point in a plane. */
export function inPlane({ origin, first, second }: Plane, point: Float32Array): [number, number] {
  let [x, y] = [0, 0];
  for (let i = 0; i < point.length; i++) {
    const difference = point[i]! - origin[i]!;
    x += difference * first[i]!;
    y += difference * second[i]!;
  }
  return [x, y];
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** y ← y + factor·x. */
function axpy(factor: number, x: Float32Array, y: Float32Array): void {
  for (let i = 0; i < y.length; i++) y[i] = y[i]! + factor * x[i]!;
}
