import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LowlandError } from "../errors.ts";
import { decodeSafetensors, encodeSafetensors, type Tensor, type TensorData } from "./safetensors.ts";

const source = "step-000100.safetensors";
const golden = new Uint8Array(
  readFileSync(new URL("../../test/golden/safetensors/golden.safetensors", import.meta.url)),
);

/** The tensors `test/golden/safetensors/oracle.py` hands to the reference library. */
const goldenTensors: Record<string, Tensor> = {
  "lstm.0.w_gates": {
    shape: [2, 3],
    data: new Float32Array([1, -2.5, 0.1, 3e-8, -0, Number.POSITIVE_INFINITY]),
  },
  "linear.w": { shape: [3], data: new Float32Array([0.25, 0.5, 0.75]) },
  moments: { shape: [2, 1], data: new Float64Array([0.1, -1e300]) },
  "outer.step": { shape: [], data: new Int32Array([-7]) },
  counts: { shape: [2], data: new Uint32Array([0, 4294967295]) },
  mask: { shape: [3], data: new Uint8Array([0, 1, 255]) },
  empty: { shape: [0, 4], data: new Float32Array(0) },
};

function file(header: unknown, dataBytes = 0): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function refusal(bytes: Uint8Array): string {
  try {
    decodeSafetensors(bytes, { source });
  } catch (error) {
    expect(error).toBeInstanceOf(LowlandError);
    const { code, message } = error as LowlandError;
    expect(code).toBe("E_CHECKPOINT");
    expect(message).toMatch(/^step-000100\.safetensors is not a usable safetensors file: .+; .+$/);
    return message;
  }
  throw new Error("expected a refusal");
}

const data: fc.Arbitrary<TensorData> = fc.oneof(
  fc.float32Array({ maxLength: 12 }),
  fc.float64Array({ maxLength: 12 }),
  fc.int32Array({ maxLength: 12 }),
  fc.uint32Array({ maxLength: 12 }),
  fc.uint8Array({ maxLength: 12 }),
);
const tensor: fc.Arbitrary<Tensor> = fc.oneof(
  data.map((values) => ({ shape: [values.length], data: values })),
  data.map((values) => ({ shape: [1, values.length, 1], data: values })),
  fc.float().map((value) => ({ shape: [], data: new Float32Array([value]) })),
);
const name = fc.string({ unit: "binary" }).filter((text) => text !== "__metadata__" && text !== "__proto__");
const tensors = fc.dictionary(name, tensor, { maxKeys: 6 });
const metadata = fc.dictionary(name, fc.string({ unit: "binary" }), { maxKeys: 3 });

function bitsOf(values: TensorData): number[] {
  return [...new Uint8Array(values.buffer, values.byteOffset, values.byteLength)];
}

describe("encodeSafetensors", () => {
  it("is undone by decodeSafetensors to the bit", () => {
    fc.assert(
      fc.property(tensors, metadata, (given, notes) => {
        const bytes = encodeSafetensors(given, notes);
        const decoded = decodeSafetensors(bytes, { source });
        expect({ ...decoded.metadata }).toEqual({ ...notes });
        expect(decoded.tensors.size).toBe(Object.keys(given).length);
        for (const [key, { shape, data: values }] of Object.entries(given)) {
          const read = decoded.tensors.get(key)!;
          expect(read.shape).toEqual(shape);
          expect(read.data.constructor).toBe(values.constructor);
          expect(bitsOf(read.data)).toEqual(bitsOf(values));
        }
        expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0);
      }),
    );
  });

  it("gives the same bytes in whatever order names are listed", () => {
    const reversed = Object.fromEntries(Object.entries(goldenTensors).reverse());
    const once = encodeSafetensors(goldenTensors, { a: "1", b: "2" });
    expect(encodeSafetensors(reversed, { b: "2", a: "1" })).toEqual(once);
  });

  it("writes the very bytes of the reference library", () => {
    expect(encodeSafetensors(goldenTensors, { config: '{"hidden":20} – ü' })).toEqual(golden);
  });

  it("refuses a shape that does not hold its data, and the reserved name", () => {
    const pair = new Float32Array(2);
    expect(() => encodeSafetensors({ w: { shape: [3], data: pair } })).toThrow(
      /"w" has shape \[3\] and 2 elements/,
    );
    expect(() => encodeSafetensors({ w: { shape: [-1, -2], data: pair } })).toThrow(LowlandError);
    expect(() => encodeSafetensors({ __metadata__: { shape: [2], data: pair } })).toThrow(/rename/);
  });
});

describe("decodeSafetensors", () => {
  it("reads a file of the reference library", () => {
    const decoded = decodeSafetensors(golden, { source });
    expect(decoded.metadata).toEqual({ config: '{"hidden":20} – ü' });
    expect([...decoded.tensors.keys()].sort()).toEqual(Object.keys(goldenTensors).sort());
    for (const [key, expected] of Object.entries(goldenTensors)) {
      expect(decoded.tensors.get(key)).toMatchObject({ shape: expected.shape, data: expected.data });
    }
  });

  it("reads from bytes at any offset of a buffer", () => {
    const shifted = new Uint8Array(golden.length + 3).subarray(3);
    shifted.set(golden);
    expect(decodeSafetensors(shifted, { source })).toEqual(decodeSafetensors(golden, { source }));
  });

  it("reads a Node Buffer, whose slice() shares memory, as it reads plain bytes", () => {
    const decoded = decodeSafetensors(Buffer.from(golden), { source });
    for (const [key, expected] of Object.entries(goldenTensors)) {
      expect(decoded.tensors.get(key)).toMatchObject({ shape: expected.shape, data: expected.data });
    }
  });

  it("refuses every truncation", () => {
    for (let length = 0; length < golden.length; length++) refusal(golden.subarray(0, length));
  });

  it("survives any damage to the header with a LowlandError or a consistent result", () => {
    const headerEnd = 8 + new DataView(golden.buffer, golden.byteOffset).getUint32(0, true);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(headerEnd - 1), fc.nat(7)), { minLength: 1, maxLength: 4 }),
        (flips) => {
          const damaged = golden.slice();
          for (const [at, bit] of flips) damaged[at] = damaged[at]! ^ (1 << bit);
          try {
            for (const { shape, data: values } of decodeSafetensors(damaged, { source }).tensors.values()) {
              expect(shape.reduce((total, size) => total * size, 1)).toBe(values.length);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(LowlandError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  const w = { dtype: "F32", shape: [1], data_offsets: [0, 4] };
  it.each<[string, Uint8Array, RegExp]>([
    [
      "a header length beyond any file",
      new Uint8Array(8).fill(255),
      /header length 18446744073709551615 exceeds/,
    ],
    ["a header that is not JSON", file("{nonsense}"), /not valid JSON/],
    ["a header that is not UTF-8", file("{}").fill(0xff, 8), /not valid JSON/],
    ["a header that is no object", file([1]), /not a JSON object/],
    ["trailing bytes", file({ w }, 6), /2 more bytes follow/],
    ["missing data", file({ w }, 3), /truncated: tensors need 4 bytes, 3 are there/],
    [
      "an unknown dtype",
      file({ w: { ...w, dtype: "BF16" } }, 4),
      /dtype "BF16"; convert it to one of F64, F32/,
    ],
    ["an inherited dtype", file({ w: { ...w, dtype: "toString" } }, 4), /dtype "toString"/],
    ["a shape that needs other bytes", file({ w: { ...w, shape: [2] } }, 4), /needs 8 bytes, has 4/],
    [
      "a shape beyond any memory",
      file({ w: { ...w, shape: [2 ** 40, 2 ** 40] } }, 4),
      /needs .* bytes, has 4/,
    ],
    ["a negative size", file({ w: { ...w, shape: [-1, -1] } }, 4), /not a list of sizes/],
    ["offsets that run backwards", file({ w: { ...w, data_offsets: [4, 0] } }, 4), /not \[begin, end\]/],
    ["offsets that are no pair", file({ w: { ...w, data_offsets: [0] } }, 4), /not \[begin, end\]/],
    ["a field it does not know", file({ w: { ...w, strides: [1] } }, 4), /unknown field "strides"/],
    ["an entry that is no object", file({ w: 3 }), /not described by an object/],
    ["overlapping tensors", file({ v: w, w }, 4), /overlaps/],
    ["a gap between tensors", file({ v: w, w: { ...w, data_offsets: [8, 12] } }, 12), /gap/],
    ["a gap before the first", file({ w: { ...w, data_offsets: [4, 8] } }, 8), /gap/],
    [
      "a repeated name",
      file(`{"w":${JSON.stringify(w)}, "\\u0077" : ${JSON.stringify(w)}}`, 4),
      /names "w" twice/,
    ],
    ["metadata that are no strings", file({ __metadata__: { a: 1 } }), /metadata "a" is not a string/],
    ["metadata that are no object", file({ __metadata__: [] }), /metadata is not an object/],
  ])("refuses %s", (_what, bytes, expected) => {
    expect(refusal(bytes)).toMatch(expected);
  });

  it("takes a key inside a string for no key", () => {
    const notes = { a: '"w": {"w": 1, "w": 2}', b: "[{" };
    expect(decodeSafetensors(file({ __metadata__: notes, w }, 4), { source }).metadata).toEqual(notes);
  });
});
