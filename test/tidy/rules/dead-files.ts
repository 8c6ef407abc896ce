/** Files that nothing uses: each is reached from a door of the package, its bin, a test, or a script of package.json. */
import { matchesGlob, posix } from "node:path";
import type { Finding } from "../finding.ts";
import { importsOf } from "../imports.ts";
import { type Node, type Source, type SourceTree, walk } from "../source-tree.ts";

/** Finds dead files: in core and plugins those that no door and no bin leads to, in test those that no test leads to. */
export function deadFiles({ sources, paths, text }: SourceTree): readonly Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const manifest = paths.includes("package.json") ? JSON.parse(text("package.json")) : {};
  const doors = [...Object.values(manifest.exports ?? {}), ...Object.values(manifest.bin ?? {})].map((path) =>
    posix.normalize(String(path)),
  );
  const scripts = Object.values(manifest.scripts ?? {})
    .join(" ")
    .split(/\s+/);
  const package_ = reach(doors, byPath);
  const tests = reach(
    [
      ...sources.map(({ path }) => path).filter((path) => path.endsWith(".test.ts")),
      ...scripts.filter((word) => byPath.has(word)),
    ],
    byPath,
  );
  return sources.flatMap(({ path }) => {
    if (/^(core|plugins)\//.test(path) && !package_.has(path)) {
      const todo = "no door of the package and no command leads to it: use it, or delete it";
      return [{ path, line: 1, rule: "dead file", todo }];
    }
    if (path.startsWith("test/") && !tests.has(path)) {
      return [
        { path, line: 1, rule: "dead file", todo: "no test and no script uses it: use it, or delete it" },
      ];
    }
    return [];
  });
}

function reach(roots: readonly string[], byPath: ReadonlyMap<string, Source>): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [...roots];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = byPath.get(path);
    if (source === undefined || reached.has(path)) continue;
    reached.add(path);
    waiting.push(...importsOf(source).flatMap(({ target }) => target ?? []), ...named(source, byPath));
  }
  return reached;
}

/** Files that a string names, as processes to start or inputs to compile; a part that varies stands for one name. */
function named(source: Source, byPath: ReadonlyMap<string, Source>): readonly string[] {
  const files: string[] = [];
  for (const { node } of walk(source.program)) {
    const pattern = fileOf(node);
    if (pattern === undefined) continue;
    for (const place of [posix.join(posix.dirname(source.path), pattern), posix.normalize(pattern)]) {
      if (!place.includes("*")) files.push(place);
      else files.push(...[...byPath.keys()].filter((path) => matchesGlob(path, place)));
    }
  }
  return files;
}

/** "sink-process.ts", "types/mistakes.ts"; "configs/*.config.ts" for a template. */
function fileOf(node: Node): string | undefined {
  let text = "";
  if (node.type === "Literal" && typeof node.value === "string") text = node.value;
  if (node.type === "TemplateLiteral") {
    text = (node.quasis as readonly Node[])
      .map(({ value }) => (value as { cooked: string }).cooked)
      .join("*");
  }
  return /^[\w./*-]+\.(ts|js)$/.test(text) && !/^[*./]+\.(ts|js)$/.test(text) ? text : undefined;
}
