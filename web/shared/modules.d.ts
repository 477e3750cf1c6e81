// What the build gives beside TypeScript: style sheets, and the tokens as one.
declare module "*.css" {}
declare module "virtual:tokens.css" {}
