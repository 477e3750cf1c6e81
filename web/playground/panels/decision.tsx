import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { playground } from "../../catalogue/playground.ts";
import { Canvas, type Draw } from "../../shared/canvas.tsx";
import { channels, mix } from "../../shared/colors.ts";
import { Button, Panel } from "../../shared/controls.tsx";
import { DownloadButtons } from "../../shared/download.tsx";
import { fillGrid } from "../../shared/grid.ts";
import { Swatch } from "../../shared/legend.tsx";
import { theme } from "../../shared/theme.ts";
import { percent, runName } from "../look.ts";
import { GRID } from "../model/problem.ts";
import type { Points } from "../protocol.ts";
import { opened, predict, state, step, tracks } from "../store.ts";

const text = playground.decision;
const DIGITS = Array.from({ length: 10 }, (_, digit) => digit);

/** What every run's network decides: over the plane of a toy, or of a digit that the reader draws. */
export function DecisionPanel(): JSX.Element | null {
  const points = opened.value?.points;
  if (points !== undefined) return <Planes points={points} />;
  return state.value.data.startsWith("digits") ? <DrawnDigit /> : null;
}

function Planes({ points }: { points: Points }): JSX.Element {
  const runs = tracks.value;
  const all: Draw = (pen, width, height) => {
    const side = width / 2;
    runs.forEach(({ surface }, i) => {
      const box = { x: (i % 2) * side, y: Math.floor(i / 2) * side, width: side, height: side };
      drawPlane(pen, surface, points, box);
    });
    void height;
  };
  return (
    <Panel
      id="decision"
      title={text.title}
      actions={
        <DownloadButtons
          picture={() => ({ name: "decision", draw: all, ratio: runs.length > 2 ? 1 : 0.5 })}
        />
      }
    >
      <p class="muted">{text.about}</p>
      <div class="planes">
        {runs.map(({ surface, measured }, place) => {
          const name = runName(state.value.runs[place] ?? "");
          const accuracy = percent(measured.at(-1)?.testAccuracy);
          return (
            <figure key={place}>
              <figcaption>
                <Swatch place={place} /> {name} <output>{accuracy}</output>
              </figcaption>
              <Canvas
                draw={(pen, width, height) => drawPlane(pen, surface, points, { x: 0, y: 0, width, height })}
                description={text.describe(name, accuracy)}
              />
            </figure>
          );
        })}
      </div>
    </Panel>
  );
}

/** Probabilities as a ground, training examples as points with a ring. */
function drawPlane(
  pen: Parameters<Draw>[0],
  surface: Float32Array | undefined,
  { train }: Points,
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
): void {
  const { paper, series } = theme.value;
  // blue, orange, and for a third class magenta: told apart in every common colour-vision deficiency
  const hues = [series[0]!, series[1]!, series[3]!];
  if (surface !== undefined) {
    const classes = surface.length / GRID ** 2;
    const ground = hues.map(channels);
    const base = channels(paper);
    fillGrid(
      pen,
      { x, y, width, height },
      {
        columns: GRID,
        rows: GRID,
        smooth: true,
        color(column, row) {
          const first = (row * GRID + column) * classes;
          const mixed = [0, 1, 2].map((channel) => {
            let value = 0;
            for (let c = 0; c < classes; c++) value += surface[first + c]! * ground[c]![channel]!;
            return Math.round(base[channel]! + 0.5 * (value - base[channel]!));
          });
          return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
        },
      },
    );
  }
  pen.lineWidth = 1;
  pen.setLineDash([]);
  pen.strokeStyle = paper;
  const radius = Math.max(1.5, width / 110);
  for (const [label, hue] of hues.entries()) {
    pen.fillStyle = hue;
    pen.beginPath();
    for (const [px, py, own] of train) {
      if (own !== label) continue;
      pen.moveTo(x + px * width + radius, y + (1 - py) * height);
      pen.arc(x + px * width, y + (1 - py) * height, radius, 0, 2 * Math.PI);
    }
    pen.fill();
    pen.stroke();
  }
}

/** Side of the pad, in the units of its pixels. */
const PAD = 28;

function DrawnDigit(): JSX.Element {
  const pad = useRef(new Float32Array(PAD * PAD));
  const cursor = useSignal<readonly [number, number]>([PAD / 2, PAD / 2]);
  const stroke = useRef<readonly [number, number] | undefined>(undefined);
  const answers = useSignal<readonly Float32Array[]>([]);
  const drawn = useSignal(0);
  const side = state.value.data === "digits8" ? 8 : PAD;
  const ask = async (): Promise<void> => {
    if (drawn.value > 0) answers.value = await predict(shrunk(pad.current, side));
  };
  // what a network says changes with every step
  useEffect(() => {
    void ask();
  }, [Math.floor(step.value / 10), drawn.value, side]);
  const dab = (x: number, y: number): void => {
    const [fromX, fromY] = stroke.current ?? [x, y];
    const pieces = Math.max(1, Math.ceil(2 * Math.hypot(x - fromX, y - fromY)));
    for (let i = 1; i <= pieces; i++) {
      ink(pad.current, fromX + ((x - fromX) * i) / pieces, fromY + ((y - fromY) * i) / pieces);
    }
    stroke.current = [x, y];
    drawn.value++;
  };
  const move = (key: string): boolean => {
    const [dx, dy] = ARROWS[key] ?? [0, 0];
    if (key === " ") dab(...cursor.value);
    else if (dx === 0 && dy === 0) return false;
    const within = (value: number): number => Math.min(PAD - 1, Math.max(0, value));
    cursor.value = [within(cursor.value[0] + dx), within(cursor.value[1] + dy)];
    stroke.current = undefined;
    drawn.value += 0;
    return true;
  };
  const draw: Draw = (pen, width, height) => {
    const { paper, ink: dark, accent } = theme.value;
    fillGrid(
      pen,
      { x: 0, y: 0, width, height },
      { columns: PAD, rows: PAD, color: (column, row) => mix(paper, dark, pad.current[row * PAD + column]!) },
    );
    const [x, y] = cursor.value;
    pen.strokeStyle = accent;
    pen.lineWidth = 1;
    pen.setLineDash([]);
    pen.strokeRect((x / PAD) * width - 4, (y / PAD) * height - 4, 8, 8);
  };
  void drawn.value;
  return (
    <Panel
      id="decision"
      title={text.draw}
      actions={
        <Button
          name="clear"
          onClick={() => {
            pad.current.fill(0);
            answers.value = [];
            drawn.value = 0;
          }}
        >
          {text.clear}
        </Button>
      }
    >
      <p class="muted">{text.drawHint}</p>
      <div class="drawing">
        <div class="pad">
          <Canvas
            draw={draw}
            description={text.drawHint}
            onPick={(x, y, phase) => {
              if (phase === "down") stroke.current = undefined;
              cursor.value = [x * PAD, y * PAD];
              dab(x * PAD, y * PAD);
            }}
            onKey={move}
          />
        </div>
        <div class="answers" aria-live="polite">
          {answers.value.map((probabilities, place) => (
            <Answer key={place} place={place} probabilities={probabilities} />
          ))}
        </div>
      </div>
    </Panel>
  );
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function Answer({ place, probabilities }: { place: number; probabilities: Float32Array }): JSX.Element {
  const best = probabilities.indexOf(Math.max(...probabilities));
  return (
    <div>
      <Swatch place={place} /> {runName(state.value.runs[place] ?? "")}:{" "}
      <output>{text.says(best, percent(probabilities[best]))}</output>
      <div class="bars" aria-hidden="true">
        {DIGITS.map((digit) => (
          <span key={digit}>
            <meter value={probabilities[digit]} />
            {digit}
          </span>
        ))}
      </div>
    </div>
  );
}

/** A round pen of 1.2 pixels' radius. */
function ink(pad: Float32Array, x: number, y: number): void {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  for (let dy = -2; dy <= 2; dy++) {
    for (let dx = -2; dx <= 2; dx++) {
      const [px, py] = [column + dx, row + dy];
      if (px < 0 || py < 0 || px >= PAD || py >= PAD) continue;
      const value = Math.max(0, Math.min(1, 1.7 - Math.hypot(px + 0.5 - x, py + 0.5 - y)));
      pad[py * PAD + px] = Math.max(pad[py * PAD + px]!, value);
    }
  }
}

/** The pad at `side` × `side`, by means over areas. */
function shrunk(pad: Float32Array, side: number): Float32Array {
  if (side === PAD) return pad.slice();
  const image = new Float32Array(side * side);
  const step = PAD / side;
  const overlap = (pixel: number, cell: number): number =>
    Math.max(0, Math.min(pixel + 1, (cell + 1) * step) - Math.max(pixel, cell * step));
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      let sum = 0;
      for (let y = Math.floor(row * step); y < (row + 1) * step; y++) {
        for (let x = Math.floor(column * step); x < (column + 1) * step; x++) {
          sum += pad[y * PAD + x]! * overlap(x, column) * overlap(y, row);
        }
      }
      image[row * side + column] = sum / step ** 2;
    }
  }
  return image;
}
