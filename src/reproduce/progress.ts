/** Where an experiment stands. */
export interface StageProgress {
  /** `meta-train LSTM + SAM`, `evaluate`. */
  readonly stage: string;
  readonly unit: string;
  readonly done: number;
  readonly total: number;
  readonly note: string;
}
