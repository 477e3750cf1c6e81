import type { SpecRegistry } from "../../spec.ts";
import { constrained } from "./constrained.ts";
import { functions } from "./functions.ts";
import { nonSmooth } from "./non-smooth.ts";
import { recovery } from "./recovery.ts";
import type { Domain } from "./types.ts";

/** Every task that is no classification of images: what a task's name without a slash can be. */
export const domains: SpecRegistry<Domain> = {
  ...functions,
  ...recovery,
  ...nonSmooth,
  ...constrained,
};
