/** What a measure is called, its symbol, and what it is in one sentence. */
export interface MeasureWords {
  readonly label: string;
  readonly unit?: string;
  readonly note?: string;
}

const MEASURES: Readonly<Record<string, MeasureWords>> = {
  trainLoss: { label: "Training loss" },
  testLoss: { label: "Test loss" },
  topEigenvalue: { label: "Top eigenvalue", unit: "λ" },
  trace: { label: "Hessian trace", unit: "tr H" },
  gradientNorm: { label: "Gradient norm", unit: "‖g‖" },
  loss: { label: "Loss", unit: "L" },
  maxLoss: {
    label: "Maximum loss",
    unit: "max L",
    note: "Highest loss found within ρ. Mean and 95\u00a0% interval.",
  },
  surrogateGap: {
    label: "Surrogate gap",
    unit: "max L − L",
    note: "Highest loss within ρ minus the loss at the point.",
  },
  oneStepGap: {
    label: "One-step gap",
    unit: "along g",
    note: "Rise of the loss one step of length ρ along the gradient.",
  },
  maxGradientNorm: {
    label: "Maximum gradient norm",
    unit: "max ‖g‖",
    note: "Largest gradient norm found within ρ.",
  },
  curvatureGap: {
    label: "Curvature gap",
    unit: "gap − ρ‖g‖",
    note: "Surrogate gap − ρ‖g‖: the part that is curvature.",
  },
};

/** The words for a measure of training or sharpness; a task's metrics say theirs themselves. */
export function measureWords(name: string): MeasureWords | undefined {
  return MEASURES[name];
}

/** What the page calls things. */
export const GLOSSARY: readonly (readonly [string, string])[] = [
  ["learned optimizer", "one that turns gradients into steps by weights of its own, which are meta-trained."],
  [
    "source, or task of meta-training",
    "the task a learned optimizer was meta-trained on; every other task is transfer.",
  ],
  ["plain", "meta-trained without a regularizer in the meta-objective."],
  [
    "seed, meta-seed",
    "a seed draws the initial weights and minibatches of one training run; a meta-seed those of one meta-training.",
  ],
  [
    "own quantity",
    "what a regularizer is made to lower: the maximum loss for SAM, the surrogate gap for GSAM, the maximum gradient norm for GAM.",
  ],
  [
    "within ρ",
    "the largest value over all points at a Euclidean distance of at most ρ in the space of parameters, as far as projected gradient ascent finds it.",
  ],
  [
    "for, against",
    "p below 0.05 after Holm’s correction over all tests of the results, and the same direction in every meta-seed; undecided otherwise.",
  ],
  [
    "one run",
    "a test of a single meta-training run: it says that this optimizer differs from that one, not that meta-training again would do the same.",
  ],
  [
    "unequally trained",
    "the training loss differs significantly there too, so that what is compared may be how far the networks were trained.",
  ],
];
