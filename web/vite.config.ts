import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin, type UserConfig, type UserConfigFnObject } from "vite";
import { DARK, LIGHT, variables } from "../src/report/theme.ts";
import { methods } from "./methods-plugin.ts";

const web = fileURLToPath(new URL(".", import.meta.url));
const zoo = resolve(web, "../zoo");

/** `virtual:tokens.css`: the report's colours, and the reader's choice between light and dark. */
function tokens(): Plugin {
  const css = `:root{color-scheme:light dark;${variables(LIGHT)}}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){${variables(DARK)}}}
:root[data-theme=light]{color-scheme:light}
:root[data-theme=dark]{color-scheme:dark;${variables(DARK)}}`;
  return {
    name: "tokens",
    resolveId: (id) => (id === "virtual:tokens.css" ? "\0tokens.css" : undefined),
    load: (id) => (id === "\0tokens.css" ? css : undefined),
  };
}

/** No page asks for anything but its own files, and runs no script but its own. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** The policy in each built page. */
function contentSecurity(): Plugin {
  return {
    name: "content-security",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: POLICY },
        injectTo: "head-prepend",
      },
    ],
  };
}

/** `zoo/index.json`, and for a static site the weights too: where they are served from the package, they lie there already. */
function zooFiles({ weights }: { weights: boolean }): Plugin {
  const names = readdirSync(zoo).filter((name) => name.endsWith(".safetensors"));
  const index = `${JSON.stringify(names.map((name) => name.replace(".safetensors", "")))}\n`;
  return {
    name: "zoo",
    configureServer(server) {
      server.middlewares.use("/zoo", (request, response, next) => {
        const name = (request.url ?? "").slice(1);
        if (name === "index.json") response.end(index);
        else if (names.includes(name)) response.end(readFileSync(join(zoo, name)));
        else next();
      });
    },
    writeBundle({ dir }) {
      const out = join(dir!, "zoo");
      mkdirSync(out, { recursive: true });
      writeFileSync(join(out, "index.json"), index);
      if (weights) for (const name of names) copyFileSync(join(zoo, name), join(out, name));
    },
  };
}

/** The address of a static site is its folder: the playground is what it opens. */
function home(): Plugin {
  return {
    name: "home",
    writeBundle({ dir }) {
      writeFileSync(
        join(dir!, "index.html"),
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Lowland</title><meta http-equiv="refresh" content="0;url=playground/"><p><a href="playground/">Lowland: the playground</a></p></html>\n',
      );
    },
  };
}

/** `vite build web` writes both pages into dist/web; `--mode site` the playground as a static site into site/. */
const config: UserConfigFnObject = defineConfig(({ mode }): UserConfig => {
  const site = mode === "site";
  const page = (name: string): string => resolve(web, name, "index.html");
  return {
    root: web,
    base: "./",
    publicDir: false,
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    plugins: [tokens(), methods(), contentSecurity(), zooFiles({ weights: site }), ...(site ? [home()] : [])],
    worker: { format: "es" },
    build: {
      target: "es2022",
      outDir: resolve(web, site ? "../site" : "../dist/web"),
      emptyOutDir: true,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      // data: addresses are not in the policy of scripts and styles
      assetsInlineLimit: 0,
      rollupOptions: { input: site ? [page("playground")] : [page("playground"), page("live")] },
    },
  };
});

export default config;
