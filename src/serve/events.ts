import type { IncomingMessage, ServerResponse } from "node:http";

/** Keeps proxies and dead connections from going unnoticed. */
const HEARTBEAT_MS = 15_000;
/** What a reader may leave unread before it is let go of. */
const MOST_UNREAD_BYTES = 8 << 20;

/** One stream of server-sent events to one reader. */
export interface EventStream {
  /** @param options.id what the reader sends back as `Last-Event-ID` when it comes again */
  send(event: string, data: string, options?: { readonly id?: number }): void;
}

/**
 * Opens a stream of events; `onEnd` is called once when the reader is gone or too slow.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function openEvents(
  request: IncomingMessage,
  response: ServerResponse,
  onEnd: () => void,
): EventStream {
  response.writeHead(200, {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
  });
  response.write("retry: 2000\n\n");
  request.socket.setTimeout(0);
  const write = (text: string): void => {
    if (response.destroyed) return;
    response.write(text);
    if (response.writableLength > MOST_UNREAD_BYTES) response.destroy();
  };
  const heartbeat = setInterval(() => write(":\n\n"), HEARTBEAT_MS);
  response.once("close", () => {
    clearInterval(heartbeat);
    onEnd();
  });
  return {
    send(event, data, { id } = {}) {
      // data are JSON in one line
      write(`${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`);
    },
  };
}
