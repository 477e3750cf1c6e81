/** What a worker does: all are one script, so that it is loaded once. */
export type Role = "trainer" | "lens" | "meta";

/** Starts a worker in a role. */
export function startWorker(role: Role): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: role });
}
