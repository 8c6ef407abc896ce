/**
 * The directions of imports (core/README.md): a folder of core sees the folders below it, each by its door; the
 * plugins see "postern" as a user's plugin would; neutral folders see Web standards alone.
 */
import type { Finding } from "../finding.ts";
import { type Import, importsOf, packageOf } from "../imports.ts";
import { needsNode } from "../plugin-needs.ts";
import { isNode, type Node, type Source, type SourceTree, walk } from "../source-tree.ts";

/** The folders of core from the lowest up. One imports those of earlier rows only, so that there are no circles. */
const ROWS: readonly (readonly string[])[] = [
  ["mail"],
  ["pipeline"],
  ["config"],
  ["gateway"],
  ["dns"],
  ["smtp", "relay", "queue", "store", "http", "edge", "testing"],
  ["cli"],
];

/** What core/mod.ts, the public face, exports. */
const FACE = ["mail", "pipeline", "config"];

const NEUTRAL = ["mail", "pipeline", "config", "gateway", "dns", "edge", "testing"];
const NODE_GLOBALS = new Set([
  "Buffer",
  "process",
  "global",
  "require",
  "__dirname",
  "__filename",
  "setImmediate",
]);

/** Finds imports against the direction, past a door, or of what is not neutral. */
export function importDirections({ sources }: SourceTree): readonly Finding[] {
  // A plugin with a folder of its own has it for itself: where it needs Node, its other files may too.
  const nodeFolders = sources
    .filter((source) => /^plugins\/[^/]+\/[^/]+\//.test(source.path) && needsNode(source))
    .map(({ path }) => path.slice(0, path.lastIndexOf("/") + 1));
  return sources.flatMap((source) => {
    const isOfNode = needsNode(source) || nodeFolders.some((folder) => source.path.startsWith(folder));
    const isNeutral =
      (source.path.startsWith("plugins/") && !isOfNode) ||
      source.path === "core/mod.ts" ||
      NEUTRAL.includes(folderOf(source.path) ?? "");
    return [
      ...importsOf(source).flatMap((one) => {
        const fault = faultOf(source.path, one) ?? (isNeutral ? nodeFault(one) : undefined);
        return fault === undefined ? [] : [{ path: source.path, line: one.line, ...fault }];
      }),
      ...(isNeutral ? nodeGlobals(source) : []),
    ];
  });
}

type Fault = Pick<Finding, "rule" | "todo">;

function faultOf(path: string, { specifier, target }: Import): Fault | undefined {
  if (path.startsWith("plugins/")) return pluginFault(path, specifier, target);
  if (!path.startsWith("core/")) return undefined;
  if (packageOf(specifier) === "postern")
    return fault("direction", "core imports its own files; 'postern' is for plugins and users");
  if (target === undefined) return undefined;
  if (!target.startsWith("core/") && target !== "package.json")
    return fault("direction", `core does not know ${target}: take it as a parameter, or move it into core`);
  const from = folderOf(path);
  const to = folderOf(target);
  if (to === undefined) return fault("direction", "core/mod.ts is for users: import the folder's own door");
  if (from === to) {
    const own = target === `core/${to}/mod.ts`;
    return own ? fault("door", "import the file itself: its own door makes a circle of imports") : undefined;
  }
  const seen = from === undefined ? FACE : ROWS.slice(0, rowOf(from)).flat();
  if (!seen.includes(to)) {
    const here = from === undefined ? "the public face exports" : `core/${from} sees`;
    return fault(
      "direction",
      `${here} ${seen.join(", ") || "no other folder"}, not ${to}: turn it round by an interface`,
    );
  }
  return target === `core/${to}/mod.ts`
    ? undefined
    : fault(
        "door",
        `import it from core/${to}/mod.ts, the only door of that folder, and export it there if need be`,
      );
}

/** A plugin sees "postern", the files of its own kind, and plugins/options.ts; plugins/mod.ts sees all plugins. */
function pluginFault(path: string, specifier: string, target: string | undefined): Fault | undefined {
  if (target === undefined) {
    return /^postern\//.test(specifier)
      ? fault("plugin", `a plugin imports "postern" alone, as a user's plugin would, not "${specifier}"`)
      : undefined;
  }
  const own = /^plugins\/(?:[^/]+\/)?/.exec(path)?.[0] ?? "";
  if (target.startsWith(own) || target === "plugins/options.ts") return undefined;
  return fault("plugin", `a plugin imports "postern" and the files of ${own}, not ${target}`);
}

function nodeFault({ specifier }: Import): Fault | undefined {
  return packageOf(specifier) === "node:"
    ? fault("neutral", `take ${specifier} away: this file also runs where only Web standards are`)
    : undefined;
}

function nodeGlobals(source: Source): readonly Finding[] {
  const findings: Finding[] = [];
  for (const { node, parent } of walk(source.program)) {
    const name = node.name;
    if (node.type !== "Identifier" || typeof name !== "string" || !NODE_GLOBALS.has(name)) continue;
    if (parent !== undefined && isOnlyAName(node, parent)) continue;
    const todo = `take ${name} away: it is Node's, and this file also runs where only Web standards are`;
    findings.push({ path: source.path, line: source.lineOf(node.start), rule: "neutral", todo });
  }
  return findings;
}

/** Whether an identifier names a member and no variable; the member of globalThis is the variable all the same. */
function isOnlyAName(node: Node, parent: Node): boolean {
  if (parent.computed === true) return false;
  const ofGlobal = isNode(parent.object) && parent.object.name === "globalThis";
  return (parent.property === node && !ofGlobal) || parent.key === node;
}

/** "mail" for core/mail/x.ts; undefined for core/mod.ts and all outside of core. */
function folderOf(path: string): string | undefined {
  return /^core\/([^/]+)\//.exec(path)?.[1];
}

/** An unknown folder is in the first row: it sees nothing until it has its place in the table. */
function rowOf(folder: string): number {
  return Math.max(
    0,
    ROWS.findIndex((row) => row.includes(folder)),
  );
}

const fault = (rule: string, todo: string): Fault => ({ rule, todo });
