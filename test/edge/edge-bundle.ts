/** Bundles the neutral part of the package for no platform in particular, and runs it where only Web standards are. */
import { fileURLToPath } from "node:url";
import { type Context, createContext, runInContext } from "node:vm";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("../../", import.meta.url));
const entry = "\0edge-entry";

/** All that a context of `runEdge` has beside the language itself. */
export const WEB_GLOBALS = [
  "AbortController",
  "AbortSignal",
  "DOMException",
  "Event",
  "EventTarget",
  "Headers",
  "ReadableStream",
  "Request",
  "Response",
  "TextDecoder",
  "TextEncoder",
  "URL",
  "URLSearchParams",
  "WritableStream",
  "TransformStream",
  "atob",
  "btoa",
  "clearTimeout",
  "console",
  "crypto",
  "fetch",
  "performance",
  "queueMicrotask",
  "setTimeout",
  "structuredClone",
] as const;

/** Bundles a module's text, whose imports are those of a user: "postern", "postern/edge", "postern/plugins". */
export async function bundleEdge(source: string): Promise<string> {
  const bundle = await rolldown({
    input: entry,
    cwd: root,
    platform: "neutral",
    resolve: {
      alias: {
        "postern/edge": `${root}core/edge/mod.ts`,
        "postern/plugins": `${root}plugins/mod.ts`,
        postern: `${root}core/mod.ts`,
      },
    },
    plugins: [
      {
        name: "edge-entry",
        resolveId: (id) => (id === entry ? id : undefined),
        load: (id) => (id === entry ? source : undefined),
      },
    ],
    onLog(level, log) {
      if (level === "warn") throw new Error(`the bundle has a fault: ${log.message}`);
    },
  });
  try {
    const { output } = await bundle.generate({ format: "iife", name: "edge", exports: "named" });
    if (output.length !== 1) throw new Error(`the bundle has ${output.length} files`);
    if (output[0].imports.length > 0) throw new Error(`the bundle imports ${output[0].imports.join(", ")}`);
    return output[0].code;
  } finally {
    await bundle.close();
  }
}

/** Runs a bundle in a context that has `WEB_GLOBALS` and nothing else; gives what its entry exports. */
export function runEdge<T>(code: string): T {
  const context: Context = createContext(
    Object.fromEntries(WEB_GLOBALS.map((name) => [name, Reflect.get(globalThis, name)])),
  );
  return runInContext(`${code}\nedge;`, context) as T;
}
