/**
 * Lets timers, messages and signals through in the midst of long work, in Node and in browsers.
 *
 * @throws the reason of `signal` if it was raised
 */
export async function breathe(signal?: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  signal?.throwIfAborted();
}
