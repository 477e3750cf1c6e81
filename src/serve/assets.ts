import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LowlandError } from "../errors.ts";

/** A file that is sent as it is. */
export interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
  /** Whether its name changes with its content. */
  readonly lasting: boolean;
}

export const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".jsonl": "application/x-ndjson; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".wasm": "application/wasm",
  ".safetensors": "application/octet-stream",
};

const web = fileURLToPath(new URL("../../dist/web/", import.meta.url));
const zoo = fileURLToPath(new URL("../../zoo/", import.meta.url));

/**
 * The built pages, each file under the path it is asked for: what is not in this table is not there. A folder stands for its
 * `index.html`.
 *
 * @throws {LowlandError} E_RUN if the pages have not been built
 */
export function loadAssets({ playground }: { readonly playground: boolean }): Map<string, Asset> {
  const assets = new Map<string, Asset>();
  const add = (folder: string, file: string, at: string): void => {
    const type = TYPES[extname(file)];
    if (type === undefined) return;
    assets.set(at, { type, bytes: readFileSync(join(folder, file)), lasting: at.startsWith("/assets/") });
  };
  for (const file of filesUnder(web)) {
    const at = `/${file.replaceAll("\\", "/")}`;
    if (!playground && /^\/(playground|zoo)\//.test(at)) continue;
    add(web, file, at.replace(/\/index\.html$/, "/"));
  }
  if (!assets.has("/live/")) {
    throw new LowlandError("E_RUN", `there are no pages in ${web}; build them with npm run build`);
  }
  if (playground) {
    const weights = filesUnder(zoo).filter((file) => file.endsWith(".safetensors"));
    for (const file of weights) add(zoo, file, `/zoo/${file}`);
  }
  return assets;
}

function filesUnder(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length));
  } catch {
    return [];
  }
}
