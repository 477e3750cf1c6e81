/** Markup that is safe to put into a page: only `html` and `raw` make it. */
export interface Html {
  readonly markup: string;
}

/** What may stand in an `html` template; strings and numbers are escaped, nothing is left out. */
export type Part = Html | string | number | undefined | readonly Part[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text without control characters and lone surrogates, which no document may hold: U+FFFD stands for them. */
export function cleanText(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|\p{Cs}/gu, "\ufffd");
}

/** Text as HTML, safe in content and in quoted attributes. */
export function escapeHtml(text: string): string {
  return cleanText(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Takes markup as it is: for markup this program made. */
export function raw(markup: string): Html {
  return { markup };
}

/**
 * Markup with every interpolated string escaped.
 *
 * @example
 * html`<td>${"a < b"}</td>`.markup === "<td>a &lt; b</td>"
 */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return raw(strings.map((text, i) => text + markupOf(parts[i])).join(""));
}

function markupOf(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "string") return escapeHtml(part);
  if (typeof part === "number") return String(part);
  if ("markup" in part) return part.markup;
  return part.map(markupOf).join("");
}
