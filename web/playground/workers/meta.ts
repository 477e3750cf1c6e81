import { useKernels } from "../../../src/core.ts";
import { runMetaTraining } from "../model/meta.ts";
import type { MetaOrder } from "../protocol.ts";

/** Meta-trains as it is ordered, once; the page ends it by ending the worker. */
export function serveMeta(): void {
  const scope = globalThis as unknown as Pick<Worker, "postMessage" | "addEventListener">;
  scope.addEventListener("message", async ({ data }: MessageEvent<MetaOrder>) => {
    useKernels({ memoryMiB: 128 });
    try {
      await runMetaTraining(data, (news) => scope.postMessage(news));
    } catch (error) {
      scope.postMessage({ error: (error as Error).message });
    }
  });
}
