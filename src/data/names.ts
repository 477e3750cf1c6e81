import { LowlandError } from "../errors.ts";

/** The parts of a dataset's name in task names: `mnist@8` is MNIST at 8×8, grey. */
export function parseDatasetName(text: string): { readonly base: string; readonly side?: number } {
  const [base = "", side, ...rest] = text.split("@");
  if (side === undefined) return { base };
  if (rest.length > 0 || !/^[1-9]\d*$/.test(side)) {
    throw new LowlandError(
      "E_CONFIG",
      `${JSON.stringify(text)} is no dataset; write its name, or its name and a size: ${base}@8`,
    );
  }
  return { base, side: Number(side) };
}
