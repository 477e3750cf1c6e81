/** `#rrggbb` as numbers. */
export function channels(color: string): [number, number, number] {
  const number = Number.parseInt(color.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** A colour between two: `share` 0 is `from`, 1 is `to`. */
export function mix(from: string, to: string, share: number): string {
  const [a, b] = [channels(from), channels(to)];
  const part = a.map((channel, i) => Math.round(channel + share * (b[i]! - channel)));
  return `#${part.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}
