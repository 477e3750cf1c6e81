import { setImmediate } from "node:timers/promises";
import { bucketExponent, cutIntoBuckets } from "./buckets.ts";
import { Columns } from "./columns.ts";
import { LineReader, objectIn } from "./lines.ts";
import type { Scale, Series, SeriesReply, XAxis } from "./protocol.ts";

/** What is asked of some runs. */
export interface SeriesQuery {
  readonly metrics: readonly string[];
  readonly axis: XAxis;
  readonly scale: Scale;
  /** Buckets of a series, at most. */
  readonly points: number;
  /** Part of the x-axis; all of it by default. */
  readonly from?: number;
  readonly to?: number;
}

/** The numbers of one file, as far as it has been read. */
class MetricsFile {
  readonly #reader: LineReader;
  #columns = new Columns();
  #updating: Promise<void> | undefined;

  constructor(path: string) {
    this.#reader = new LineReader(path);
  }

  get columns(): Columns {
    return this.#columns;
  }

  /** Reads what was appended. */
  update(): Promise<void> {
    this.#updating ??= this.#reader
      .read(
        ({ text }) => {
          const record = objectIn(text);
          if (record !== undefined) this.#columns.add(record);
        },
        () => {
          this.#columns = new Columns();
        },
      )
      .finally(() => {
        this.#updating = undefined;
      });
    return this.#updating;
  }
}

/** Reads metrics and cuts them into buckets; keeps the numbers of the files used last, up to so many bytes. */
export class SeriesReader {
  /** In the order of their last use. */
  readonly #files = new Map<string, MetricsFile>();
  readonly #cacheBytes: number;

  constructor({ cacheBytes = 128 << 20 }: { cacheBytes?: number } = {}) {
    this.#cacheBytes = cacheBytes;
  }

  /**
   * Metrics of runs over steps or seconds. All series of a reply have buckets of one width, that of the widest extent
   * among them.
   *
   * @param runs path of `metrics.jsonl` by the run's id
   */
  async read(runs: ReadonlyMap<string, string>, query: SeriesQuery): Promise<SeriesReply> {
    const { axis, scale, points, from = -Infinity, to = Infinity } = query;
    const names = new Set<string>();
    const read: { readonly run: string; readonly columns: Columns }[] = [];
    for (const [run, path] of runs) {
      const { columns } = await this.#open(path);
      for (const name of columns.names) names.add(name);
      read.push({ run, columns });
    }
    const ends = read.flatMap(({ columns }) => extentOf(axisOf(columns, axis), scale, from, to));
    // the axes themselves are no metrics
    for (const name of ["outerStep", "step", "seconds"]) names.delete(name);
    if (ends.length === 0) return { metrics: [...names], series: [] };
    const exponent = bucketExponent(Math.min(...ends), Math.max(...ends), points, scale);
    const series: Series[] = [];
    for (const { run, columns } of read) {
      for (const metric of query.metrics) {
        const [x, y] = [axisOf(columns, axis), columns.get(metric)];
        if (x === undefined || y === undefined) continue;
        const { mean, low, high, ...cut } = cutIntoBuckets(x, y, exponent, { scale, from, to });
        const whole = low.every((value, i) => value === high[i]);
        series.push({
          run,
          metric,
          x: cut.x.map(shortened),
          mean: mean.map(shortened),
          ...(!whole && { low: low.map(shortened), high: high.map(shortened) }),
        });
      }
      await setImmediate();
    }
    return { metrics: [...names], series };
  }

  async #open(path: string): Promise<MetricsFile> {
    const file = this.#files.get(path) ?? new MetricsFile(path);
    this.#files.delete(path);
    this.#files.set(path, file);
    await file.update();
    let bytes = 0;
    for (const { columns } of this.#files.values()) bytes += columns.bytes;
    for (const [oldest, { columns }] of this.#files) {
      if (bytes <= this.#cacheBytes || oldest === path) break;
      this.#files.delete(oldest);
      bytes -= columns.bytes;
    }
    return file;
  }
}

function axisOf(columns: Columns, axis: XAxis): Float64Array | undefined {
  return axis === "time" ? columns.get("seconds") : (columns.get("outerStep") ?? columns.get("step"));
}

/** Least and greatest x that can be shown. */
function extentOf(x: Float64Array | undefined, scale: Scale, from: number, to: number): number[] {
  const shown = x?.filter((value) => value >= from && value <= to && (scale === "linear" || value > 0)) ?? [];
  return shown.length === 0 ? [] : [shown[0]!, shown.at(-1)!];
}

/** Seven digits: more than a screen can show. */
function shortened(value: number): number {
  return Number(value.toPrecision(7));
}
