import { buildCommand, buildRouteMap, type RouteMap } from "@stricli/core";
import { type CliContext, print, printJson } from "./context.ts";
import { jsonFlag } from "./flags.ts";
import { formatBytes } from "./progress.ts";
import { formatTable } from "./table.ts";

const list = buildCommand({
  docs: { brief: "List the meta-trained optimizers that come with Lowland; use one as zoo:NAME" },
  parameters: { flags: { json: jsonFlag } },
  async func(this: CliContext, { json }: { json: boolean }): Promise<void> {
    const { describeZoo, zooNames } = await import("../zoo/zoo.ts");
    const entries = zooNames().map(describeZoo);
    if (json) {
      printJson(this, { zoo: entries });
      return;
    }
    const rows = entries.map(({ name, config, outerStep, bytes }) => [
      name,
      config.tasks.join(", "),
      config.regularizer,
      `${outerStep} of ${config.outerSteps}`,
      formatBytes(bytes),
    ]);
    print(this, formatTable(["zoo", "task", "regularizer", "outer step", "size"], rows));
  },
});

const show = buildCommand({
  docs: { brief: "Print the card of one: how it was trained, on what, figures, limits" },
  parameters: {
    flags: { json: jsonFlag },
    positional: {
      kind: "tuple",
      parameters: [{ parse: String, brief: "A name of lowland zoo list", placeholder: "name" }],
    },
  },
  async func(this: CliContext, { json }: { json: boolean }, name: string): Promise<void> {
    const { describeZoo, zooCard } = await import("../zoo/zoo.ts");
    const entry = describeZoo(name);
    const card = zooCard(name);
    if (json) printJson(this, { ...entry, card });
    else print(this, `${card}\nFile: ${entry.path}`);
  },
});

export const zoo: RouteMap<CliContext> = buildRouteMap({
  routes: { list, show },
  docs: { brief: "Meta-trained optimizers that come with Lowland" },
});
