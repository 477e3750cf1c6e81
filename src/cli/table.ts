/**
 * A plain text table: columns two spaces apart, those that hold only numbers aligned right, no trailing blanks.
 *
 * @example
 * formatTable(["name", "loss"], [["adam", 0.25], ["sgd", 1]]);
 */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const lines = [header, ...rows].map((row) => header.map((_, column) => String(row[column] ?? "")));
  const widths = header.map((_, column) => Math.max(...lines.map((line) => width(line[column]!))));
  const right = header.map(
    (_, column) => rows.length > 0 && rows.every((row) => isNumeric(String(row[column] ?? ""))),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => {
          const blanks = " ".repeat(widths[column]! - width(cell));
          return right[column] ? blanks + cell : cell + blanks;
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A number, alone or with an interval or unit: "91.5 %", "0.25 ± 0.01", "—". */
function isNumeric(cell: string): boolean {
  return /^([-+−]?[\d.,]+(e[-+]?\d+)?( ?%)?( ± [\d.,e+-]+( ?%)?)?|NaN|-?Infinity|—|)$/.test(cell);
}

function width(text: string): number {
  return [...text].length;
}
