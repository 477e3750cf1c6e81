import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { playground } from "../../catalogue/playground.ts";
import { Button } from "../../shared/controls.tsx";
import type { PlaygroundState } from "../state.ts";
import { change, learnedByDefault } from "../store.ts";

const text = playground.tour;

/** What a step of the tour sets up, and the panel it is about. */
interface Stop {
  readonly panel: string;
  setting(): Partial<PlaygroundState>;
}

const FLAT = "sgd:lr=0.05+sam:rho=0.3";

const STOPS: readonly Stop[] = [
  {
    panel: "landscape",
    setting: () => ({ data: "surface", runs: ["adam:lr=0.05", "sgd:lr=0.05"], steps: 300, speed: "60" }),
  },
  {
    panel: "landscape",
    setting: () => ({
      data: "surface",
      runs: ["sgd:lr=0.05", FLAT, "adam:lr=0.05"],
      steps: 300,
      speed: "60",
    }),
  },
  {
    panel: "sharpness",
    setting: () => ({
      data: "moons",
      runs: ["adam:lr=0.01", "adam:lr=0.01+sam:rho=0.2", "adam:lr=0.01+gam:rho=0.2"],
      steps: 500,
      speed: "60",
    }),
  },
  {
    panel: "inside",
    setting: () => ({
      data: "moons",
      runs: ["adam:lr=0.01", learnedByDefault()],
      inspect: 1,
      steps: 500,
      speed: "20",
    }),
  },
  { panel: "meta", setting: () => ({ data: "moons", speed: "60" }) },
];

/** Step of the tour; undefined where it is not under way. */
const place = signal<number | undefined>(undefined);

function goTo(next: number | undefined): void {
  place.value = next;
  if (next !== undefined) change(STOPS[next]!.setting());
}

/** Five steps that teach what a learned optimizer is and what flatness means, with the page itself. */
export function Tour(): JSX.Element {
  const at = place.value;
  const card = useRef<HTMLElement>(null);
  useEffect(() => {
    const panel = at === undefined ? undefined : document.getElementById(STOPS[at]!.panel);
    panel?.classList.add("shown");
    card.current?.focus({ preventScroll: true });
    return () => panel?.classList.remove("shown");
  }, [at]);
  if (at === undefined) {
    return (
      <Button name="tour" onClick={() => goTo(0)}>
        {text.start}
      </Button>
    );
  }
  const { title, text: words } = text.steps[at]!;
  return (
    <aside class="tour" aria-label={text.title} ref={card} tabIndex={-1}>
      <p class="muted">{text.place(at, STOPS.length)}</p>
      <h2>{title}</h2>
      <p>{words}</p>
      <div class="row">
        <Button name="tourBack" disabled={at === 0} onClick={() => goTo(at - 1)}>
          {text.back}
        </Button>
        {at + 1 < STOPS.length && (
          <Button name="tourNext" kind="primary" onClick={() => goTo(at + 1)}>
            {text.next}
          </Button>
        )}
        <Button name="tourEnd" kind="plain" onClick={() => goTo(undefined)}>
          {text.end}
        </Button>
      </div>
    </aside>
  );
}
