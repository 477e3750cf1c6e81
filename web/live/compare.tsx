import type { JSX } from "preact";
import type { RunSummary } from "../../src/serve/protocol.ts";
import { live } from "../catalogue/live.ts";
import { Button, Panel } from "../shared/controls.tsx";
import { Swatch } from "../shared/legend.tsx";
import { differingFields, settingText } from "./groups.ts";
import { choices, choose } from "./state.ts";
import { drawn } from "./store.ts";

/** Settings of the shown groups side by side: those that differ, or all. */
export function Compare({ places }: { places: ReadonlyMap<string, number> }): JSX.Element | null {
  const groups = drawn.value.filter(({ key }) => places.has(key));
  if (groups.length < 2) return null;
  const runs = groups.flatMap((group) => group.runs);
  const all = choices.value.allSettings;
  const fields = all
    ? [...new Set(runs.flatMap(({ config }) => Object.keys(config)))]
    : differingFields(runs);
  const valuesOf = (field: string, members: readonly RunSummary[]): string =>
    [...new Set(members.map(({ config }) => settingText(config[field])))].join(", ");
  return (
    <Panel
      id="compare"
      title={all ? live.compareAll : live.compare}
      actions={
        <Button kind="plain" name="all-settings" pressed={all} onClick={() => choose({ allSettings: !all })}>
          {live.compareAll}
        </Button>
      }
    >
      {fields.length === 0 ? (
        <p class="muted">{live.compareNone}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys
        <section class="scroll" tabIndex={0} aria-label={live.compare}>
          <table class="settings">
            <thead>
              <tr>
                <th scope="col">{live.field}</th>
                {groups.map(({ key, label }) => (
                  <th key={key} scope="col">
                    <Swatch place={places.get(key)!} /> {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {fields.map((field) => (
                <tr key={field}>
                  <th scope="row">{field}</th>
                  {groups.map(({ key, runs: members }) => (
                    <td key={key}>{valuesOf(field, members)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Panel>
  );
}
