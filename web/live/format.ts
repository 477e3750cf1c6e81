import { live } from "../catalogue/live.ts";

/** Four significant digits; powers of ten outside 0.001 … 99,999. */
export function numberText(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return live.missing;
  if (Number.isInteger(value) && Math.abs(value) < 1e5) return String(value);
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(2) : value.toPrecision(4);
  return text.replace("-", "−").replace("e+", "e");
}

/** A count with thin spaces between thousands. */
export function countText(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** `42 s`, `5 min`, `3 h 20 min`, `4 d 2 h`. */
export function durationText(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A moment in the reader's own time, without the year. */
export function momentText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime())
    ? live.missing
    : date.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}
