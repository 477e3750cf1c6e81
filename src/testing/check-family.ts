import { key } from "../random/key.ts";
import type { TaskFamily } from "../tasks/family.ts";
import type { Task } from "../tasks/types.ts";
import { checkTask } from "./check-task.ts";
import { expectOf, sameBits, sameLayout } from "./promises.ts";

/**
 * Checks what every family promises: each sample is a task (see `checkTask`), the same key draws the same one, and samples
 * that take turns do not disturb each other.
 *
 * @param options `samples`: how many are drawn, default 3
 * @throws LowlandError `E_CONFIG` that names the promise that was broken
 */
export function checkFamily(family: TaskFamily, { samples = 3 }: { readonly samples?: number } = {}): void {
  const expect = expectOf(`family ${family.name}`);
  const keys = Array.from({ length: samples }, (_, i) => key(i));
  const drawn = keys.map((each) => family.sample(each));
  const alone = drawn.map(pointOf);
  for (const [i, task] of drawn.entries()) {
    const again = family.sample(keys[i]!);
    expect(sameLayout(again.layout, task.layout), "draws another layout from the same key");
    const point = pointOf(again);
    expect(
      sameBits(point.params, alone[i]!.params) && Object.is(point.loss, alone[i]!.loss),
      "draws another task from the same key, or its samples disturb each other",
    );
    checkTask(task);
  }
}

/** Initial parameters, and a loss there. */
function pointOf(task: Task): { readonly params: Float32Array; readonly loss: number } {
  const params = new Float32Array(task.layout.size);
  task.init(key(1), params);
  return { params, loss: task.objective().loss(params, key(2)) };
}
