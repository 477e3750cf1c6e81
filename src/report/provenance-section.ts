import { groupBy, unique } from "../evaluation/group.ts";
import { methodKey } from "../evaluation/method-id.ts";
import { duration } from "./format.ts";
import { type Html, html } from "./html.ts";
import { type Drawn, how, type Section } from "./section.ts";
import { factsTable, settingsTable } from "./tables.ts";

/** Every setting that was used. */
export function settingsSection({ results, labels }: Drawn): Section | undefined {
  const { settings, metaTraining, evaluations } = results;
  const methods = groupBy(evaluations, ({ method }) => methodKey(method));
  const specs = Object.fromEntries(
    [...methods.values()].map((records) => {
      const own = unique(records.map(({ spec }) => spec));
      const several = `${own.length} settings by task and number of steps: see How settings were chosen`;
      return [labels.method(records[0]!.method), own.length === 1 ? own[0]! : several];
    }),
  );
  const empty = methods.size === 0 && Object.keys(settings).length === 0 && metaTraining.length === 0;
  const body = html`${how(
    "A spec string rebuilds its optimizer on the command line. Settings are those the run resolved to, defaults included; nested names are joined by dots.",
  )}
${methods.size === 0 ? "" : settingsTable("Optimizers by their spec strings.", [{ name: "Spec", settings: specs }], "Optimizer")}
${Object.keys(settings).length === 0 ? "" : settingsTable("Settings of the command.", [{ name: "Value", settings }])}
${
  metaTraining.length === 0
    ? ""
    : settingsTable(
        "Settings of meta-training.",
        metaTraining.map(({ method, settings: own }) => ({ name: labels.method(method), settings: own })),
      )
}`;
  return empty ? undefined : { id: "settings", title: "Settings", body };
}

/** What made the numbers. */
export function provenanceSection({ results }: Drawn): Section {
  const { command, startedAt, runSeconds, durationSeconds, estimates = [] } = results;
  const body = html`${how(
    "The same command with the same version and kernel variant gives the same numbers, whatever the number of threads; the portable variant gives them on any machine.",
  )}
<pre><code>${words(command)}</code></pre>
${factsTable("Where these numbers come from.", [
  ["Lowland", results.version],
  ["Kernel variant", results.kernelVariant],
  ["Node", results.node],
  ["Platform", results.platform],
  ...(startedAt === undefined ? [] : ([["Started", startedAt]] as const)),
  ...(runSeconds === undefined ? [] : ([["Runs", `${duration(runSeconds)} of one core`]] as const)),
  ["Last command", duration(durationSeconds)],
  ...estimates.map(
    ({ stage, work, seconds }) => [`Expected: ${stage}`, `${duration(seconds)}, ${work}`] as const,
  ),
  ["Results", `schemaVersion ${results.schemaVersion}, ${results.kind}`],
])}`;
  return { id: "provenance", title: "Provenance", body };
}

/** A command that wraps between its words, not inside `--flags`. */
function words(command: string): Html[] {
  return command
    .split(/(\s+)/)
    .map((part, i) => (i % 2 === 0 ? html`<span class="word">${part}</span>` : html`${part}`));
}
