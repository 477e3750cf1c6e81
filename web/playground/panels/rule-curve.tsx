import type { JSX } from "preact";
import { playground } from "../../catalogue/playground.ts";
import { Canvas, type Draw } from "../../shared/canvas.tsx";
import { DownloadButtons } from "../../shared/download.tsx";
import { seriesStyle, theme } from "../../shared/theme.ts";
import { digits } from "../look.ts";

const text = playground.inside;
/** Decades of gradients on either side of 0. */
const DECADES = 4;

/** An update rule: update by gradient, gradients of both signs on a logarithmic scale. */
export function RuleCurve(props: {
  readonly gradients: readonly number[];
  readonly updates: readonly number[];
  /** Where the run is on it. */
  readonly at?: readonly [gradient: number, update: number];
  readonly place: number;
  readonly description: string;
  readonly name: string;
}): JSX.Element {
  const draw = drawing(props);
  return (
    <>
      <Canvas ratio={0.5} draw={draw} description={props.description} />
      <DownloadButtons picture={() => ({ name: props.name, draw, ratio: 0.5 })} />
    </>
  );
}

function drawing({
  gradients,
  updates,
  at,
  place,
}: Pick<Parameters<typeof RuleCurve>[0], "gradients" | "updates" | "at" | "place">): Draw {
  return (pen, width, height) => {
    const { rule, muted, ink, paper, series } = theme.value;
    const { color } = seriesStyle(theme.value, place);
    const largest = Math.max(...gradients.map(Math.abs)) || 1;
    const most = Math.max(1e-12, ...updates.map(Math.abs), Math.abs(at?.[1] ?? 0));
    const [left, right, top, bottom] = [8, width - 8, 18, height - 20];
    /** −1 … 1: sign, and decades above the smallest. */
    const signedLog = (g: number): number =>
      Math.sign(g) * Math.max(0, 1 + Math.log10(Math.abs(g) / largest + 1e-300) / DECADES);
    const x = (g: number): number => left + ((signedLog(g) + 1) / 2) * (right - left);
    const y = (u: number): number => (top + bottom) / 2 - (u / most) * ((bottom - top) / 2);
    const line = (x1: number, y1: number, x2: number, y2: number): void => {
      pen.beginPath();
      pen.moveTo(x1, y1);
      pen.lineTo(x2, y2);
      pen.stroke();
    };
    pen.setLineDash([]);
    pen.lineWidth = 1;
    pen.strokeStyle = rule;
    line(left, y(0), right, y(0));
    line(x(0), top, x(0), bottom);
    pen.fillStyle = muted;
    pen.font = "11px sans-serif";
    pen.textAlign = "start";
    pen.fillText(`${text.update} ±${digits(most)}`, left, 11);
    pen.fillText(digits(-largest), left, height - 5);
    pen.textAlign = "center";
    pen.fillText(`0 ← ${text.gradient} → 0`.replace("0 ← ", "← ").replace(" → 0", " →"), x(0), height - 5);
    pen.textAlign = "end";
    pen.fillText(digits(largest), right, height - 5);
    pen.strokeStyle = color;
    pen.lineWidth = 2.2;
    pen.beginPath();
    gradients.forEach((g, i) => {
      if (i === 0) pen.moveTo(x(g), y(updates[i]!));
      else pen.lineTo(x(g), y(updates[i]!));
    });
    pen.stroke();
    if (at === undefined) return;
    pen.fillStyle = ink;
    pen.strokeStyle = paper;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(x(at[0]), y(at[1]), 5, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
    void series;
  };
}
