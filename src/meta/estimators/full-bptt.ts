import { openArena } from "../../kernels/module.ts";
import { allFinite, axpy, scale } from "../../kernels/vector.ts";
import { openRollout, openSamples } from "../rollout.ts";
import type { Estimator, InnerState } from "../types.ts";
import { imitates, openWindows, takeUp } from "./windows.ts";

/**
 * Backpropagation through whole trainings, checkpointed: forward once, keeping the state at the start of every segment
 * of ⌈√T⌉ steps, then segment by segment from the last to the first, each run again and backpropagated through with the
 * adjoints of the one behind it. Memory grows with √T, time by one more forward run.
 *
 * The same gradient as one window of T steps; gradients that the optimizer saw are constants.
 *
 * @see Griewank, Walther, "Algorithm 799: revolve", 2000; Chen et al., "Training deep nets with sublinear memory cost", 2016
 */
export function fullBptt(): Estimator {
  return {
    name: "full-bptt",
    settings: {},
    window: undefined,
    backpropagates: true,
    open(problem) {
      const arena = openArena();
      const samples = openSamples(problem);
      const rollout = openRollout(problem, samples, arena);
      const optimizer = problem.learned.open(arena);
      const windowOf = openWindows(problem, arena);
      const count = problem.learned.layout.size;
      const segmentGradient = arena.float32(count);
      const metaGradient = arena.float32(count);
      const { over } = problem.objective;
      return {
        estimate(metaParams, instance, { stage }) {
          const { draw } = instance;
          const before = samples.gradients;
          const total = draw.horizon - draw.start;
          const length = Math.ceil(Math.sqrt(total));
          const imitating = imitates(problem, draw.key, 0, stage);
          optimizer.load(metaParams);
          takeUp(rollout, draw, undefined, optimizer);
          const starts: InnerState[] = [];
          for (let step = 0; step < total; step++) {
            if (step % length === 0) starts.push(rollout.save());
            rollout.evaluate();
            rollout.advance(optimizer);
          }
          const size = rollout.params.length;
          const finite = allFinite(rollout.params);
          metaGradient.fill(0);
          const carried = openArena();
          const { unroll: longest } = windowOf(size, length);
          let [after, own] = [longest.adjoints(carried), longest.adjoints(carried)];
          let loss = 0;
          let metaLoss = 0;
          while (starts.length > 0) {
            const saved = starts.pop()!;
            const steps = Math.min(length, total - saved.step);
            const { unroll, points, row } = windowOf(size, steps);
            rollout.load(draw, saved, optimizer);
            unroll.begin(metaParams, rollout.state);
            for (let t = 0; t < steps; t++) {
              loss += rollout.evaluate();
              rollout.advance(optimizer, unroll);
              const final = rollout.step === total;
              if (imitating) metaLoss += rollout.imitationTerm(row(t));
              else if (over !== "last" || final) metaLoss += rollout.term(row(t), { final });
              else row(t).fill(0);
            }
            if (imitating) for (let t = 0; t < steps - 1; t++) axpy(-1, row(t + 1), row(t));
            if (over === "mean") scale(1 / total, points);
            // a teacher's term acts on its own update alone: what this segment adds ends here
            unroll.backward(points, segmentGradient, { after, before: own });
            if (imitating) own.params.fill(0);
            axpy(1, segmentGradient, metaGradient);
            [after, own] = [own, after];
          }
          carried.close();
          return {
            gradient: metaGradient.slice(),
            instance: { ...instance, runs: [] },
            done: true,
            diverged: !(Number.isFinite(loss + metaLoss) && finite && allFinite(metaGradient)),
            loss: loss / total,
            metaLoss: over === "last" && !imitating ? metaLoss : metaLoss / total,
            innerSteps: total,
            gradientEvaluations: samples.gradients - before,
          };
        },
        close: () => arena.close(),
      };
    },
  };
}
