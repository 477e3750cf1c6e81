import type { StoreOptions } from "../data/datasets.ts";
import { familyOf, type TaskFamily } from "./family.ts";
import { loadTask } from "./load.ts";

/**
 * Loads a family of tasks by name; a task is a family of one.
 *
 * @throws {LowlandError} as `loadTask`
 */
export async function loadFamily(name: string, options: StoreOptions = {}): Promise<TaskFamily> {
  return familyOf(await loadTask(name, options));
}
