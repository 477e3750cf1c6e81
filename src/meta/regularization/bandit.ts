import { type Key, uniform } from "../../random/key.ts";
import { type Settings, settle } from "../../spec.ts";
import type { Regularization, RegularizationState } from "./types.ts";

export const banditParameters = {
  explore: {
    default: 0.2,
    exclusiveMin: 0,
    max: 1,
    description: "share of draws that every arm has alike",
  },
  rate: { default: 0.5, exclusiveMin: 0, description: "how fast a reward changes the odds" },
} as const;

interface BanditState extends RegularizationState {
  readonly arm: number;
  /** Sums of rewards over their probabilities. */
  readonly scores: readonly number[];
  /** Loss of the last meta-validation. */
  readonly last: number | null;
}

/**
 * One of several regularizers, drawn anew after every meta-validation by a bandit whose reward is what that improved.
 *
 * p = (1 − γ)·softmax(rate·s) + γ/K; reward r = ½ + ½·clip((L_before − L_after)/L_before, −1, 1) of the arm that was in
 * force between two meta-validations, s_arm ← s_arm + r/p_arm.
 *
 * @see Auer et al., "The Nonstochastic Multiarmed Bandit Problem", 2002 (Exp3)
 */
export function bandit(options: Partial<Settings<typeof banditParameters>> = {}): Regularization {
  const settings = settle("regularization bandit", banditParameters, options);
  const { explore, rate } = settings;
  const chances = (scores: readonly number[]): number[] => {
    const top = Math.max(...scores);
    const odds = scores.map((score) => Math.exp(rate * (score - top)));
    const sum = odds.reduce((total, odd) => total + odd, 0);
    return odds.map((odd) => ((1 - explore) * odd) / sum + explore / scores.length);
  };
  const draw = (scores: readonly number[], key: Key): number => {
    const [drawn] = uniformOf(key);
    let sum = 0;
    return Math.max(
      0,
      chances(scores).findIndex((chance) => {
        sum += chance;
        return drawn! < sum;
      }),
    );
  };
  return {
    name: "bandit",
    settings,
    changes: [],
    chooses: true,
    initial(arms, key) {
      const scores = Array.from({ length: arms }, () => 0);
      return { arm: draw(scores, key), scores, last: null };
    },
    inForce: (state) => ({ arm: (state as BanditState).arm, settings: {} }),
    next(state, { validation, key }) {
      if (validation === undefined || !Number.isFinite(validation)) return state;
      const { arm, scores, last } = state as BanditState;
      if (last === null) return { arm, scores, last: validation };
      const gain = Math.min(1, Math.max(-1, (last - validation) / Math.abs(last || 1)));
      const chance = chances(scores)[arm]!;
      const after = scores.map((score, i) => (i === arm ? score + (0.5 + 0.5 * gain) / chance : score));
      return { arm: draw(after, key), scores: after, last: validation };
    },
    numbers: (state) => ({ arm: (state as BanditState).arm }),
  };
}

function uniformOf(key: Key): Float64Array {
  const out = new Float64Array(1);
  uniform(key, out);
  return out;
}
