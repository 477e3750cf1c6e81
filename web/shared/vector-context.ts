/** What the pages' drawings need of a canvas: the same functions draw on one, and into an SVG. */
export type Pen = Pick<
  CanvasRenderingContext2D,
  | "fillStyle"
  | "strokeStyle"
  | "lineWidth"
  | "font"
  | "textAlign"
  | "fillRect"
  | "strokeRect"
  | "beginPath"
  | "moveTo"
  | "lineTo"
  | "closePath"
  | "arc"
  | "stroke"
  | "fill"
  | "fillText"
  | "setLineDash"
>;

const ANCHORS: Readonly<Record<string, string>> = { center: "middle", right: "end", end: "end" };

/** A pen that writes SVG instead of pixels. */
export function svgPen(width: number, height: number): { readonly pen: Pen; svg(): string } {
  const elements: string[] = [];
  let path = "";
  let dash = "";
  const number = (x: number): string => String(Math.round(100 * x) / 100);
  const escaped = (text: string): string =>
    text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  const style = (): string =>
    `fill="none" stroke="${pen.strokeStyle}" stroke-width="${pen.lineWidth}"${dash && ` stroke-dasharray="${dash}"`}`;
  const box = (x: number, y: number, w: number, h: number): string =>
    `<rect x="${number(x)}" y="${number(y)}" width="${number(w)}" height="${number(h)}"`;
  const pen: Pen = {
    fillStyle: "#000",
    strokeStyle: "#000",
    lineWidth: 1,
    font: "11px sans-serif",
    textAlign: "start",
    fillRect: (x, y, w, h) => void elements.push(`${box(x, y, w, h)} fill="${pen.fillStyle}"/>`),
    strokeRect: (x, y, w, h) => void elements.push(`${box(x, y, w, h)} ${style()}/>`),
    beginPath() {
      path = "";
    },
    moveTo(x, y) {
      path += `M${number(x)} ${number(y)}`;
    },
    lineTo(x, y) {
      path += `L${number(x)} ${number(y)}`;
    },
    closePath() {
      path += "Z";
    },
    // whole circles only
    arc(x, y, r) {
      path += `M${number(x - r)} ${number(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
    },
    stroke: () => void elements.push(`<path d="${path}" ${style()}/>`),
    fill: () => void elements.push(`<path d="${path}" fill="${pen.fillStyle}"/>`),
    fillText(text, x, y) {
      const size = Number.parseFloat(pen.font);
      elements.push(
        `<text x="${number(x)}" y="${number(y)}" font-size="${size}" font-family="sans-serif" fill="${pen.fillStyle}" text-anchor="${ANCHORS[pen.textAlign] ?? "start"}">${escaped(text)}</text>`,
      );
    },
    setLineDash(segments: number[]) {
      dash = [...segments].join(" ");
    },
  };
  return {
    pen,
    svg: () =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${elements.join("")}</svg>\n`,
  };
}
