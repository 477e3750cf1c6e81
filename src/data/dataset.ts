/** Labelled images, all in memory. */
export interface Dataset {
  readonly name: string;
  /** count × height × width × channels bytes, row by row, channels last. */
  readonly images: Uint8Array;
  /** `count` classes in [0, `classes`). */
  readonly labels: Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: number;
}
