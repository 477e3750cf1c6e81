import type { Key } from "../random/key.ts";
import type { Task } from "./types.ts";

/** A distribution of tasks: what meta-training draws its inner trainings from. */
export interface TaskFamily {
  readonly name: string;
  /** The task that this key draws; samples share their buffers, so drawing one is cheap. */
  sample(key: Key): Task;
  /** Frees what all samples share. */
  close(): void;
}

/** The family whose only member is this task. */
export function familyOf(task: Task): TaskFamily {
  return { name: task.name, sample: () => task, close: () => task.close?.() };
}
