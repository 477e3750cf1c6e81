import type { MetaConfig } from "../meta/config.ts";
import { parseSpec } from "../spec.ts";
import { groupBy } from "./group.ts";
import type { MethodId } from "./results.ts";

/** One string for every method: what maps are keyed by. */
export function methodKey({ optimizer, regularizer, source, metaSeed, recipe }: MethodId): string {
  return JSON.stringify([optimizer, regularizer, source ?? null, metaSeed ?? null, recipe ?? null]);
}

/** Whether two identities are of one method. */
export function isSameMethod(one: MethodId, other: MethodId): boolean {
  return methodKey(one) === methodKey(other);
}

/** Its repetitions together: the method without its meta-seed. */
export function groupOf({ metaSeed: _, ...group }: MethodId): MethodId {
  return group;
}

/** The same method without a regularizer. */
export function plainOf(method: MethodId): MethodId {
  return { ...method, regularizer: "none" };
}

/**
 * The method of some without a regularizer that this one is to be compared with: of the same recipe, or, where that was
 * meta-trained with regularizers alone, of none by name.
 */
export function twinOf(method: MethodId, among: readonly MethodId[]): MethodId | undefined {
  const { recipe: _, ...common } = plainOf(method);
  return isPlain(method)
    ? undefined
    : [plainOf(method), common].find((twin) => among.some((other) => isSameMethod(other, twin)));
}

/** Whether no regularizer is in it, explicitly or in the meta-objective. */
export function isPlain({ regularizer }: MethodId): boolean {
  return regularizer === "none";
}

/** Whether it was made by hand: what it was meta-trained on is said of every learned one. */
export function isHandDesigned({ source }: MethodId): boolean {
  return source === undefined;
}

/** The learned optimizer that a configuration of meta-training gives. */
export function methodOf({
  learned,
  regularizer,
  tasks,
  seed,
}: Pick<MetaConfig, "learned" | "regularizer" | "tasks" | "seed">): MethodId {
  return {
    optimizer: parseSpec(learned).name,
    regularizer: parseSpec(regularizer).name,
    source: tasks,
    metaSeed: seed,
  };
}

/** Whether a task is among those that a learned optimizer was meta-trained on. */
export function isHome(method: MethodId, task: string): boolean {
  return method.source?.includes(task) ?? false;
}

/** Records by what their methods were meta-trained on, those of hand-designed ones under no task at all. */
export function bySource<R extends { readonly method: MethodId }>(
  records: readonly R[],
): { readonly source: readonly string[]; readonly members: readonly R[] }[] {
  const groups = groupBy(records, ({ method }) => JSON.stringify(method.source ?? []));
  return [...groups.values()].map((members) => ({ source: members[0]!.method.source ?? [], members }));
}
