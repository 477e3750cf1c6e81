import { groupBy } from "../evaluation/group.ts";
import type { Results } from "../evaluation/results.ts";
import type { Series } from "./figures.ts";
import { type Html, html } from "./html.ts";
import type { Labels } from "./labels.ts";

/** What every section of a page is drawn from. */
export interface Drawn {
  readonly results: Results;
  /** The same with the optimizers that figures have room for. */
  readonly few: Results;
  readonly labels: Labels;
  /** How each method looks, by its key. */
  readonly series: ReadonlyMap<string, Series>;
}

/** A section of the page, under a heading that the navigation links to. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}

/** A box that says how a section is to be read. */
export function how(...paragraphs: string[]): Html {
  const [first, ...rest] = paragraphs;
  return html`<aside class="how" aria-label="How to read this"><p><b>How to read this.</b> ${first}</p>${rest.map(
    (text) => html`<p>${text}</p>`,
  )}</aside>`;
}

/** Beyond this many, the blocks of single tasks are folded. */
export const MOST_OPEN = 4;

/** A block under a heading, folded where there are many of them. */
export function block(heading: string, body: Html, blocks: number): Html {
  return blocks <= MOST_OPEN
    ? html`<h3>${heading}</h3>
${body}`
    : folded(heading, body);
}

export function folded(heading: string, body: Html): Html {
  return html`<details><summary>${heading}</summary>
${body}</details>
`;
}

/** Records that share task and steps, in order of first appearance. */
export function groupsOf<R extends { readonly task: string; readonly steps: number }>(
  records: readonly R[],
): R[][] {
  return [...groupBy(records, ({ task, steps }) => JSON.stringify([task, steps])).values()];
}
