// What the build gives beside TypeScript: style sheets, the tokens as one, and the names of methods.
declare module "*.css" {}
declare module "virtual:tokens.css" {}
declare module "virtual:methods" {
  const methods: {
    /** Learning rate by default. */
    readonly optimizers: Readonly<Record<string, number>>;
    readonly combinators: readonly string[];
    /** The setting that a field beside it sets. */
    readonly regularizers: Readonly<
      Record<string, { readonly name: string; readonly byDefault: number } | null>
    >;
  };
  export default methods;
}
