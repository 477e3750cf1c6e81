import type { IncomingMessage, ServerResponse } from "node:http";

/** Addresses longer than this are refused; those of the page have under 2,000 characters. */
export const LONGEST_URL = 8192;

/** Why a request is refused. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Names under which only this machine is reached: no other site's page can have such an origin. */
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Whether a request may be answered: GET and HEAD only, for this server by name (a page elsewhere whose name is made to
 * point here has another: DNS rebinding), asked by a page of this server or by no page.
 *
 * @param hosts names beside those of the loopback that it may be asked for under
 */
export function refusalOf(request: IncomingMessage, hosts: readonly string[]): Refusal | undefined {
  const { method = "", url = "", headers } = request;
  if (method !== "GET" && method !== "HEAD") {
    return { status: 405, code: "E_METHOD", message: `this server only answers GET and HEAD, not ${method}` };
  }
  if (url.length > LONGEST_URL) {
    return {
      status: 414,
      code: "E_URL",
      message: `the address has ${url.length} characters; use at most ${LONGEST_URL}`,
    };
  }
  if (!url.startsWith("/"))
    return { status: 400, code: "E_URL", message: "the address is no path; start it with /" };
  if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0) {
    return { status: 400, code: "E_BODY", message: "requests have no body here; send none" };
  }
  const host = headers.host ?? "";
  const name = host.replace(/:\d{1,5}$/, "").toLowerCase();
  if (![...LOOPBACK, ...hosts].includes(name)) {
    return {
      status: 421,
      code: "E_HOST",
      message: "this server has another name; use the address it printed",
    };
  }
  const { origin } = headers;
  if (origin !== undefined && origin !== `http://${host}`) {
    return {
      status: 403,
      code: "E_ORIGIN",
      message: "another site's page may not ask here; open this server's own",
    };
  }
  // a browser says so even where it sends no origin; following a link is no harm
  if (
    /^(cross|same)-site$/.test(`${headers["sec-fetch-site"]}`) &&
    headers["sec-fetch-mode"] !== "navigate"
  ) {
    return {
      status: 403,
      code: "E_ORIGIN",
      message: "another site's page may not ask here; open this server's own",
    };
  }
  return undefined;
}

/** What the pages may do: scripts, styles and requests of this server only. */
const PAGES =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
/** A report is one file without scripts; what somebody else put there runs none either. */
export const DOCUMENT_POLICY: string =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; sandbox";

/** Headers of every answer. */
export function setSafeHeaders(response: ServerResponse): void {
  response.setHeader("Content-Security-Policy", PAGES);
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Referrer-Policy", "no-referrer");
  response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
  response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
}
