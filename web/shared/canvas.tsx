import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Pen } from "./vector-context.ts";

/** Draws in units of CSS pixels on a ground `width` wide and `height` high. */
export type Draw = (pen: Pen, width: number, height: number) => void;

/** A canvas as wide as its place, sharp on any screen. `draw` runs at every render. */
export function Canvas({
  draw,
  description,
  ratio = 1,
  onPick,
  onKey,
}: {
  draw: Draw;
  /** What a screen reader says. */
  description: string;
  /** Height by width. */
  ratio?: number;
  /** Called with where it is pressed or dragged, as shares of width and height. */
  onPick?: (x: number, y: number, phase: "down" | "move") => void;
  /** Makes it a stop of the keyboard; returns whether the key meant something. */
  onKey?: (key: string) => boolean;
}): JSX.Element {
  const ref = useRef<HTMLCanvasElement>(null);
  const latest = useRef(draw);
  latest.current = draw;
  const paint = (): void => {
    const canvas = ref.current;
    if (canvas === null) return;
    const [width, scale] = [canvas.parentElement!.clientWidth, devicePixelRatio];
    const height = Math.round(width * ratio);
    const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext("2d")!;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    latest.current(context, width, height);
  };
  useEffect(paint);
  useEffect(() => {
    const observer = new ResizeObserver(paint);
    observer.observe(ref.current!.parentElement!);
    return () => observer.disconnect();
  }, []);
  const pick = (event: PointerEvent, phase: "down" | "move"): void => {
    const { left, top, width, height } = ref.current!.getBoundingClientRect();
    onPick?.((event.clientX - left) / width, (event.clientY - top) / height, phase);
  };
  return (
    <div class="canvas">
      <canvas
        ref={ref}
        role={onKey ? "application" : "img"}
        aria-label={description}
        class={onPick && "active"}
        {...(onKey && { tabIndex: 0 })}
        onKeyDown={(event) => {
          if (onKey?.(event.key)) event.preventDefault();
        }}
        onPointerDown={(event) => {
          if (onPick !== undefined) event.currentTarget.setPointerCapture(event.pointerId);
          pick(event, "down");
        }}
        onPointerMove={(event) => {
          if (event.buttons === 1) pick(event, "move");
        }}
      />
    </div>
  );
}
