import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { playground } from "../../catalogue/playground.ts";
import { Button, Select } from "../../shared/controls.tsx";
import { save } from "../../shared/save.ts";
import { ThemeButton } from "../../shared/theme-button.tsx";
import { checksum } from "../model/checksum.ts";
import { SPEEDS } from "../state.ts";
import {
  change,
  finished,
  link,
  opened,
  playing,
  problem,
  reset,
  settled,
  state,
  step,
  takeSteps,
  toggle,
  tracks,
} from "../store.ts";

const text = playground.controls;

/** Steps of the larger of the two step buttons. */
const STRIDE = 25;

/** Plays, pauses, steps and resets; shares and downloads the whole. */
export function Toolbar(): JSX.Element {
  const copied = useSignal("");
  const { speed, steps } = state.value;
  const idle = problem.value !== "";
  return (
    <div class="toolbar row" role="toolbar" aria-label={playground.title} data-settled={settled.value}>
      <Button name="play" kind="primary" disabled={idle} onClick={toggle}>
        {playing.value ? `❚❚ ${text.pause}` : `▶ ${text.play}`}
      </Button>
      <Button
        name="step"
        hint={text.step}
        disabled={idle || finished.value}
        onClick={() => void takeSteps(1)}
      >
        +1
      </Button>
      <Button
        name="stride"
        hint={text.steps}
        disabled={idle || finished.value}
        onClick={() => void takeSteps(STRIDE)}
      >
        +{STRIDE}
      </Button>
      <Button name="reset" hint={text.reset} onClick={() => void reset()}>
        ↺
      </Button>
      <Select
        label={text.speed}
        name="speed"
        value={speed}
        options={SPEEDS.map((value) => [value, text.speeds[value]])}
        onChange={(value) => change({ speed: value })}
      />
      <output class="at" aria-live="off">
        {text.at(step.value, steps)}
      </output>
      <span class="spring" />
      <Button name="share" kind="plain" onClick={() => void copy(link.value, "share", copied)}>
        {copied.value === "share" ? text.copied : text.share}
      </Button>
      <Button
        name="embed"
        kind="plain"
        hint={text.embedHint}
        onClick={() => void copy(frameMarkup(), "embed", copied)}
      >
        {copied.value === "embed" ? text.copied : text.embed}
      </Button>
      <Button name="json" kind="plain" hint={text.jsonHint} onClick={downloadJson}>
        {text.json}
      </Button>
      <ThemeButton />
    </div>
  );
}

async function copy(content: string, what: string, copied: Signal<string>): Promise<void> {
  await navigator.clipboard.writeText(content);
  copied.value = what;
  setTimeout(() => {
    copied.value = "";
  }, 1500);
}

/** A frame for another page: the figures, without what changes settings. */
function frameMarkup(): string {
  const address = new URL(link.value);
  address.searchParams.set("hide", "settings,tour,meta");
  return `<iframe src="${address.href.replaceAll("&", "&amp;")}" width="100%" height="800" title="${playground.title}"></iframe>`;
}

/** Settings, what was measured, and checksums of the parameters that Node comes to as well. */
function downloadJson(): void {
  const content = {
    link: link.value,
    state: state.value,
    bits: opened.value?.bits,
    step: step.value,
    runs: tracks.value.map(({ measured, sharpness, divergedAt, params }, i) => ({
      method: state.value.runs[i],
      measured,
      sharpness,
      ...(divergedAt !== undefined && { divergedAt }),
      params: checksum(params),
    })),
  };
  save("lowland.json", new Blob([`${JSON.stringify(content, null, 2)}\n`], { type: "application/json" }));
}
