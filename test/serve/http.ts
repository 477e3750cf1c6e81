import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";

/** What a request was answered with. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks as no browser would let a page ask: any method, path and headers. */
export function ask(
  url: string,
  path: string,
  options: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, agent: false, ...options }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, body }));
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** Sends bytes as they are and gives what comes back until the server closes or says nothing for a while. */
export function sendRaw(url: string, bytes: string | Uint8Array, patienceMs = 300): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let back = "";
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(bytes));
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.setEncoding("latin1").on("data", (text: string) => {
      back += text;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(back));
  });
}

/** One event of a stream. */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id?: string;
}

/** Reads a stream of server-sent events until `isEnough`, then leaves. */
export async function readEvents(
  url: string,
  isEnough: (events: readonly ServerEvent[]) => boolean,
  headers: Readonly<Record<string, string>> = {},
): Promise<ServerEvent[]> {
  const controller = new AbortController();
  const response = await fetch(url, { headers, signal: controller.signal });
  const events: ServerEvent[] = [];
  let text = "";
  try {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const blocks = text.split("\n\n");
      text = blocks.pop()!;
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block.split("\n").map((line) => {
            const colon = line.indexOf(": ");
            return [line.slice(0, colon), line.slice(colon + 2)];
          }),
        );
        if (fields.event !== undefined) events.push(fields as unknown as ServerEvent);
      }
      if (isEnough(events)) return events;
    }
    return events;
  } finally {
    controller.abort();
  }
}
