import { LowlandError } from "../../errors.ts";
import { foldIn } from "../../random/key.ts";
import { noRegularizer } from "../../regularizers/registry.ts";
import type { Regularizer } from "../../regularizers/types.ts";
import { type Observer, weighted } from "../../regularizers/weighted.ts";
import { buildSpec, type SpecRegistry, specEntry } from "../../spec.ts";
import { bandit, banditParameters } from "./bandit.ts";
import { dual, dualParameters } from "./dual.ts";
import { scheduled, scheduleParameters } from "./schedule.ts";
import type { InForce, Regularization, RegularizationState } from "./types.ts";

/** Every rule by which a regularizer may change while meta-training goes on. */
export const regularizations: SpecRegistry<Regularization> = {
  schedule: specEntry({
    description: "a setting of the regularizer follows outer steps, inner steps or the length of updates",
    parameters: scheduleParameters,
    create: scheduled,
  }),
  dual: specEntry({
    description: "sharpness below a bound: the regularizer's weight is a multiplier, by dual ascent",
    parameters: dualParameters,
    create: dual,
  }),
  bandit: specEntry({
    description: "one of --arms, drawn after every meta-validation by what it improved",
    parameters: banditParameters,
    create: bandit,
  }),
};

/**
 * Builds what a spec string names: rules joined by `+`, each of other settings; nothing for `fixed`.
 *
 * @throws {LowlandError} E_CONFIG for unknown names and settings, and for two rules of one setting
 * @example
 * buildRegularization("schedule:setting=rho,from=0.01,to=0.1,over=500+dual:tau=0.05");
 */
export function buildRegularization(text: string): Regularization | undefined {
  if (text === "fixed") return undefined;
  const rules = text
    .split(/\+(?=[A-Za-z])/)
    .map((part) => buildSpec(part, "regularization", regularizations));
  return rules.length === 1 ? rules[0] : joined(text, rules);
}

/** Several rules at a time, with a state each, named by their places. */
function joined(text: string, rules: readonly Regularization[]): Regularization {
  const changes = rules.flatMap((rule) => rule.changes);
  if (new Set(changes).size < changes.length || rules.filter(({ chooses }) => chooses).length > 1) {
    throw new LowlandError("E_CONFIG", `${text} changes a setting by two rules; keep one of them`);
  }
  const stateOf = (state: RegularizationState, i: number): RegularizationState => {
    const own = Object.entries(state).filter(([name]) => name.startsWith(`${i}.`));
    return Object.fromEntries(own.map(([name, value]) => [name.slice(`${i}.`.length), value]));
  };
  const together = (of: (rule: Regularization, i: number) => RegularizationState): RegularizationState =>
    Object.fromEntries(
      rules.flatMap((rule, i) =>
        Object.entries(of(rule, i)).map(([name, value]) => [`${i}.${name}`, value] as const),
      ),
    );
  return {
    name: text,
    settings: {},
    changes,
    chooses: rules.some(({ chooses }) => chooses),
    observes: rules.some(({ observes }) => observes),
    readsUpdate: rules.some(({ readsUpdate }) => readsUpdate),
    initial: (arms, key) => together((rule, i) => rule.initial(arms, foldIn(key, i))),
    inForce: (state, moment) => merged(rules.map((rule, i) => rule.inForce(stateOf(state, i), moment))),
    next: (state, shown) =>
      together((rule, i) => rule.next(stateOf(state, i), { ...shown, key: foldIn(shown.key, i) })),
    numbers: (state, outerStep) =>
      Object.assign({}, ...rules.map((rule, i) => rule.numbers(stateOf(state, i), outerStep))),
  };
}

function merged(parts: readonly InForce[]): InForce {
  const settings = Object.assign({}, ...parts.map((part) => part.settings));
  return { ...Object.assign({}, ...parts), settings };
}

/**
 * Throws where a rule cannot work with a run's regularizers: settings that they do not have, nothing to choose from, or
 * nothing to choose by.
 *
 * @throws {LowlandError} E_CONFIG
 */
export function checkRegularization(
  rule: Regularization | undefined,
  regularizer: Regularizer,
  arms: readonly Regularizer[],
): void {
  const refuse = (message: string): never => {
    throw new LowlandError("E_CONFIG", message);
  };
  if (!rule?.chooses && arms.length > 0) {
    refuse("arms are given, but no bandit chooses among them; add --regularization bandit");
  }
  if (rule === undefined) return;
  if (rule.chooses && arms.length < 2) {
    refuse(`regularization ${rule.name} chooses among ${arms.length} arms; give --arms none,sam:rho=0.05`);
  }
  const candidates = rule.chooses ? arms : [regularizer];
  for (const setting of rule.changes) {
    if (candidates.every((candidate) => !hasSetting(candidate, setting))) {
      refuse(
        `regularization ${rule.name} changes ${setting}, which regularizer ${candidates.map(({ name }) => name).join(", ")} does not have; give --regularizer one that has it`,
      );
    }
  }
}

const hasSetting = (regularizer: Regularizer, setting: string): boolean =>
  setting === "weight"
    ? regularizer.name !== noRegularizer.name
    : regularizer.with !== undefined && Object.hasOwn(regularizer.settings, setting);

/** The regularizer with what is in force: its settings, its weight, and somebody who sees what it adds. */
export function regularizerInForce(
  candidates: { readonly regularizer: Regularizer; readonly arms: readonly Regularizer[] },
  { arm, settings }: InForce,
  observe?: Observer,
): Regularizer {
  const chosen = arm === undefined ? candidates.regularizer : candidates.arms[arm]!;
  if (chosen.name === noRegularizer.name) return chosen;
  const { weight = chosen.settings.weight ?? 1, ...others } = settings;
  const own = Object.fromEntries(Object.entries(others).filter(([name]) => hasSetting(chosen, name)));
  return weighted(chosen.with?.({ ...own, weight: 1 }) ?? chosen, weight, observe);
}
