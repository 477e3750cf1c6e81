import type { Arena } from "../../kernels/memory.ts";
import { addScaled } from "../../kernels/vector.ts";
import { foldIn, type Key, normal } from "../../random/key.ts";
import { type InnerProblem, openRollout, openSamples } from "../rollout.ts";
import { spread, type Trained } from "../trained.ts";
import type { Draw, InnerState } from "../types.ts";
import { takeUp } from "./windows.ts";

/** Stream of an inner training's key that the perturbations are drawn from: "pert" as a number. */
const PERTURBATIONS = 0x70657274;

/** What perturbations are drawn by. */
export interface PerturbationOptions {
  readonly sigma: number;
  /** The part of φ that is perturbed: all of it, where missing. */
  readonly trained?: Trained | undefined;
}

/** ε ~ N(0, σ²I), the `number`-th of an inner training; exactly 0 where φ is not trained. */
export function drawPerturbation(
  key: Key,
  number: number,
  { sigma, trained }: PerturbationOptions,
  epsilon: Float32Array,
): void {
  const own = foldIn(foldIn(key, PERTURBATIONS), number);
  normal(own, epsilon.subarray(0, trained?.size), { stddev: sigma });
  if (trained !== undefined) spread(trained, epsilon);
}

/** An antithetic pair: one inner training run with φ+ε and with φ−ε, on the same minibatches, step by step. */
export interface Pair {
  /** Inner steps done. */
  readonly step: number;
  /** Gradients of optimizees taken so far. */
  readonly gradients: number;
  /** Takes the pair up where it was saved (none: at its start) with a perturbation of φ. */
  takeUp(draw: Draw, saved: readonly InnerState[], metaParams: Float32Array, epsilon: Float32Array): void;
  /** One inner step of both; the mean of their plain losses before it. */
  advance(): number;
  /** The term of the meta-objective, or of imitation, at the points reached. */
  term(options: { imitating: boolean; final: boolean }): { plus: number; minus: number };
  save(): InnerState[];
}

/** Opens a pair; its memory is freed with the arena. */
export function openPair(problem: InnerProblem, arena: Arena): Pair {
  const samples = openSamples(problem);
  const phi = arena.float32(problem.learned.layout.size);
  const signs = ([1, -1] as const).map((sign) => ({
    sign,
    optimizer: problem.learned.open(arena),
    rollout: openRollout(problem, samples, arena),
  }));
  const [plus, minus] = signs as [(typeof signs)[0], (typeof signs)[0]];
  return {
    get step() {
      return plus.rollout.step;
    },
    get gradients() {
      return samples.gradients;
    },
    takeUp(draw, saved, metaParams, epsilon) {
      signs.forEach(({ sign, optimizer, rollout }, i) => {
        phi.set(metaParams);
        addScaled(phi, sign, epsilon, phi);
        optimizer.load(phi);
        takeUp(rollout, draw, saved[i], optimizer);
      });
    },
    advance() {
      // one minibatch is gathered for both
      const loss = plus.rollout.evaluate() + minus.rollout.evaluate();
      plus.rollout.advance(plus.optimizer);
      minus.rollout.advance(minus.optimizer);
      return loss / 2;
    },
    term({ imitating, final }) {
      const of = ({ rollout }: (typeof signs)[0]): number =>
        imitating ? rollout.imitationTerm() : rollout.term(undefined, { final });
      return { plus: of(plus), minus: of(minus) };
    },
    save: () => signs.map(({ rollout }) => rollout.save()),
  };
}
