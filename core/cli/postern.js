#!/usr/bin/env node
// Plain JavaScript that any Node can read: an old one cannot load .ts to say that it is too old.
const found = process.versions.node;
const [major = 0, minor = 0] = found.split(".").map(Number);
if (major > 22 || (major === 22 && minor >= 19)) {
  import("./compile-cache.js")
    .then((cache) => cache.useCompileCache())
    .then(() => import("./main.ts"))
    .then((cli) => cli.main(process.argv.slice(2)));
} else {
  console.error(
    `postern needs Node 22.19 or later, found ${found}: run it with npm start, or install a newer Node`,
  );
  process.exitCode = 1;
}
