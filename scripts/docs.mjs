// The documentation as static pages: README, guides and tutorials, and the API from its doc comments:
//   node scripts/docs.mjs [FOLDER]     default site/docs
// TypeDoc needs the compiler's API, which TypeScript 7 does not have yet: it is handed TypeScript 5.
import { register } from "node:module";
import { fileURLToPath } from "node:url";

const hook = `export const resolve = (name, context, next) => next(name === "typescript" ? "typescript-5" : name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`, import.meta.url);
const { Application } = await import("typedoc");

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const application = await Application.bootstrapWithPlugins({
  name: "Lowland",
  entryPoints: ["src/index.ts", "src/adapters/tfjs.ts", "src/adapters/jax-js.ts", "src/testing/index.ts"],
  projectDocuments: ["docs/tutorials/*.md", "docs/*.md", "CONTRIBUTING.md"],
  readme: "README.md",
  tsconfig: "tsconfig.json",
  out: process.argv[2] ?? "site/docs",
  navigationLinks: { Playground: "../playground/" },
  highlightLanguages: ["js", "ts", "sh", "json", "python", "yaml"],
  // the project is checked by TypeScript 7
  skipErrorChecking: true,
  // settings' tables and the like, which signatures lean on
  validation: { notExported: false, invalidLink: true, invalidPath: true },
  excludePrivate: true,
  excludeExternals: true,
  hideGenerator: true,
});
// links of the navigation are written as they are, and pages lie in folders
application.renderer.on("endPage", (page) => {
  const up = "../".repeat(page.url.split("/").length - 1);
  page.contents = page.contents.replaceAll('href="../playground/"', `href="${up}../playground/"`);
});
const project = await application.convert();
if (project === undefined) process.exit(1);
// called as they are imported, and pages by their headings
const modules = { index: "lowland", testing: "lowland/testing" };
for (const module of project.children) {
  module.name = modules[module.name] ?? module.name.replace("adapters/", "lowland/");
}
for (const page of project.documents) {
  const [, heading] = /^# (.+)$/m.exec(page.content.map(({ text }) => text).join("")) ?? [];
  if (heading !== undefined && page.name.startsWith("docs/")) page.name = `guides/${heading}`;
}
// the page has a heading of its own
project.readme[0].text = project.readme[0].text.replace(/^# .+\n/, "");
application.validate(project);
await application.generateOutputs(project);
process.exit(application.logger.hasErrors() || application.logger.hasWarnings() ? 1 : 0);
