import type { Estimate } from "../evaluation/results.ts";

/** What stands for a number that is not there. */
export const MISSING = "–";

/** Writes one number of a column or axis. */
export type Format = (value: number | null | undefined) => string;

/** Fixed decimals, with a true minus sign. */
export function fixed(decimals: number): Format {
  return (value) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
    const text = Math.abs(value).toFixed(decimals);
    return value < 0 && Number(text) !== 0 ? `−${text}` : text;
  };
}

/** Three significant digits; powers of ten outside 0.001 … 99,999. */
export const significant: Format = (value) => {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) {
    const [mantissa, exponent] = value.toExponential(2).split("e") as [string, string];
    return `${mantissa.replace("-", "−")}×10${superscript(Number(exponent))}`;
  }
  return fixed(Math.max(0, 2 - Math.floor(Math.log10(size))))(value);
};

/**
 * One format for a whole column: the decimals that give its median value three significant digits, or three
 * significant digits for each value where the column spans more than three orders of magnitude.
 */
export function columnFormat(values: readonly (number | null | undefined)[]): Format {
  const sizes = values
    .filter((value): value is number => typeof value === "number" && Number.isFinite(value) && value !== 0)
    .map(Math.abs)
    .sort((a, b) => a - b);
  const median = sizes[sizes.length >> 1];
  if (median === undefined) return significant;
  if (sizes.at(-1)! / sizes[0]! > 1e3 || median >= 1e5 || median < 1e-4) return significant;
  return fixed(Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(median)))));
}

/** Every number that a column of estimates shows as a mean. */
export function meansOf(estimates: readonly (Estimate | undefined)[]): (number | null | undefined)[] {
  return estimates.map((estimate) => estimate?.mean);
}

/** A share in [0, 1] as a percentage with one decimal, without the sign. */
export const percent: Format = (value) => fixed(1)(typeof value === "number" ? value * 100 : value);

/** A signed difference. */
export function signed(format: Format): Format {
  return (value) => {
    const text = format(value);
    return typeof value === "number" && value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
  };
}

/** A p-value: three decimals, never a bare zero. */
export const pValue: Format = (value) =>
  typeof value === "number" && value < 0.001 ? "<\u00a00.001" : fixed(3)(value);

/** A count with thin spaces between thousands. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** Seconds as people say them: `4 min 12 s`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${fixed(seconds < 10 ? 1 : 0)(seconds)} s`;
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${whole % 60} s`;
}

const WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/** `two optimizers`, `one optimizer`, `12 optimizers`. */
export function plural(number: number, noun: string): string {
  return `${WORDS[number] ?? count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** `a, b and c`. */
export function listed(items: readonly string[]): string {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

function superscript(exponent: number): string {
  return [...String(exponent)].map((digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]).join("");
}
