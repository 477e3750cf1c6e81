import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LinearMemory, type MemoryArena } from "./memory.ts";

const KIB = 1024;

/** What an arena can be asked for. */
const allocation = fc.record({
  kind: fc.constantFrom("float32", "int32", "uint8"),
  length: fc.oneof(fc.nat(200), fc.nat(12 * KIB)),
} as const);

const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("take" as const), arena: fc.nat(4), allocation }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const), arena: fc.nat(4) }) },
);

type Held = Float32Array | Int32Array | Uint8Array;

describe("LinearMemory", () => {
  it("hands out aligned, zeroed vectors that never overlap, whatever is freed in between", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const memory = new LinearMemory(512 * KIB);
        const arenas: (MemoryArena | undefined)[] = [];
        const held: Held[][] = [];
        for (const step of commands) {
          const arena = arenas[step.arena] ?? memory.arena();
          arenas[step.arena] = arena;
          held[step.arena] ??= [];
          if (step.do === "close") {
            arena.close();
            held[step.arena] = [];
            continue;
          }
          let vector: Held;
          try {
            vector = arena[step.allocation.kind](step.allocation.length);
          } catch (error) {
            expect(error).toMatchObject({ code: "E_MEMORY" });
            continue;
          }
          expect(vector.byteOffset % 64).toBe(0);
          expect(vector.every((entry) => entry === 0)).toBe(true);
          for (const other of held.flat()) {
            const apart =
              vector.byteOffset + vector.byteLength <= other.byteOffset ||
              other.byteOffset + other.byteLength <= vector.byteOffset;
            expect(apart).toBe(true);
          }
          // what the next owner of this memory must not see
          vector.fill(0x55);
          held[step.arena]!.push(vector);
        }
        const bytes = held.flat().reduce((sum, { byteLength }) => sum + byteLength, 0);
        expect(memory.usedBytes).toBeGreaterThanOrEqual(bytes);
        for (const arena of arenas) arena?.close();
        expect(memory.usedBytes).toBe(0);
        // no hole is left: all of it can be had at once, and is zero
        const all = memory.arena().uint8(512 * KIB - 1024);
        expect(all.some((entry) => entry !== 0)).toBe(false);
      }),
      { numRuns: 150 },
    );
  });

  it("clears a large vector where it was used before and where it was not", () => {
    const memory = new LinearMemory(1024 * KIB);
    const first = memory.arena();
    first.uint8(100 * KIB).fill(7);
    first.close();
    const second = memory.arena().uint8(300 * KIB);
    expect(second.some((entry) => entry !== 0)).toBe(false);
  });

  it("leaves the first bytes, where compiled kernels keep their constants, alone", () => {
    const memory = new LinearMemory(64 * KIB, 1024);
    expect(memory.arena().uint8(1).byteOffset).toBe(1024);
  });

  it("says how much is in use, and what to do, when it is full", () => {
    const memory = new LinearMemory(64 * KIB);
    memory.arena().float32(1000);
    expect(() => memory.arena().float32(100_000)).toThrow(
      expect.objectContaining({
        code: "E_MEMORY",
        message: expect.stringMatching(/400000 bytes wanted, 4032 of 65536 in use; set LOWLAND_MEMORY_MIB/),
      }),
    );
  });

  it("can be closed twice without freeing what another arena has been given since", () => {
    const memory = new LinearMemory(64 * KIB);
    const first = memory.arena();
    first.float32(100);
    first.close();
    const taken = memory.arena().float32(100);
    first.close();
    expect(memory.arena().float32(100).byteOffset).not.toBe(taken.byteOffset);
  });
});
