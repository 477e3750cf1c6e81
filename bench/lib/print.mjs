// Figures as text and as Markdown.

/** 0.0123, 1.23, 12.3, 123. */
export function short(value) {
  if (value === undefined) return "";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  return value.toPrecision(3);
}

/** The fastest variant of each peer in a row, by its best time. */
export function fastest(row) {
  const best = new Map();
  for (const peer of row.peers ?? []) {
    const known = best.get(peer.name);
    if (known === undefined || peer.timesSlower.best < known.timesSlower.best) best.set(peer.name, peer);
  }
  return [...best.values()];
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    console.log(
      `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ")}`,
    );
  }
}

/** Prints a figure: for every case Lowland and the peers, best and median, and how many times slower a peer is. */
export function printFigure({ title, rows, lines = [] }) {
  console.log(`\n${title}`);
  for (const row of rows ?? []) {
    console.log(` ${row.name} (${row.unit})`);
    const cells = (name, threads, { best, median }, ratio) => [
      name,
      `${threads} thread${threads === 1 ? " " : "s"}`,
      `best ${short(best)}`,
      `median ${short(median)}`,
      ratio,
    ];
    table([
      cells("Lowland", row.lowland.threads, row.lowland, ""),
      ...row.peers.map((peer) =>
        cells(
          `${peer.name} (${peer.variant})`,
          peer.threads,
          peer,
          `${peer.timesSlower.best.toFixed(2)}× our time, ${peer.timesSlower.median.toFixed(2)}× by medians`,
        ),
      ),
    ]);
    for (const { peer, variant, problem } of row.refused ?? [])
      console.log(`  ${peer} (${variant}) not timed: ${problem}`);
    if (row.timesOneThread) {
      const { best, median } = row.timesOneThread;
      console.log(`  ${best.toFixed(2)}× one thread, ${median.toFixed(2)}× by medians`);
    }
  }
  for (const line of lines) console.log(` ${line}`);
}

/** The contests of a result as a Markdown table: best times, and how many times slower each peer's fastest variant is. */
export function markdown(result) {
  const names = ["PyTorch", "JAX", "TensorFlow.js", "jax-js"];
  const rows = Object.values(result.figures).flatMap(({ title, rows: cases = [] }) =>
    cases.map((row) => {
      const peers = fastest(row);
      const least = Math.min(1, ...peers.map(({ timesSlower }) => timesSlower.best));
      const bold = (text, ratio) => (ratio === least ? `**${text}**` : text);
      const cell = (name) => {
        const peer = peers.find((entry) => entry.name === name);
        if (peer === undefined) return "";
        const ratio = peer.timesSlower.best;
        return `${bold(short(peer.best), ratio)} (${ratio.toFixed(1)}×)`;
      };
      return [
        `${title}: ${row.name}`,
        row.unit,
        `${bold(short(row.lowland.best), 1)} (${row.lowland.threads})`,
        ...names.map(cell),
      ];
    }),
  );
  const { columns = [], table: backends = [] } = result.figures.backends ?? {};
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [
    line(["", "unit", "Lowland (threads)", ...names]),
    line(["---", "---", "---:", ...names.map(() => "---:")]),
    ...rows.map(line),
    ...(backends.length > 0
      ? [
          "",
          line(["ms, best", ...columns]),
          line(["---", ...columns.map(() => "---:")]),
          ...backends.map(({ name, ms }) => line([name, ...ms.map(short)])),
        ]
      : []),
  ].join("\n");
}
