import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openArena } from "../kernels/module.ts";
import { layoutOf } from "../kernels/types.ts";
import { key, normal } from "../random/key.ts";
import { buildSpec } from "../spec.ts";
import { adam, adamw, lion, momentum, nesterov, rmsprop, sgd } from "./first-order.ts";
import { power } from "./reference.ts";
import { optimizers } from "./registry.ts";
import { soap } from "./soap.ts";
import type { Optimizer } from "./types.ts";

const STEPS = 7;

function draw(length: number, seed: number): Float32Array {
  const out = new Float32Array(length);
  normal(key(seed), out);
  return out;
}

/** The step of one coordinate: (w, gradient, steps taken before) → w. */
type Definition = () => (w: number, g: number, t: number) => number;

const eps = 1e-8;

function adamDefinition(decay: number): Definition {
  return () => {
    let m = 0;
    let v = 0;
    return (w, g, t) => {
      m = 0.8 * m + 0.2 * g;
      v = 0.9 * v + 0.1 * g * g;
      const step = m / (1 - 0.8 ** (t + 1)) / (Math.sqrt(v / (1 - 0.9 ** (t + 1))) + eps);
      return w * (1 - 0.05 * decay) - 0.05 * step;
    };
  };
}

/** Each update as its paper has it, in float64 and one coordinate at a time. */
const definitions: readonly [string, Optimizer, Definition][] = [
  ["sgd", sgd({ lr: 0.3 }), () => (w, g) => w - 0.3 * g],
  [
    "momentum",
    momentum({ lr: 0.1, momentum: 0.8 }),
    () => {
      let v = 0;
      return (w, g) => {
        v = 0.8 * v + g;
        return w - 0.1 * v;
      };
    },
  ],
  [
    "nesterov",
    nesterov({ lr: 0.1, momentum: 0.8 }),
    () => {
      let v = 0;
      return (w, g) => {
        v = 0.8 * v + g;
        return w - 0.1 * (g + 0.8 * v);
      };
    },
  ],
  [
    "rmsprop",
    rmsprop({ lr: 0.05, decay: 0.7 }),
    () => {
      let s = 0;
      return (w, g) => {
        s = 0.7 * s + 0.3 * g * g;
        return w - (0.05 * g) / (Math.sqrt(s) + eps);
      };
    },
  ],
  ["adam", adam({ lr: 0.05, b1: 0.8, b2: 0.9 }), adamDefinition(0)],
  ["adamw", adamw({ lr: 0.05, b1: 0.8, b2: 0.9, decay: 0.2 }), adamDefinition(0.2)],
  [
    "lion",
    lion({ lr: 0.05, b1: 0.7, b2: 0.8, decay: 0.2 }),
    () => {
      let m = 0;
      return (w, g) => {
        const direction = Math.sign(0.7 * m + 0.3 * g);
        m = 0.8 * m + 0.2 * g;
        return w - 0.05 * (direction + 0.2 * w);
      };
    },
  ],
];

describe.each(definitions)("%s", (_name, optimizer, definition) => {
  it("takes the steps of its definition, in float64 on plain vectors too", () => {
    const length = 9;
    const layout = layoutOf([{ name: "w", shape: [length] }]);
    const gradients = Array.from({ length: STEPS }, (_, t) => draw(length, t));
    const expected = Array.from(draw(length, 100), (start, i) => {
      const step = definition();
      let w = start;
      return gradients.map((gradient, t) => {
        w = step(w, gradient[i]!, t);
        return w;
      });
    });
    for (const kind of [Float32Array, Float64Array]) {
      const params = kind.from(draw(length, 100));
      // a state for float64 is the caller's own
      const fresh = optimizer.init(layout);
      const vectors = Object.fromEntries(Object.keys(fresh.vectors).map((name) => [name, new kind(length)]));
      const state = { ...fresh, vectors: vectors as Record<string, Float32Array> };
      gradients.forEach((gradient, t) => {
        optimizer.step(params, kind.from(gradient), state);
        for (let i = 0; i < length; i++) {
          // a few roundings a step; settings are rounded to float32 once
          const tolerance = kind === Float32Array ? 2e-6 : 1e-14;
          expect(Math.abs(params[i]! - expected[i]![t]!)).toBeLessThan(tolerance);
        }
      });
    }
  });

  it("gives the same bits in and out of kernel memory, for every tail and alignment", () => {
    const cases = fc.record({ length: fc.integer({ min: 1, max: 70 }), lead: fc.nat(3), seed: fc.nat() });
    fc.assert(
      fc.property(cases, ({ length, lead, seed }) => {
        const arena = openArena();
        const inKernels = (values: Float32Array): Float32Array => {
          const vector = arena
            .float32(lead + length + 4)
            .fill(7)
            .subarray(lead, lead + length);
          vector.set(values);
          return vector;
        };
        const layout = layoutOf([{ name: "w", shape: [length] }]);
        const inside = inKernels(draw(length, seed));
        const outside = draw(length, seed);
        const [first, second] = [optimizer.init(layout, { arena }), optimizer.init(layout, { arena })];
        for (let t = 0; t < 3; t++) {
          optimizer.step(inside, inKernels(draw(length, seed + t)), first);
          optimizer.step(outside, draw(length, seed + t), second);
        }
        expect(new Float32Array(inside)).toEqual(outside);
        for (const [name, vector] of Object.entries(first.vectors))
          expect(vector).toEqual(second.vectors[name]);
        const whole = new Float32Array(inside.buffer, inside.byteOffset - 4 * lead, lead + length + 4);
        expect(whole.filter((entry, i) => (i < lead || i >= lead + length) && entry !== 7)).toHaveLength(0);
        arena.close();
      }),
      { numRuns: 60 },
    );
  });

  it("keeps no subnormal number where a gradient has become 0, in and out of kernel memory", () => {
    const arena = openArena();
    const layout = layoutOf([{ name: "w", shape: [19] }]);
    const [inside, outside] = [arena.float32(19), new Float32Array(19)];
    const [first, second] = [optimizer.init(layout, { arena }), optimizer.init(layout, { arena })];
    const gradient = arena.float32(19);
    gradient.set(draw(19, 3));
    // a second moment that decays by 0.9 passes 2^-126 after 830 steps
    for (let t = 0; t < 1000; t++) {
      optimizer.step(inside, gradient, first);
      optimizer.step(outside, Float32Array.from(gradient), second);
      gradient.fill(0);
      for (const [name, vector] of Object.entries(first.vectors)) {
        expect(vector).toEqual(second.vectors[name]);
        expect(vector.filter((x) => x !== 0 && Math.abs(x) < 2 ** -126)).toHaveLength(0);
      }
    }
    for (const vector of Object.values(first.vectors)) expect(vector.every((x) => x === 0)).toBe(true);
    expect(new Float32Array(inside)).toEqual(outside);
    arena.close();
  });
});

describe("optimizers", () => {
  it("refuse settings out of their range in code as in a spec string", () => {
    expect(() => adam({ lr: -1 })).toThrow("lr of optimizer adam must be a number ≥ 0, not -1");
    expect(() => momentum({ momentum: Number.NaN })).toThrow("momentum of optimizer momentum");
    expect(() => soap({ frequency: 2.5 })).toThrow(
      "frequency of optimizer soap must be an integer ≥ 1, not 2.5",
    );
    expect(() => adamw({ learningRate: 1 } as object)).toThrow(
      'unknown setting of optimizer adamw "learningRate"',
    );
  });

  it("are built from spec strings with the defaults that are listed", () => {
    for (const [name, entry] of Object.entries(optimizers)) {
      const defaults = Object.entries(entry.parameters).map(([key, parameter]) => [key, parameter.default]);
      const built = buildSpec(name, "optimizer", optimizers);
      expect([built.name, built.settings]).toEqual([name, Object.fromEntries(defaults)]);
    }
    expect(buildSpec("adam:lr=0.01,b1=0.5", "optimizer", optimizers).settings).toMatchObject({
      lr: 0.01,
      b1: 0.5,
    });
  });

  it.each([
    ["admm", /did you mean "adam"/],
    ["adam:rl=1", /did you mean "lr"/],
    ["adam:lr=-1", /lr of optimizer adam must be/],
    ["momentum:momentum=2", /momentum of optimizer momentum must be/],
  ])("refuse the spec %s", (spec, message) => {
    expect(() => buildSpec(spec, "optimizer", optimizers)).toThrow(message);
  });

  it("raise to integer powers to float64 accuracy", () => {
    for (const base of [0.9, 0.999, 0.5]) {
      for (const exponent of [0, 1, 2, 17, 1000, 100_000]) {
        const expected = base ** exponent;
        expect(Math.abs(power(base, exponent) - expected)).toBeLessThanOrEqual(1e-12 * expected);
      }
    }
  });
});
