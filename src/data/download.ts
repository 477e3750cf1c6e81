import { createHash } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { gunzipSync } from "node:zlib";
import { LowlandError } from "../errors.ts";

/** How far a download is; `totalBytes` is absent if the server does not say. */
export interface DownloadProgress {
  readonly file: string;
  readonly receivedBytes: number;
  readonly totalBytes?: number;
}

/** MD5 of `bytes`, in lower-case hexadecimal. */
export function md5Of(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // fetch says only "fetch failed" or "terminated"; the reason is in the cause.
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

async function receive(
  address: string,
  { file, stallMs, onProgress }: { file: string; stallMs: number; onProgress?: Report | undefined },
): Promise<Buffer> {
  const abort = new AbortController();
  const stalled = () => abort.abort(new Error(`no data for ${stallMs / 1000} s`));
  let timer = setTimeout(stalled, stallMs);
  try {
    const response = await fetch(address, { signal: abort.signal });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new Error(`HTTP ${response.status}`);
    }
    const declared = response.headers.get("content-length");
    const totalBytes = declared === null ? undefined : Number(declared);
    const chunks: Uint8Array[] = [];
    let receivedBytes = 0;
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(stalled, stallMs);
      chunks.push(chunk);
      receivedBytes += chunk.length;
      onProgress?.({ file, receivedBytes, ...(totalBytes === undefined ? {} : { totalBytes }) });
    }
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(timer);
  }
}

type Report = (progress: DownloadProgress) => void;

/** Throws with the reason if the bytes are not what `md5` names. */
function check(bytes: Uint8Array, { md5, gzipped }: { md5: string; gzipped: boolean }): void {
  let content = bytes;
  if (gzipped) {
    try {
      content = gunzipSync(bytes);
    } catch (error) {
      throw new Error(`${bytes.length} bytes that are not whole gzip data: ${messageOf(error)}`);
    }
  }
  const found = md5Of(content);
  if (found !== md5) throw new Error(`wrong checksum ${found}, expected ${md5}`);
}

/**
 * Downloads a file to `target` from the first of `addresses` that gives the right bytes.
 *
 * Nothing is at `target` before everything is there and its checksum is right: the bytes go to a temporary file
 * beside it that is then renamed.
 *
 * @param options.md5 checksum of the bytes, uncompressed if `gzipped`
 * @param options.stallMs gives up on an address that sends nothing for so long, 30 s by default
 * @throws `E_DATA` if every address failed, with the reason of each; `E_IO` if `target` cannot be written
 */
export async function download(
  addresses: readonly string[],
  target: string,
  options: { md5: string; gzipped: boolean; stallMs?: number; onProgress?: Report | undefined },
): Promise<void> {
  const { md5, gzipped, stallMs = 30_000, onProgress } = options;
  const failures: string[] = [];
  for (const address of addresses) {
    let bytes: Buffer;
    try {
      bytes = await receive(address, { file: target, stallMs, onProgress });
      check(bytes, { md5, gzipped });
    } catch (error) {
      failures.push(`${address}: ${messageOf(error)}`);
      continue;
    }
    await writeWhole(target, bytes);
    return;
  }
  throw new LowlandError(
    "E_DATA",
    `could not download ${target}: ${failures.join("; ")}; check the network, or put the file there yourself`,
  );
}

async function writeWhole(target: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${target}.${process.pid}.part`;
  try {
    await mkdir(dirname(target), { recursive: true });
    await writeFile(temporary, bytes);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new LowlandError(
      "E_IO",
      `could not write ${target}: ${messageOf(error)}; free the path, or set LOWLAND_HOME to a folder that can be written`,
      { cause: error },
    );
  }
}
