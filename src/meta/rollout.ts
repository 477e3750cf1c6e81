import { openKept } from "../kernels/kept.ts";
import type { Arena } from "../kernels/memory.ts";
import { openArena } from "../kernels/module.ts";
import type { Layout } from "../kernels/types.ts";
import { addScaled, norm, scale } from "../kernels/vector.ts";
import type { LearnedOptimizer, Unroll } from "../learned/types.ts";
import type { Optimizer, OptimizerState } from "../optimizers/types.ts";
import { foldIn, type Key, keyToString, split } from "../random/key.ts";
import { type CountedObjective, countGradients } from "../regularizers/count.ts";
import type { RegularizerFunction } from "../regularizers/types.ts";
import type { Observer } from "../regularizers/weighted.ts";
import type { TaskFamily } from "../tasks/family.ts";
import type { Known, Objective, Task } from "../tasks/types.ts";
import { type MetaObjective, normalized } from "./objective.ts";
import type { Moment, Regularization, RegularizationState } from "./regularization/types.ts";
import type { Trained } from "./trained.ts";
import type { Draw, InnerState } from "./types.ts";

/** What meta-training is about, as built objects: tasks × learned optimizer × meta-objective. */
export interface InnerProblem {
  readonly families: readonly TaskFamily[];
  readonly learned: LearnedOptimizer;
  readonly regularizer: RegularizerFunction;
  /** What of the regularizer changes, and what takes its place at a moment; missing where it is fixed. */
  readonly regularization?: ChangingRegularizer | undefined;
  readonly objective: MetaObjective;
  /** Whom the learned optimizer imitates in some windows. */
  readonly teacher?: Optimizer | undefined;
  /** Share of windows that imitate, by stage of the schedule; the last holds for all later ones. */
  readonly imitation?: readonly number[];
  /** Takes what the regularizer adds at every term, where the regularization observes it. */
  readonly observe?: Observer;
  readonly activations?: "auto" | "stored" | "recomputed";
  /** The part of φ that is trained: all of it, where missing. */
  readonly trained?: Trained | undefined;
}

/** A rule by which the regularizer changes, with what it changes. */
export interface ChangingRegularizer {
  readonly rule: Regularization;
  readonly arms: number;
  /** The regularizer in force at a moment. */
  at(state: RegularizationState, moment: Moment, observe?: Observer): RegularizerFunction;
}

/** Keys of one inner training: its sample, initial parameters, minibatches, and minibatches of the meta-objective. */
export function drawKeys(key: Key): { sample: Key; init: Key; batches: Key; fresh: Key } {
  const [sample, init, batches, fresh] = split(key, 4);
  return { sample, init, batches, fresh };
}

/** A sample of a family with its objectives, shared by all rollouts of one draw. */
interface Sample {
  readonly task: Task;
  readonly plain: CountedObjective;
  /** What the terms are regularized from: `plain`, or the same on another split. */
  readonly base: CountedObjective;
  /** What the terms of the meta-objective are: regularized, on its own split. */
  readonly term: Objective;
}

/** Samples drawn lately, one a thread needs at a time being few. */
const KEPT_SAMPLES = 64;

/** Opens the samples of a problem in this thread. */
export interface Samples {
  of(draw: Draw): Sample;
  /** Gradients evaluated so far, of all samples. */
  readonly gradients: number;
}

/** Opens samples; the last few dozen draws are kept. */
export function openSamples({ families, regularizer, objective }: InnerProblem): Samples {
  const kept = new Map<string, Sample>();
  let forgotten = 0;
  const open = (draw: Draw): Sample => {
    const task = families[draw.task]!.sample(drawKeys(draw.key).sample);
    const plain = countGradients(task.objective("train"));
    const base =
      objective.batches === "meta-validation" ? countGradients(task.objective("meta-validation")) : plain;
    return { task, plain, base, term: regularizer(base) };
  };
  return {
    get gradients() {
      return [...kept.values()].reduce((sum, sample) => sum + gradientsOf(sample), forgotten);
    },
    of(draw) {
      const id = `${draw.task}:${keyToString(draw.key)}`;
      let found = kept.get(id);
      if (found === undefined) {
        found = open(draw);
        const [oldest] = kept;
        if (kept.size >= KEPT_SAMPLES && oldest !== undefined) {
          forgotten += gradientsOf(oldest[1]);
          kept.delete(oldest[0]);
        }
        kept.set(id, found);
      }
      return found;
    },
  };
}

function gradientsOf({ plain, base }: Sample): number {
  return plain.gradients + (base === plain ? 0 : base.gradients);
}

/** Layouts whose vectors a rollout keeps. */
const KEPT_LAYOUTS = 4;

/** Vectors of one rollout for parameters of one layout. */
interface Buffers {
  readonly params: Float32Array;
  readonly gradient: Float32Array;
  /** u of the last step, where somebody reads it, and of the teacher. */
  readonly update: Float32Array;
  readonly state: OptimizerState;
  readonly taught: Float32Array;
  readonly teacher: OptimizerState | undefined;
}

/** One inner training in this thread, in buffers that are kept from one to the next. */
export interface Rollout {
  /** Inner steps done. */
  readonly step: number;
  readonly params: Float32Array;
  readonly state: OptimizerState;
  /** Starts the training that a draw stands for. The optimizer gives the first state. */
  start(draw: Draw, optimizer: Optimizer): void;
  /** Goes on with a training where it was saved. */
  load(draw: Draw, saved: InnerState, optimizer: Optimizer): void;
  save(): InnerState;
  /** Plain loss at the present point on the minibatch of its step; its gradient is kept for the step. */
  evaluate(): number;
  /** w ← w + u(∇L(w)), after `evaluate`. With `unroll`, through it. */
  advance(optimizer: Optimizer, unroll?: Unroll): void;
  /**
   * Term of the meta-objective at the present point, normalized.
   *
   * @param gradient where its gradient in w is written, if it is needed
   * @param options `final`: no further step will need the plain gradient here
   */
  term(gradient?: Float32Array, options?: { readonly final?: boolean }): number;
  /** ½‖u − u_teacher‖²/n of the last step; writes (u − u_teacher)/n, its gradient in u. */
  imitationTerm(gradient?: Float32Array): number;
  /** Plain loss last seen, for the record. */
  readonly loss: number;
}

/** Opens a rollout; its memory is freed with the arena. */
export function openRollout(problem: InnerProblem, samples: Samples, arena: Arena): Rollout {
  const { objective, teacher, regularization, observe } = problem;
  const readsUpdate = regularization?.rule.readsUpdate ?? false;
  const keepsUpdate = teacher !== undefined || readsUpdate;
  const kept = openKept<Buffers>(arena, KEPT_LAYOUTS);
  let buffers!: Buffers;
  let sample!: Sample;
  let keys!: ReturnType<typeof drawKeys>;
  let known: Known | undefined;
  let standing: Draw;
  let length = Number.NaN; // ‖u‖ of the last step
  let step = 0;
  let loss = Number.NaN;

  const bufferOf = (layout: Layout, horizon: number, optimizer: Optimizer): Buffers => {
    const id = layout.slots.map(({ shape, kind }) => `${kind}${shape.join("x")}`).join();
    const found = kept(id, (own) => {
      const vector = (): Float32Array => own.float32(layout.size);
      return {
        params: vector(),
        gradient: vector(),
        update: keepsUpdate ? vector() : new Float32Array(0),
        taught: teacher !== undefined ? vector() : new Float32Array(0),
        state: optimizer.init(layout, { horizon, arena: own }),
        teacher: teacher?.init(layout, { horizon, arena: own }),
      };
    });
    return {
      ...found,
      state: { ...found.state, horizon },
      teacher: found.teacher && { ...found.teacher, horizon },
    };
  };

  const open = (draw: Draw, optimizer: Optimizer): void => {
    sample = samples.of(draw);
    standing = draw;
    keys = drawKeys(draw.key);
    buffers = bufferOf(sample.task.layout, draw.horizon, optimizer);
    known = undefined;
  };

  /** The objective of the term at the present point: the run's, or what the regularization makes of it here. */
  const termHere = (): Objective => {
    const { start, horizon, regularization: at } = standing;
    if (regularization === undefined || at === undefined) return sample.term;
    const moment = { outerStep: at.outerStep, innerStep: start + step, horizon, update: length };
    return regularization.at(at.state, moment, observe)(sample.base);
  };

  const setVectors = (state: OptimizerState, vectors: Readonly<Record<string, Float32Array>>): void => {
    for (const [name, vector] of Object.entries(state.vectors)) vector.set(vectors[name]!);
  };

  const copies = (state: OptimizerState): Record<string, Float32Array> =>
    Object.fromEntries(Object.entries(state.vectors).map(([name, vector]) => [name, vector.slice()]));

  return {
    get step() {
      return step;
    },
    get params() {
      return buffers.params;
    },
    get state() {
      return buffers.state;
    },
    get loss() {
      return loss;
    },

    start(draw, optimizer) {
      open(draw, optimizer);
      step = 0;
      sample.task.init(keys.init, buffers.params);
      const { layout } = buffers.state;
      const fresh = openArena();
      try {
        const given = { horizon: draw.horizon, arena: fresh };
        setVectors(buffers.state, optimizer.init(layout, given).vectors);
        if (buffers.teacher !== undefined) setVectors(buffers.teacher, teacher!.init(layout, given).vectors);
      } finally {
        fresh.close();
      }
      buffers.state.step = 0;
      if (buffers.teacher !== undefined) buffers.teacher.step = 0;
    },

    load(draw, saved, optimizer) {
      open(draw, optimizer);
      step = saved.step;
      buffers.params.set(saved.params);
      setVectors(buffers.state, saved.optimizer);
      buffers.state.step = step;
      if (buffers.teacher !== undefined) {
        setVectors(buffers.teacher, saved.teacher!);
        buffers.teacher.step = step;
      }
      if (saved.known !== undefined) {
        buffers.gradient.set(saved.known.gradient);
        known = { loss: saved.known.loss, gradient: buffers.gradient };
      }
    },

    save() {
      const { params, state, teacher: teaching } = buffers;
      return {
        step,
        params: params.slice(),
        optimizer: copies(state),
        ...(teaching !== undefined && { teacher: copies(teaching) }),
        // what is not finite does not come back from a checkpoint, and is evaluated again
        ...(known !== undefined &&
          Number.isFinite(known.loss) && {
            known: { loss: known.loss, gradient: known.gradient.slice() as Float32Array },
          }),
      };
    },

    evaluate() {
      if (known === undefined) {
        const { params, gradient } = buffers;
        known = {
          loss: sample.plain.lossAndGradient(params, foldIn(keys.batches, step), gradient),
          gradient,
        };
      }
      loss = known.loss;
      return loss;
    },

    advance(optimizer, unroll) {
      const { params, gradient, state, update, taught, teacher: teaching } = buffers;
      if (teaching !== undefined) teacher!.update(gradient, teaching, { params, loss }, taught);
      if (keepsUpdate) update.set(params);
      if (unroll === undefined) optimizer.step(params, gradient, state, { loss });
      else unroll.step(params, gradient);
      sample.task.project?.(params);
      if (keepsUpdate) addScaled(params, -1, update, update);
      if (readsUpdate) length = norm(update);
      step++;
      known = undefined;
    },

    term(gradient, { final = false } = {}) {
      const { params } = buffers;
      const term = termHere();
      const batches = objective.batches === "train" ? keys.batches : keys.fresh;
      const batch = foldIn(batches, step);
      // the plain evaluation serves the next step too, unless there is none or the term is the loss itself
      const loneValue = final && gradient === undefined && term === sample.plain;
      const reuse = objective.batches === "train" && !loneValue;
      if (reuse) this.evaluate();
      const own = reuse ? known! : undefined;
      let value: number;
      if (own !== undefined && term === sample.plain) {
        value = own.loss;
        gradient?.set(own.gradient);
      } else if (gradient === undefined) value = term.loss(params, batch, own);
      else value = term.lossAndGradient(params, batch, gradient, own);
      if (objective.batches === "train") loss = own?.loss ?? value;
      const { value: shown, slope } = normalized(value, sample.task.lossBound, objective.normalize);
      if (gradient !== undefined && slope !== 1) {
        if (slope === 0) gradient.fill(0);
        else scale(slope, gradient);
      }
      return shown;
    },

    imitationTerm(gradient) {
      const { update, taught } = buffers;
      const n = update.length;
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const difference = update[i]! - taught[i]!;
        sum += difference * difference;
        if (gradient !== undefined) gradient[i] = difference / n;
      }
      return (0.5 * sum) / n;
    },
  };
}
