/** What a progress line is written to. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** What is counted: "outer steps". */
  readonly unit: string;
  /** How many there will be, if known. */
  readonly total?: number;
  /** How many were done before this process: a resumed run. Default 0. */
  readonly start?: number;
  readonly stream?: ProgressStream;
  /** Milliseconds from any origin. */
  readonly now?: () => number;
  /** Formats a count. Default: the number itself. */
  readonly format?: (count: number) => string;
}

const silentMs = 2_000;
const terminalIntervalMs = 100;
const plainIntervalMs = 10_000;

/**
 * Reports progress with rate and time left: one line that is rewritten on a terminal, else a plain line every ten
 * seconds. Work shorter than two seconds stays silent.
 *
 * @example
 * const progress = new Progress("meta-train", { unit: "outer steps", total: 1000 });
 * progress.update(10, "meta-loss 0.31");
 * progress.close();
 */
export class Progress {
  readonly #label: string;
  readonly #options: ProgressOptions;
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #terminal: boolean;
  readonly #startedMs: number;
  #writtenMs: number | undefined;
  /** The last state that was not due; `close` writes it. */
  #pending: string | undefined;

  constructor(label: string, options: ProgressOptions) {
    this.#label = label;
    this.#options = options;
    this.#stream = options.stream ?? process.stderr;
    this.#now = options.now ?? (() => performance.now());
    this.#terminal = this.#stream.isTTY === true && process.env.TERM !== "dumb";
    this.#startedMs = this.#now();
  }

  /** Reports that `done` units are done in all; `note` ends the line. Cheap enough to call after every step. */
  update(done: number, note?: string): void {
    const nowMs = this.#now();
    const intervalMs = this.#terminal ? terminalIntervalMs : plainIntervalMs;
    const dueMs = this.#writtenMs === undefined ? this.#startedMs + silentMs : this.#writtenMs + intervalMs;
    if (nowMs < dueMs) {
      if (this.#writtenMs !== undefined && !this.#terminal) this.#pending = this.#line(done, note, nowMs);
      return;
    }
    this.#write(this.#line(done, note, nowMs));
    this.#writtenMs = nowMs;
    this.#pending = undefined;
  }

  /** Ends the report: a terminal's line is cleared, elsewhere the last state is written. */
  close(): void {
    if (this.#writtenMs === undefined) return;
    if (this.#terminal) this.#stream.write("\r\u001b[K");
    else if (this.#pending !== undefined) this.#write(this.#pending);
    this.#writtenMs = undefined;
  }

  #write(line: string): void {
    const columns = this.#stream.columns ?? 80;
    this.#stream.write(
      this.#terminal ? `\r\u001b[K${[...line].slice(0, columns - 1).join("")}` : `${line}\n`,
    );
  }

  #line(done: number, note: string | undefined, nowMs: number): string {
    const { unit, total, start = 0, format = String } = this.#options;
    const perSecond = ((done - start) / Math.max(1, nowMs - this.#startedMs)) * 1000;
    const parts = [`${this.#label} ${format(done)}${total === undefined ? "" : `/${format(total)}`} ${unit}`];
    if (perSecond > 0) {
      parts.push(perSecond < 0.1 ? `${formatDuration(1 / perSecond)} each` : `${format(round(perSecond))}/s`);
      if (total !== undefined && total > done)
        parts.push(`ETA ${formatDuration((total - done) / perSecond)}`);
    }
    if (note !== undefined) parts.push(note);
    return parts.join(" · ");
  }
}

/** Seconds as `m:ss` or `h:mm:ss`. */
export function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const padded = (value: number): string => String(value).padStart(2, "0");
  const rest = padded(whole % 60);
  return hours > 0 ? `${hours}:${padded(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** Bytes as people read them: "12.3 MB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(2));
}
