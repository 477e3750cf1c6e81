import type { ComponentChildren, JSX } from "preact";
import { live } from "../catalogue/live.ts";
import { Button, Panel } from "../shared/controls.tsx";
import { countText, durationText, momentText, numberText } from "./format.ts";
import { settingText } from "./groups.ts";
import { Markdown } from "./markdown.tsx";
import { Status } from "./run-table.tsx";
import { choose } from "./state.ts";
import { detail } from "./store.ts";

/** Everything about the run that is open. */
export function Detail(): JSX.Element | null {
  if (detail.value === undefined) return null;
  const { summary, meta, card } = detail.value;
  const { id, name, kind, status, started, updatedMs, seconds, computing, best, config, files } = summary;
  const { facts } = live;
  const link = (file: string): string => `../file?run=${id}&name=${encodeURIComponent(file)}`;
  const command = Array.isArray(meta.command) ? ["lowland", ...meta.command].join(" ") : undefined;
  return (
    <Panel
      id="detail"
      title={live.detail(name)}
      actions={
        <Button kind="plain" name="close" hint={live.close} onClick={() => choose({ open: "" })}>
          ×
        </Button>
      }
    >
      <p>
        <Status status={status} /> {live.statusMeans[status]}.
      </p>
      <dl>
        <Fact name={facts.kind}>{kind}</Fact>
        {started !== undefined && <Fact name={facts.started}>{momentText(Date.parse(started))}</Fact>}
        <Fact name={facts.updated}>{momentText(updatedMs)}</Fact>
        {seconds !== undefined && <Fact name={facts.seconds}>{durationText(seconds)}</Fact>}
        {computing.length > 0 && (
          <Fact name={facts.computing}>
            {computing.map(({ pid, host, alive }) => live.process(pid, host, alive)).join("; ")}
          </Fact>
        )}
        {best !== undefined && (
          <Fact name={facts.best}>{live.bestAt(numberText(best.loss), countText(best.step))}</Fact>
        )}
        {typeof meta.lowland === "string" && <Fact name={facts.version}>{meta.lowland}</Fact>}
        {command !== undefined && (
          <Fact name={facts.command}>
            <code>{command}</code>
          </Fact>
        )}
        <Fact name={facts.files}>
          {files.map((file) => (
            <span key={file}>
              <a href={link(file)} target="_blank" rel="noreferrer">
                {file === "report.html" ? live.report : file}
              </a>{" "}
            </span>
          ))}
        </Fact>
      </dl>
      {Object.keys(config).length > 0 && (
        <details>
          <summary>{live.config}</summary>
          <table class="settings">
            <tbody>
              {Object.entries(config).map(([field, value]) => (
                <tr key={field}>
                  <th scope="row">{field}</th>
                  <td>{settingText(value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
      {card !== undefined && (
        <details>
          <summary>{live.card}</summary>
          <Markdown text={card} />
        </details>
      )}
    </Panel>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
