/** Metrics kept of one file: a file that names more is not one of Lowland. */
const MOST_METRICS = 64;

/**
 * The numbers in the records of a `metrics.jsonl`, a column a metric; a number within an object has a dotted name
 * (`validation.loss`). Where a record has no such number, NaN stands.
 */
export class Columns {
  readonly #columns = new Map<string, Float64Array>();
  #length = 0;
  #capacity = 256;

  /** Records so far. */
  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    return this.#columns.size * this.#capacity * 8;
  }

  /** Names of the metrics in order of first appearance. */
  get names(): string[] {
    return [...this.#columns.keys()];
  }

  /** One metric of all records; a view that lasts until the next record. */
  get(name: string): Float64Array | undefined {
    return this.#columns.get(name)?.subarray(0, this.#length);
  }

  add(record: object): void {
    if (this.#length === this.#capacity) this.#grow();
    this.#put(record, "");
    this.#length++;
  }

  #put(record: object, prefix: string): void {
    for (const [key, value] of Object.entries(record)) {
      if (typeof value === "number") this.#column(prefix + key)?.fill(value, this.#length, this.#length + 1);
      else if (prefix === "" && typeof value === "object" && value !== null) this.#put(value, `${key}.`);
    }
  }

  #column(name: string): Float64Array | undefined {
    const known = this.#columns.get(name);
    if (known !== undefined || this.#columns.size === MOST_METRICS) return known;
    const column = new Float64Array(this.#capacity).fill(Number.NaN);
    this.#columns.set(name, column);
    return column;
  }

  #grow(): void {
    this.#capacity *= 2;
    for (const [name, column] of this.#columns) {
      const larger = new Float64Array(this.#capacity).fill(Number.NaN);
      larger.set(column);
      this.#columns.set(name, larger);
    }
  }
}
