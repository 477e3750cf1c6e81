import { testsIn } from "../analysis/decisions.ts";
import { limitsOf } from "../analysis/limits.ts";
import { type Verdict, verdictsOf } from "../analysis/verdicts.ts";
import { isLarge } from "../evaluation/results.ts";
import {
  effectText,
  OUTCOMES,
  QUESTIONS,
  ruleOf,
  SIGNIFICANCE,
  STANDINGS,
  sentenceOf,
  TESTED_AT,
} from "./catalogue.ts";
import { claimTable } from "./claim-section.ts";
import { costEvidence } from "./cost-evidence.ts";
import { learnedEvidence, radiusEvidence } from "./flatness-evidence.ts";
import { MISSING } from "./format.ts";
import { type Html, html } from "./html.ts";
import type { Labels } from "./labels.ts";
import { capitalized } from "./prose.ts";
import type { Drawn, Section } from "./section.ts";
import { transferEvidence } from "./transfer-evidence.ts";
import { GLOSSARY } from "./words.ts";

const EVIDENCE: Readonly<Record<Verdict["id"], (drawn: Drawn) => Html>> = {
  learned: learnedEvidence,
  transfer: transferEvidence,
  radius: radiusEvidence,
  cost: costEvidence,
};

/** The paper's questions one by one, each with its answer, figure and numbers; none for other results. */
export function questionSections(drawn: Drawn): Section[] {
  if (drawn.results.kind !== "reproduce-paper") return [];
  return verdictsOf(drawn.results).map((verdict) => ({
    id: `question-${verdict.id}`,
    title: QUESTIONS[verdict.id].question,
    body: html`${answer(verdict, drawn.labels)}
${EVIDENCE[verdict.id](drawn)}`,
  }));
}

/** All answers at a glance, for the top of the page. */
export function answerList(drawn: Drawn): Html {
  const { results, labels } = drawn;
  const paper = results.kind === "reproduce-paper";
  if (!isLarge(results)) return html``;
  const limits = limitsOf(results);
  return html`${
    paper
      ? html`<p>The paper: Sahoo and Krishnan, “Learning Regularizers: Learning Optimizers that can Regularize”, 2025.</p>
${answerTable(verdictsOf(results))}`
      : claimTable(drawn)
  }
${
  limits.length === 0
    ? ""
    : html`<aside class="how" aria-label="What limits this"><p><b>What limits this.</b></p><ul>${limits.map((limit) => html`<li>${sentenceOf(limit, labels)}</li>\n`)}</ul></aside>`
}
<details><summary>What the words mean</summary>
<dl>${GLOSSARY.map(([word, meaning]) => html`<dt>${word}</dt><dd>${meaning}</dd>\n`)}${Object.entries(
    paper ? OUTCOMES : STANDINGS,
  ).map(([outcome, rule]) => html`<dt>${outcome}</dt><dd>${rule}.</dd>\n`)}</dl>
</details>`;
}

function answerTable(verdicts: readonly Verdict[]): Html {
  const columns = Object.keys(TESTED_AT) as (keyof typeof TESTED_AT)[];
  const cell = (tally: Verdict["tallies"][keyof typeof TESTED_AT]): Html => {
    if (tally === undefined || testsIn(tally) === 0) return html`<td class="num">${MISSING}</td>`;
    const { support, undecided, against, unequallyTrained = 0, ofOneRun = 0 } = tally;
    const decided = support + against;
    const notes = [
      ...(ofOneRun > 0 ? [`${ofOneRun} of ${decided} of one run`] : []),
      ...(unequallyTrained > 0 ? [`${unequallyTrained} of ${decided} unequally trained`] : []),
      `median ${effectText(tally)}`,
    ];
    return html`<td class="num">${support} · ${undecided} · ${against}${notes.map((note) => html`<span class="note">${note}</span>`)}</td>`;
  };
  return html`<div class="scroll answers" tabindex="0" role="region" aria-label="Answers"><table class="facts"><caption><span>What of the paper these results reproduce. Tests for the claim · undecided · against it. ${SIGNIFICANCE}. Then the median change over all tests, with its quartiles.</span></caption>
<thead><tr><th scope="col">Question</th><th scope="col">Outcome</th>${columns.map((what) => html`<th scope="col" class="num">${capitalized(TESTED_AT[what])}</th>`)}</tr></thead><tbody>
${verdicts.map(
  ({ id, outcome, tallies }) =>
    html`<tr><th scope="row"><a href="#question-${id}">${QUESTIONS[id].question}</a></th><td>${chip(outcome)}</td>${columns.map((what) => cell(tallies[what]))}</tr>\n`,
)}</tbody></table></div>`;
}

function chip(outcome: Verdict["outcome"]): Html {
  return html`<span class="chip ${outcome.replace(/ /g, "-")}">${outcome}</span>`;
}

function answer(verdict: Verdict, labels: Labels): Html {
  const { id, outcome, facts } = verdict;
  return html`<p class="claim"><b>The claim.</b> ${QUESTIONS[id].claim}</p>
<p><b>Here:</b> ${chip(outcome)}</p>
<p>${capitalized(ruleOf(verdict))}</p>
<ul class="findings">${facts.map((fact) => html`<li>${sentenceOf(fact, labels)}</li>\n`)}</ul>`;
}
