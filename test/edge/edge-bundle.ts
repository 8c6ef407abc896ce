/** Bundles the neutral part of the package for no platform in particular, and runs it where only Web standards are. */
import { fileURLToPath } from "node:url";
import { type Context, createContext, runInContext } from "node:vm";
import { rolldown } from "rolldown";
import { exportsOf } from "../tidy/exports.ts";
import { needsNode } from "../tidy/plugin-needs.ts";
import { readProject } from "../tidy/source-tree.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const entry = "\0edge-entry";
/** Stands for "postern/plugins". */
const pluginsDoor = "\0neutral-plugins";

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

/** A bundle, and the project's files that are in it. */
export interface EdgeBundle {
  readonly code: string;
  /** Relative to the project. */
  readonly files: readonly string[];
}

/**
 * The files that the door of plugins exports, but for those whose plugins say in their `needs` that they are for Node.
 * One that does not say so and imports from Node makes `bundleEdge` fail.
 */
export function neutralPluginFiles(): readonly string[] {
  const sources = new Map(readProject().sources.map((source) => [source.path, source]));
  const files = new Set(exportsOf("plugins/mod.ts", sources).map(({ source }) => source));
  return [...files].filter((source) => !needsNode(source)).map(({ path }) => path);
}

/** Bundles a module's text, whose imports are those of a user: "postern" and its other doors. */
export async function bundleEdge(source: string): Promise<EdgeBundle> {
  const virtual = new Map([
    [entry, source],
    [
      pluginsDoor,
      neutralPluginFiles()
        .map((path) => `export * from "${root}${path}";`)
        .join("\n"),
    ],
  ]);
  const bundle = await rolldown({
    input: entry,
    cwd: root,
    platform: "neutral",
    resolve: {
      alias: {
        "postern/edge": `${root}core/edge/mod.ts`,
        "postern/testing": `${root}core/testing/mod.ts`,
        postern: `${root}core/mod.ts`,
      },
    },
    plugins: [
      {
        name: "edge-entry",
        resolveId(id) {
          if (id === "postern/plugins") return pluginsDoor;
          return virtual.has(id) ? id : undefined;
        },
        load: (id) => virtual.get(id),
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
    const { code, moduleIds } = output[0];
    return { code, files: moduleIds.filter((id) => id.startsWith(root)).map((id) => id.slice(root.length)) };
  } finally {
    await bundle.close();
  }
}

/**
 * Runs a bundle in a context that has `WEB_GLOBALS` and nothing else; gives what its entry exports.
 *
 * @param instead globals that stand in for those of this process
 */
export function runEdge<T>(
  code: string,
  instead: { readonly [Name in (typeof WEB_GLOBALS)[number]]?: unknown } = {},
): T {
  const context: Context = createContext({
    ...Object.fromEntries(WEB_GLOBALS.map((name) => [name, Reflect.get(globalThis, name)])),
    ...instead,
  });
  return runInContext(`${code}\nedge;`, context) as T;
}
