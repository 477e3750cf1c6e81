import { buildCommand, type Command } from "@stricli/core";
import type { ParameterTable } from "../spec.ts";
import { type CliContext, print, printJson } from "./context.ts";
import { jsonFlag } from "./flags.ts";
import { formatTable } from "./table.ts";

interface Listed {
  readonly name: string;
  readonly description: string;
  readonly parameters: ParameterTable;
}

/** A command that prints what a registry holds: names, settings with defaults and ranges. */
function listCommand(
  what: string,
  brief: string,
  load: () => Promise<readonly Listed[]>,
): Command<CliContext> {
  return buildCommand({
    docs: { brief },
    parameters: { flags: { json: jsonFlag } },
    async func(this: CliContext, { json }: { json: boolean }): Promise<void> {
      const listed = await load();
      if (json) {
        printJson(this, { [what]: listed });
        return;
      }
      print(this, await settingsTable(what, listed));
    },
  });
}

/** Names with their settings below them. */
async function settingsTable(what: string, listed: readonly Listed[]): Promise<string> {
  const { describeRange } = await import("../spec.ts");
  const rows = listed.flatMap(({ name, description, parameters }) => [
    [name, "", "", description],
    ...Object.entries(parameters).map(([key, parameter]) => [
      `  ${key}`,
      `${parameter.default}`,
      describeRange(parameter),
      parameter.description,
    ]),
  ]);
  return formatTable([what, "default", "range", "what it is"], rows);
}

const entries = <T extends { readonly description: string; readonly parameters: ParameterTable }>(
  registry: Readonly<Record<string, T>>,
): Listed[] =>
  Object.entries(registry).map(([name, { description, parameters }]) => ({ name, description, parameters }));

/** How optimizers are written that have no settings but a path or a name. */
const PLACEHOLDERS: Readonly<Record<string, string>> = { learned: "learned:PATH", zoo: "zoo:NAME" };

export const optimizers: Command<CliContext> = listCommand(
  "optimizers",
  "List optimizers with their settings, what goes around them (+clip:norm=1), and architectures of learned ones",
  async () => {
    const { allOptimizers } = await import("../evaluation/optimizers.ts");
    const { combinators } = await import("../optimizers/combinators/registry.ts");
    const { learnedOptimizers } = await import("../learned/registry.ts");
    return [
      ...entries(allOptimizers).map((entry) => ({ ...entry, name: PLACEHOLDERS[entry.name] ?? entry.name })),
      ...entries(combinators).map((entry) => ({ ...entry, name: `+${entry.name}` })),
      ...entries(learnedOptimizers).map((entry) => ({
        ...entry,
        name: `--learned ${entry.name}`,
      })),
    ];
  },
);

export const regularizers: Command<CliContext> = listCommand(
  "regularizers",
  "List regularizers with their settings, and the rules by which they may change (--regularization)",
  async () => {
    const { describeRegularizers } = await import("../regularizers/registry.ts");
    const { regularizations } = await import("../meta/regularization/registry.ts");
    return [
      ...describeRegularizers(),
      ...entries(regularizations).map((entry) => ({ ...entry, name: `--regularization ${entry.name}` })),
    ];
  },
);

export const tasks: Command<CliContext> = buildCommand({
  docs: { brief: "List tasks, the settings of their models, and what makes families of them (+reparam)" },
  parameters: { flags: { json: jsonFlag } },
  async func(this: CliContext, { json }: { json: boolean }): Promise<void> {
    const { describeDomains, describeTasks } = await import("../tasks/load.ts");
    const { models } = await import("../tasks/models.ts");
    const { augmentations } = await import("../tasks/augmentations.ts");
    const described = describeTasks();
    if (json) {
      printJson(this, {
        tasks: described,
        models: entries(models),
        domains: describeDomains(),
        augmentations: entries(augmentations),
      });
    } else {
      const rows = described.map(({ name, parameters, data, model, available }) => [
        name,
        parameters,
        model,
        available ? data : `${data} (not found; lowland data fetch ${data})`,
      ]);
      print(this, formatTable(["task", "parameters", "model", "data"], rows));
      print(this, "");
      print(this, await settingsTable("model", entries(models)));
      print(this, "");
      print(this, await settingsTable("task", describeDomains()));
      print(this, "");
      const added = entries(augmentations).map((entry) => ({ ...entry, name: `+${entry.name}` }));
      print(this, await settingsTable("family", added));
    }
  },
});
