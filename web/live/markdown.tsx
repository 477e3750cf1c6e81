import type { ComponentChildren, JSX } from "preact";

/** Markdown as cards are written: headings, paragraphs, tables, fenced code, `code`. Everything else is shown as it is. */
export function Markdown({ text }: { text: string }): JSX.Element {
  const blocks = text
    .split(/(^```\w*\n[\s\S]*?\n```$)/m)
    .flatMap((part) => (part.startsWith("```") ? [part] : part.split(/\n{2,}/)))
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return (
    <div class="card">
      {blocks.map((block, i) => (
        <Block key={i} text={block} />
      ))}
    </div>
  );
}

function Block({ text }: { text: string }): JSX.Element {
  const heading = /^(#{1,3}) (.*)$/.exec(text);
  if (heading !== null)
    return heading[1]!.length === 1 ? <h3>{inline(heading[2]!)}</h3> : <h4>{inline(heading[2]!)}</h4>;
  const code = /^```\w*\n([\s\S]*?)\n```$/.exec(text);
  if (code !== null) return <pre>{code[1]}</pre>;
  if (text.startsWith("| ")) return <Table lines={text.split("\n")} />;
  return <p>{inline(text)}</p>;
}

function Table({ lines }: { lines: readonly string[] }): JSX.Element {
  const cells = (line: string): string[] =>
    line
      .replace(/^\||\|$/g, "")
      .split("|")
      .map((cell) => cell.trim());
  const [head = "", , ...rows] = lines;
  return (
    <table>
      <thead>
        <tr>
          {cells(head).map((cell) => (
            <th key={cell} scope="col">
              {inline(cell)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row}>
            {cells(row).map((cell) => (
              <td key={cell}>{inline(cell)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function inline(text: string): ComponentChildren {
  return text
    .split(/(`[^`]+`)/)
    .map((part) => (part.startsWith("`") ? <code>{part.slice(1, -1)}</code> : part));
}
