import type { WeightFiles } from "./model/build-method.ts";

/** Weights the page has: what was fetched of the zoo, dropped by the reader, or meta-trained in the tab. */
const files = new Map<string, Uint8Array>();

/** Names of the zoo, for `zoo:NAME`; the first is what the page opens with. */
export async function fetchZoo(): Promise<string[]> {
  const response = await fetch(new URL("../zoo/index.json", document.baseURI));
  if (!response.ok) return [];
  return (await response.json()) as string[];
}

/** Keeps weights under a name such as `file:mine.safetensors`. */
export function keepWeights(name: string, bytes: Uint8Array): void {
  files.set(name, bytes);
}

/**
 * The weights of these names, those of the zoo fetched where they are not here yet.
 *
 * @throws Error for a name of the zoo that is not there, and for a file that was not dropped on this page
 */
export async function weightFiles(names: readonly string[]): Promise<WeightFiles> {
  const found: Record<string, Uint8Array> = {};
  for (const name of names) {
    const bytes = files.get(name) ?? (await fetchWeights(name));
    files.set(name, bytes);
    found[name] = bytes;
  }
  return found;
}

async function fetchWeights(name: string): Promise<Uint8Array> {
  const [kind, path = ""] = [name.slice(0, name.indexOf(":")), name.slice(name.indexOf(":") + 1)];
  if (kind !== "zoo") throw new MissingFile(name);
  const response = await fetch(new URL(`../zoo/${encodeURIComponent(path)}.safetensors`, document.baseURI));
  if (!response.ok) throw new MissingFile(name);
  return new Uint8Array(await response.arrayBuffer());
}

/** Weights that a link names and this page does not have. */
export class MissingFile extends Error {
  readonly weights: string;
  constructor(name: string) {
    super(name);
    this.weights = name;
  }
}
