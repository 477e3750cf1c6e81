import "virtual:tokens.css";
import "../shared/style.css";
import "./playground.css";
import { type JSX, render } from "preact";
import { playground } from "../catalogue/playground.ts";
import { DecisionPanel } from "./panels/decision.tsx";
import { InsidePanel } from "./panels/inside.tsx";
import { LandscapePanel } from "./panels/landscape.tsx";
import { LossPanel } from "./panels/loss.tsx";
import { MetaPanel } from "./panels/meta.tsx";
import { Settings } from "./panels/settings.tsx";
import { SharpnessPanel } from "./panels/sharpness.tsx";
import { Toolbar } from "./panels/toolbar.tsx";
import { Tour } from "./panels/tour.tsx";
import type { PANELS } from "./state.ts";
import { finished, opened, problem, reset, start, state, takeSteps, toggle } from "./store.ts";

function Page(): JSX.Element {
  const shown = (panel: (typeof PANELS)[number]): boolean => !state.value.hide.includes(panel);
  return (
    <main>
      <header class="head">
        <div>
          <h1>{playground.title}</h1>
          <p class="muted">{playground.lead}</p>
        </div>
        {shown("tour") && <Tour />}
      </header>
      <Toolbar />
      {problem.value !== "" && (
        <p class="error" role="alert">
          {problem.value}
        </p>
      )}
      {shown("settings") && <Settings />}
      {opened.value === undefined && problem.value === "" && <p>{playground.working}</p>}
      <div class="panels">
        {shown("decision") && <DecisionPanel />}
        {shown("landscape") && <LandscapePanel />}
        {shown("loss") && <LossPanel />}
        {shown("sharpness") && <SharpnessPanel />}
        {shown("inside") && <InsidePanel />}
        {shown("meta") && <MetaPanel />}
      </div>
      <p class="muted">{playground.controls.keys}</p>
    </main>
  );
}

/** Keys that work wherever nothing else takes them. */
function onKey(event: KeyboardEvent): void {
  const { target, key, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey || altKey || problem.value !== "") return;
  if (target instanceof Element && target.closest("input, select, button, [tabindex='0']")) return;
  if (key === " ") toggle();
  else if (key === "ArrowRight" && !finished.value) void takeSteps(1);
  else if (key === "r" || key === "R") void reset();
  else return;
  event.preventDefault();
}

document.title = playground.title;
addEventListener("keydown", onKey);
render(<Page />, document.getElementById("app")!);
void start();
