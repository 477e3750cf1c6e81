import type { Arena } from "../kernels/memory.ts";

/** Lends vectors to the kernels of an arena: those outside their memory as copies, of which the changed come back. */
export function withKernelCopies(
  { kernels }: Arena,
  vectors: readonly Float32Array[],
  use: (inside: readonly Float32Array[]) => void,
): void {
  const outside = (vector: Float32Array): boolean => vector.buffer !== kernels.memory.buffer;
  if (!vectors.some(outside)) {
    use(vectors);
    return;
  }
  const arena = kernels.arena();
  try {
    const copies = vectors.map((vector) => {
      if (!outside(vector)) return vector;
      const copy = arena.float32(vector.length);
      copy.set(vector);
      return copy;
    });
    use(copies);
    vectors.forEach((vector, i) => {
      if (outside(vector)) vector.set(copies[i]!);
    });
  } finally {
    arena.close();
  }
}
