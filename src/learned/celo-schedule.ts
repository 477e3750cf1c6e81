import type { Layout } from "../kernels/types.ts";
import { power } from "../optimizers/reference.ts";
import type { Schedule } from "./tensorwise.ts";

const UNITS = 64;
const SCALES = 10;
/** Where in the training the features of its fraction bend. */
const FRACTIONS = [0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1, 1.1] as const;
const INPUTS = FRACTIONS.length + SCALES - 1;

/** Slots of φ that the schedule has. */
export const scheduleSlots: readonly {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind?: "bias";
}[] = [
  { name: "schedule.hidden", shape: [UNITS] },
  { name: "schedule.cell", shape: [UNITS] },
  ...layer("skip", INPUTS, UNITS),
  ...layer("relu", INPUTS, UNITS),
  ...layer("lstm", 2 * UNITS, 4 * UNITS),
  ...layer("rate", UNITS, 1),
];

function layer(name: string, inputs: number, outputs: number): (typeof scheduleSlots)[number][] {
  return [
    { name: `schedule.${name}.w`, shape: [inputs, outputs] },
    { name: `schedule.${name}.b`, shape: [outputs], kind: "bias" as const },
  ];
}

/**
 * Celo's schedule: what a step is multiplied by, from the losses so far and the fraction of the training that is over.
 *
 * Means of the loss over ten time scales, log-spaced from 10 steps to the horizon T: μ ← βμ + (1−β)ℓ, β = e^{−1/H}, with
 * their minima; a loss counts at most twice the largest mean. x = [tanh(10(t/T − τ)), clip((μ̂ᵢ − minᵢ)/(μ̂ᵢ₊₁ − minᵢ) − 1, ±1)];
 * x ← x·W₂ + b₂ + max(0, x·W₁ + b₁); an LSTM of 64 units, gates i, g, f, o, one added to f; λ = 0.1·exp(h·w + b).
 */
export function celoSchedule({ slots }: Layout): Schedule {
  const of = (name: string): number => slots.find((slot) => slot.name === `schedule.${name}`)!.offset;
  const [hidden, cell] = [of("hidden"), of("cell")];
  const first = hidden;
  const size = slots.reduce((end, slot) => Math.max(end, slot.offset + slot.size), 0) - first;

  return {
    vector: "schedule",
    size: 2 * UNITS + 2 * SCALES,
    open(arena) {
      const { calls } = arena.kernels;
      const weights = arena.float32(size);
      const inputs = arena.float32(INPUTS);
      const [relu, skip] = [arena.float32(UNITS), arena.float32(UNITS)];
      const joined = arena.float32(2 * UNITS);
      const gates = arena.float32(4 * UNITS);
      const tanhCell = arena.float32(UNITS);
      const rate = arena.float32(1);
      let known: number | undefined;
      let decays: readonly number[] = [];
      /** y ← x·W + b. */
      const linear = (name: string, x: Float32Array, y: Float32Array): void => {
        const bias = of(`${name}.b`) - first;
        y.set(weights.subarray(bias, bias + y.length));
        const w = weights.byteOffset + 4 * (of(`${name}.w`) - first);
        calls.gemmLanes(1, y.length, x.length, x.byteOffset, 0, 1, w, y.length, y.byteOffset, y.length, true);
      };
      return {
        load: (metaParams) => weights.set(metaParams.subarray(first, first + size)),
        rate({ step, horizon, vectors }, loss) {
          const own = vectors.schedule!;
          if (horizon !== known) {
            decays = Array.from({ length: SCALES }, (_, i) => decayOver(10 * root(horizon! / 10, i)));
            known = horizon;
          }
          const h = own.subarray(0, UNITS);
          const c = own.subarray(UNITS, 2 * UNITS);
          const means = own.subarray(2 * UNITS, 2 * UNITS + SCALES);
          const minima = own.subarray(2 * UNITS + SCALES);
          if (step === 0) {
            h.set(weights.subarray(0, UNITS));
            c.set(weights.subarray(cell - first, cell - first + UNITS));
            minima.fill(999999999999);
          }
          FRACTIONS.forEach((at, i) => {
            inputs[i] = 10 * (step / horizon! - at);
          });
          calls.tanh(inputs.byteOffset, inputs.byteOffset, FRACTIONS.length);
          inputs.set(lossFeatures(loss, step, decays, means, minima), FRACTIONS.length);

          linear("relu", inputs, relu);
          linear("skip", inputs, skip);
          for (let u = 0; u < UNITS; u++) joined[u] = skip[u]! + Math.max(0, relu[u]!);
          joined.set(h, UNITS);
          linear("lstm", joined, gates);
          const [i, g, f, o] = [0, 1, 2, 3].map((gate) => gates.subarray(gate * UNITS, (gate + 1) * UNITS));
          for (let u = 0; u < UNITS; u++) f![u] = f![u]! + 1;
          for (const gate of [i!, f!, o!]) calls.sigmoid(gate.byteOffset, gate.byteOffset, UNITS);
          calls.tanh(g!.byteOffset, g!.byteOffset, UNITS);
          for (let u = 0; u < UNITS; u++) {
            c[u] = f![u]! * c[u]! + i![u]! * g![u]!;
            tanhCell[u] = c[u]!;
          }
          calls.tanh(tanhCell.byteOffset, tanhCell.byteOffset, UNITS);
          for (let u = 0; u < UNITS; u++) h[u] = o![u]! * tanhCell[u]!;
          joined.set(h);
          linear("rate", joined.subarray(0, UNITS), rate);
          calls.exp(rate.byteOffset, rate.byteOffset, 1);
          return 0.1 * rate[0]!;
        },
      };
    },
  };
}

/** Moves means and minima of the loss on; how far above its least each mean is, beside the next slower one. */
function lossFeatures(
  loss: number,
  step: number,
  decays: readonly number[],
  means: Float32Array,
  minima: Float32Array,
): number[] {
  const rests = decays.map((decay) => 1 - power(decay, step + 1));
  const corrected = (): number[] => rests.map((rest, i) => means[i]! / rest);
  const top = step === 0 ? loss : Math.max(...corrected());
  const seen = Math.min(2 * Math.abs(top), loss);
  for (const [i, decay] of decays.entries()) means[i] = means[i]! * decay + seen * (1 - decay);
  const now = corrected();
  for (const [i, mean] of now.entries()) minima[i] = Math.min(minima[i]!, mean);
  return now.slice(0, -1).map((mean, i) => {
    if (step < 2) return 0;
    const range = Math.max(1e-8, now[i + 1]! - minima[i]!);
    return Math.min(1, Math.max(-1, (mean - minima[i]!) / range - 1));
  });
}

// Math.exp and ** differ between engines in their last bits: a run would not have the same bits everywhere

/** x^(i/9), by Newton's method on y⁹ = x. */
function root(x: number, i: number): number {
  let y = x < 1 ? 1 : x;
  // from above it falls by a ninth at a time until it is close
  for (let k = 0; k < 200; k++) y = (8 * y + x / power(y, 8)) / 9;
  return power(y, i);
}

/** e^{−1/scale}, by its series. */
function decayOver(scale: number): number {
  const x = -1 / scale;
  let term = 1;
  let sum = 1;
  for (let k = 1; k < 16; k++) {
    term *= x / k;
    sum += term;
  }
  return sum;
}
