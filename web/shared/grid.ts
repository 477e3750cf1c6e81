import { channels } from "./colors.ts";
import type { Pen } from "./vector-context.ts";

/** A stretch of a drawing, in its units. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Fills a box with cells, row by row from the top: as an image on a canvas, which is a hundred times faster than cell by
 * cell, and as rectangles in an SVG.
 */
export function fillGrid(
  pen: Pen,
  { x, y, width, height }: Box,
  {
    columns,
    rows,
    color,
    smooth = false,
  }: {
    columns: number;
    rows: number;
    color: (column: number, row: number) => string;
    smooth?: boolean;
  },
): void {
  if (!(pen instanceof CanvasRenderingContext2D)) {
    const [w, h] = [width / columns, height / rows];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        pen.fillStyle = color(column, row);
        // a little wider, so that no seam shows
        pen.fillRect(x + column * w, y + row * h, w + 0.3, h + 0.3);
      }
    }
    return;
  }
  const image = new ImageData(columns, rows);
  for (let i = 0; i < columns * rows; i++) {
    image.data.set([...channels(color(i % columns, Math.floor(i / columns))), 255], 4 * i);
  }
  const cells = new OffscreenCanvas(columns, rows);
  cells.getContext("2d")!.putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = smooth;
  pen.drawImage(cells, x, y, width, height);
}

/**
 * Lines of equal height by marching squares, in cells: `values` row by row, at whole coordinates. Cells with a corner that
 * is not finite are left out.
 */
export function isolines(
  values: ArrayLike<number>,
  columns: number,
  level: number,
  segment: (x1: number, y1: number, x2: number, y2: number) => void,
): void {
  const rows = values.length / columns;
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const at = row * columns + column;
      const corners = [values[at]!, values[at + 1]!, values[at + columns + 1]!, values[at + columns]!];
      if (!corners.every(Number.isFinite)) continue;
      const crossings: [number, number][] = [];
      for (let side = 0; side < 4; side++) {
        const [a, b] = [corners[side]!, corners[(side + 1) % 4]!];
        if (a < level === b < level) continue;
        const t = (level - a) / (b - a);
        const [dx, dy] = (
          [
            [t, 0],
            [1, t],
            [1 - t, 1],
            [0, 1 - t],
          ] as const
        )[side]!;
        crossings.push([column + dx, row + dy]);
      }
      for (let i = 0; i + 1 < crossings.length; i += 2) {
        segment(...crossings[i]!, ...crossings[i + 1]!);
      }
    }
  }
}
