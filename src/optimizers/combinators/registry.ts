import { type SpecRegistry, specEntry } from "../../spec.ts";
import { clip, clipParameters } from "./clip.ts";
import type { Combinator } from "./combinator.ts";
import { decay, decayParameters } from "./decay.ts";
import { mask, maskParameters } from "./mask.ts";
import { project, projectParameters } from "./project.ts";
import {
  cosine,
  fallParameters,
  linear,
  scaleBy,
  scaleParameters,
  warmup,
  warmupParameters,
} from "./schedules.ts";

/** Every combinator a spec string can name. */
export const combinators: SpecRegistry<Combinator> = {
  cosine: specEntry({
    description: "updates times half a cosine over the training, after a warm-up",
    parameters: fallParameters,
    create: cosine,
  }),
  linear: specEntry({
    description: "updates times a line over the training, after a warm-up",
    parameters: fallParameters,
    create: linear,
  }),
  warmup: specEntry({
    description: "updates that grow over the first steps",
    parameters: warmupParameters,
    create: warmup,
  }),
  scale: specEntry({
    description: "updates times a number: the learning rate of a learned optimizer",
    parameters: scaleParameters,
    create: scaleBy,
  }),
  clip: specEntry({
    description: "gradients of limited norm or entries",
    parameters: clipParameters,
    create: clip,
  }),
  decay: specEntry({ description: "decoupled weight decay", parameters: decayParameters, create: decay }),
  mask: specEntry({
    description: "training of some parameters alone",
    parameters: maskParameters,
    create: mask,
  }),
  project: specEntry({
    description: "projection of the parameters onto a box, a ball or a simplex",
    parameters: projectParameters,
    create: project,
  }),
};
