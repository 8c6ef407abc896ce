/** Postern's public face, the package "postern": what configs, plugins and their tests are written with. */
export * from "./config/mod.ts";
export * from "./mail/mod.ts";
export * from "./pipeline/mod.ts";
