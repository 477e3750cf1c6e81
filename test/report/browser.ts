import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { isExecutable, onPath } from "../executable.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/**
 * Path of a Chromium: `LOWLAND_CHROMIUM`, else one on the PATH, else one installed with apt where this is root
 * on Debian. Throws with what to do where there is none.
 */
export function findChromium(): string {
  const named = process.env.LOWLAND_CHROMIUM;
  if (named) {
    if (isExecutable(named)) return named;
    throw new Error(`LOWLAND_CHROMIUM is "${named}", which cannot be run; set it to a Chromium or unset it`);
  }
  const found = onPath(...NAMES);
  if (found !== undefined) return found;
  const debian = existsSync("/etc/debian_version") && process.getuid?.() === 0;
  if (debian) {
    const options = { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } } as const;
    try {
      execFileSync("apt-get", ["update", "-q"], options);
      execFileSync("apt-get", ["install", "-y", "-q", "--no-install-recommends", "chromium"], options);
    } catch {
      // The look-up below says what is missing.
    }
    const installed = onPath(...NAMES);
    if (installed !== undefined) return installed;
  }
  throw new Error(
    `the browser test needs Chromium and found none of ${NAMES.join(", ")} on the PATH; install one or set LOWLAND_CHROMIUM`,
  );
}

/** Fetches nothing on its own, and runs where there is no GPU. Root has no sandbox. */
export function chromiumArguments(): string[] {
  return [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    ...(process.getuid?.() === 0 || inContainer() ? ["--no-sandbox"] : []),
  ];
}

/** A page that only its server is to serve, and what was wrong: complaints of the console, errors, requests to others. */
export async function watchedPage(browser: Browser, url: string): Promise<{ page: Page; wrong: string[] }> {
  const wrong: string[] = [];
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("request", (request) => {
    const asked = request.url();
    if (!asked.startsWith(url) && !/^(data|blob):/.test(asked)) wrong.push(asked);
  });
  return { page, wrong };
}

function inContainer(): boolean {
  try {
    return (
      existsSync("/.dockerenv") || /docker|kubepods|containerd/.test(readFileSync("/proc/1/cgroup", "utf8"))
    );
  } catch {
    return false;
  }
}
