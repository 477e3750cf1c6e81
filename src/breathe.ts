/** Lets timers, messages and signals through in the midst of long work, in Node and in browsers. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
