// Pieces of the Markdown that the scripts here write.

/** `mean [low, high]` of an estimate in units of 1/`unit`; a dash for what was not measured. */
export function interval(estimate, digits, unit = 1) {
  if (estimate === undefined || estimate.mean === null) return "—";
  const [mean, low, high] = [estimate.mean, estimate.low, estimate.high].map((value) =>
    value === null ? "—" : (unit * value).toFixed(digits),
  );
  return `${mean} [${low}, ${high}]`;
}

/** The lines of a table. */
export function table(header, rows) {
  return [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
}
