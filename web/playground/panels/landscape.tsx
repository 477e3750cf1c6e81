import type { JSX } from "preact";
import { playground } from "../../catalogue/playground.ts";
import { Canvas, type Draw } from "../../shared/canvas.tsx";
import { mix } from "../../shared/colors.ts";
import { Panel } from "../../shared/controls.tsx";
import { DownloadButtons } from "../../shared/download.tsx";
import { fillGrid, isolines } from "../../shared/grid.ts";
import { seriesStyle, theme } from "../../shared/theme.ts";
import { digits } from "../look.ts";
import { inPlane, type Plane } from "../model/plane.ts";
import { SURFACE_EXTENT } from "../model/surface.ts";
import { change, state, type Terrain, terrain, tracks } from "../store.ts";

const text = playground.landscape;
/** Lines of equal loss. */
const LEVELS = 12;

/** The loss in a plane through the runs, and their paths. */
export function LandscapePanel(): JSX.Element {
  const surface = state.value.data === "surface";
  const ground = terrain.value;
  const losses = ground === undefined ? [] : [...ground.losses].filter(Number.isFinite);
  return (
    <Panel
      id="landscape"
      title={text.title}
      actions={<DownloadButtons picture={() => ({ name: "landscape", draw: draw(ground) })} />}
    >
      <p class="muted">{surface ? text.surface : text.about}</p>
      <Canvas
        draw={draw(ground)}
        description={
          ground === undefined
            ? text.working
            : text.describe(digits(Math.min(...losses)), digits(Math.max(...losses)))
        }
        {...(surface && {
          onPick: (x: number, y: number, phase: string) => {
            const place = (share: number): number => Number((SURFACE_EXTENT * (2 * share - 1)).toFixed(2));
            if (phase === "down") change({ start: [place(x), place(1 - y)] });
          },
          onKey: moveStart,
        })}
      />
    </Panel>
  );
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-0.1, 0],
  ArrowRight: [0.1, 0],
  ArrowUp: [0, 0.1],
  ArrowDown: [0, -0.1],
};

/** Arrows move the start on the surface. */
function moveStart(key: string): boolean {
  const arrow = ARROWS[key];
  if (arrow === undefined) return false;
  const [x, y] = state.value.start;
  change({ start: [Number((x + arrow[0]).toFixed(2)), Number((y + arrow[1]).toFixed(2))] });
  return true;
}

const draw =
  (ground: Terrain | undefined): Draw =>
  (pen, width, height) => {
    const colors = theme.value;
    if (ground === undefined) {
      pen.fillStyle = colors.muted;
      pen.font = "13px sans-serif";
      pen.textAlign = "center";
      pen.fillText(text.working, width / 2, height / 2);
      return;
    }
    const { plane, xs, ys, losses } = ground;
    const [columns, rows] = [xs.length, ys.length];
    const { heights, levels } = relief(losses);
    const [low, high] = [levels[0]!, levels.at(-1)!];
    fillGrid(
      pen,
      { x: 0, y: 0, width, height },
      {
        columns,
        rows,
        smooth: true,
        color(column, row) {
          const value = heights[(rows - 1 - row) * columns + column]!;
          const share = Number.isFinite(value) ? (high - value) / (high - low || 1) : 0;
          return mix(colors.paper, colors.accent, 0.06 + 0.5 * Math.min(1, Math.max(0, share)));
        },
      },
    );
    // values stand for the middles of their cells
    const [cellX, cellY] = [width / columns, height / rows];
    pen.strokeStyle = mix(colors.paper, colors.ink, 0.45);
    pen.lineWidth = 0.6;
    pen.setLineDash([]);
    pen.beginPath();
    for (const level of levels) {
      isolines(heights, columns, level, (x1, y1, x2, y2) => {
        pen.moveTo((x1 + 0.5) * cellX, height - (y1 + 0.5) * cellY);
        pen.lineTo((x2 + 0.5) * cellX, height - (y2 + 0.5) * cellY);
      });
    }
    pen.stroke();
    const across = (x: number): number =>
      ((x - xs[0]!) / (xs.at(-1)! - xs[0]!)) * (width - cellX) + cellX / 2;
    const up = (y: number): number =>
      height - cellY / 2 - ((y - ys[0]!) / (ys.at(-1)! - ys[0]!)) * (height - cellY);
    tracks.value.forEach(({ path }, place) => {
      const { color, dash } = seriesStyle(colors, place);
      const points = path.map((point) => projected(plane, point));
      for (const [stroke, lineWidth, segments] of [
        [colors.paper, 4, []],
        [color, 2, dash],
      ] as const) {
        pen.strokeStyle = stroke;
        pen.lineWidth = lineWidth;
        pen.setLineDash([...segments]);
        pen.beginPath();
        points.forEach(([x, y], i) => {
          if (i === 0) pen.moveTo(across(x), up(y));
          else pen.lineTo(across(x), up(y));
        });
        pen.stroke();
      }
      pen.setLineDash([]);
      const [x, y] = points.at(-1)!;
      pen.fillStyle = color;
      pen.strokeStyle = colors.paper;
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(across(x), up(y), 5.5, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    });
  };

/** Losses on a scale on which the low ground has as many lines as the high: the root of the height above the lowest. */
function relief(losses: Float32Array): { heights: Float32Array; levels: number[] } {
  const known = losses.filter(Number.isFinite).sort();
  const lowest = known[0] ?? 0;
  const heights = losses.map((loss) => Math.sqrt(Math.max(0, loss - lowest)));
  // the highest tenth may tower above all
  const top = Math.sqrt((known[Math.floor(0.9 * (known.length - 1))] ?? 1) - lowest) || 1;
  return { heights, levels: Array.from({ length: LEVELS }, (_, i) => (top * (i + 0.5)) / LEVELS) };
}

const places = new WeakMap<Plane, WeakMap<Float32Array, [number, number]>>();

/** A point's place in a plane, computed once. */
function projected(plane: Plane, point: Float32Array): [number, number] {
  let known = places.get(plane);
  if (known === undefined) {
    known = new WeakMap();
    places.set(plane, known);
  }
  let place = known.get(point);
  if (place === undefined) {
    place = inPlane(plane, point);
    known.set(point, place);
  }
  return place;
}
