import type { JSX } from "preact";
import { shared } from "../catalogue/shared.ts";
import type { Draw } from "./canvas.tsx";
import { Button } from "./controls.tsx";
import type { PlotOptions } from "./plot.tsx";
import { drawPlot } from "./plot-drawing.ts";
import { save } from "./save.ts";
import { theme } from "./theme.ts";
import { svgPen } from "./vector-context.ts";

const SIZE = { width: 720, height: 720 } as const;
/** Pixels of an image per unit of the drawing. */
const SCALE = 2;

/** A drawing as it is downloaded; plots are drawn with their lines named. */
export type Picture =
  | { readonly name: string; readonly draw: Draw; readonly ratio?: number }
  | { readonly name: string; readonly plot: PlotOptions };

/** Buttons that download a drawing as PNG and as SVG. */
export function DownloadButtons({ picture }: { picture: () => Picture }): JSX.Element {
  return (
    <span class="downloads">
      <Button kind="plain" name="png" hint={shared.download("PNG")} onClick={() => void savePng(picture())}>
        PNG
      </Button>
      <Button kind="plain" name="svg" hint={shared.download("SVG")} onClick={() => saveSvg(picture())}>
        SVG
      </Button>
    </span>
  );
}

function drawn(picture: Picture): { draw: Draw; width: number; height: number } {
  const { width } = SIZE;
  if ("plot" in picture) {
    const draw: Draw = (pen, w, h) => drawPlot(pen, picture.plot, { x: 0, y: 0, width: w, height: h });
    return { draw, width, height: 0.55 * width };
  }
  return { draw: picture.draw, width, height: (picture.ratio ?? 1) * width };
}

async function savePng(picture: Picture): Promise<void> {
  const { draw, width, height } = drawn(picture);
  const canvas = new OffscreenCanvas(SCALE * width, Math.round(SCALE * height));
  const context = canvas.getContext("2d") as unknown as CanvasRenderingContext2D;
  context.scale(SCALE, SCALE);
  context.fillStyle = theme.value.paper;
  context.fillRect(0, 0, width, height);
  draw(context, width, height);
  save(`${picture.name}.png`, await canvas.convertToBlob());
}

function saveSvg(picture: Picture): void {
  const { draw, width, height } = drawn(picture);
  const { pen, svg } = svgPen(width, Math.round(height));
  pen.fillStyle = theme.value.paper;
  pen.fillRect(0, 0, width, height);
  draw(pen, width, height);
  save(`${picture.name}.svg`, new Blob([svg()], { type: "image/svg+xml" }));
}
