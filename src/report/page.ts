import type { Results } from "../evaluation/results.ts";
import { claimSections } from "./claim-section.ts";
import { dataNotes } from "./datasets.ts";
import { flatnessSection } from "./flatness-section.ts";
import { html, raw } from "./html.ts";
import { labelsOf } from "./labels.ts";
import { choicesSection, metaTrainingSection } from "./meta-section.ts";
import { findingSentences, summaryOf } from "./prose.ts";
import { provenanceSection, settingsSection } from "./provenance-section.ts";
import { answerList, questionSections } from "./questions.ts";
import { resultsSection, trainingSection } from "./results-section.ts";
import type { Drawn } from "./section.ts";
import { seriesOf, withFewOptimizers } from "./series.ts";
import { STYLE } from "./style.ts";

/**
 * One self-contained HTML page about `results`: no script, no external resource, figures as inline SVG. The
 * same results always give the same bytes.
 *
 * @example
 * writeFileSync("report.html", renderReport(parseResults(readFileSync("results.json", "utf8"), "results.json")));
 */
export function renderReport(results: Results): string {
  const labels = labelsOf(results);
  const drawn: Drawn = {
    results,
    labels,
    series: seriesOf(results, labels),
    few: withFewOptimizers(results),
  };
  const sections = [
    ...questionSections(drawn),
    ...claimSections(drawn),
    resultsSection(drawn),
    trainingSection(drawn),
    metaTrainingSection(drawn),
    choicesSection(drawn),
    flatnessSection(drawn),
    settingsSection(drawn),
    provenanceSection(drawn),
  ].filter((section) => section !== undefined);
  const [lead, ...more] = summaryOf(results, labels);
  const findings = findingSentences(results, labels);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Lowland ${results.version}">
<meta name="description" content="${lead}">
<link rel="icon" href="data:,">
<title>${results.title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<div class="page">
<header>
<p class="eyebrow">Lowland report</p>
<h1>${results.title}</h1>
<p class="lead">${lead}</p>
${more.length === 0 ? "" : html`<p>${more.join(" ")}</p>`}
${dataNotes(results).map((note) => html`<p class="data-note">${note}</p>\n`)}
${answerList(drawn)}
${
  findings.length === 0
    ? ""
    : html`<ul class="findings" aria-label="What came out">${findings.map(
        ({ text, decided }) => html`<li${decided ? "" : html` class="plain"`}>${text}</li>\n`,
      )}</ul>`
}
<nav aria-label="Sections"><ul>${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
</header>
<main>
${sections.map(
  ({ id, title, body }) => html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}
</section>
`,
)}</main>
<footer>Made by Lowland ${results.version} from results.json; <span class="mono">lowland report</span> makes it again.</footer>
</div>
</body>
</html>
`;
  return page.markup;
}
