import { ownNames, zooNames } from "./store.ts";

/** A run's name as it is shown: its spec string without what is as usual. */
export function runName(spec: string): string {
  return spec
    .replace(/^(zoo|file|mine):/, "")
    .replace("lr=", "")
    .replaceAll(/\+scale:by=/g, " ×")
    .replaceAll("+", " + ");
}

/** A number with three significant digits. */
export function digits(value: number | undefined, count = 3): string {
  if (value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(1);
  return String(Number(value.toPrecision(count)));
}

/** A share as percent. */
export function percent(share: number | undefined): string {
  return share === undefined ? "–" : `${(100 * share).toFixed(1)} %`;
}

/** Learned optimizers that a run may name, beside those of the zoo. */
export function learnedNames(): { zoo: readonly string[]; own: readonly string[] } {
  return { zoo: zooNames.value.map((name) => `zoo:${name}`), own: ownNames.value };
}
