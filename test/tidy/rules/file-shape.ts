/** The shape of a file: how long, how named, what stands at its head, what it may not hold. */
import type { Finding } from "../finding.ts";
import { isNode, type Source, type SourceTree, walk } from "../source-tree.ts";

/** Past this a file needs a reason. */
const LINES_MAX = 350;
/** At this a file is two files, whatever the reason. */
const LINES_END = 500;
/** Files over LINES_MAX, each with its reason. */
const LONG_FILES: { readonly [path: string]: string } = {
  "test/plugins/auth/dkim/dkim.test.ts": "flat tables of fields, key records and times, a line or two each",
  "test/plugins/auth/spf/check-host.test.ts": "a flat table, a case for each clause of RFC 7208",
  "test/pipeline/types/mistakes.ts":
    "a flat list of mistakes, four lines each, and the compiler, which is what costs, is started once for all",
};

/** Names that say nothing about what is in a file. */
const EMPTY_NAMES = /^(utils?|types?|helpers?|misc|common|shared|constants|interfaces|lib)\.(ts|js)$/;
/** Files named by convention of others. */
const FIXED_NAMES = /(^|\/)(README\.md|CHANGELOG\.md|LICENSE|\.[a-z]+(\.json)?)$/;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/;
/** Folders whose names carry no rule: inputs of tests. */
const INPUTS = /^test\/(.*\/)?(fixtures|cases)\//;

/** Finds files of a wrong shape. */
export function fileShape(
  { sources, paths }: SourceTree,
  longFiles: typeof LONG_FILES = LONG_FILES,
): readonly Finding[] {
  return [
    ...paths.filter((path) => !INPUTS.test(path)).flatMap(nameFaults),
    ...sources.flatMap((source) => [
      ...lengthFaults(source, longFiles),
      ...headFaults(source),
      ...defaultExports(source),
      ...markers(source),
    ]),
    ...Object.keys(longFiles).flatMap((path) => {
      const source = sources.find((one) => one.path === path);
      if (source !== undefined && source.lines > LINES_MAX) return [];
      const todo = `it is no longer over ${LINES_MAX} lines: take it out of LONG_FILES in rules/file-shape.ts`;
      return [{ path, line: 1, rule: "file length", todo }];
    }),
  ];
}

function nameFaults(path: string): readonly Finding[] {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (EMPTY_NAMES.test(name)) {
    return [{ path, line: 1, rule: "file name", todo: "name it by what is in it, or split it by that" }];
  }
  if (FIXED_NAMES.test(path)) return [];
  const wrong = path.split("/").find((part) => !part.startsWith(".") && !KEBAB.test(part));
  if (wrong === undefined) return [];
  return [{ path, line: 1, rule: "file name", todo: `write '${wrong}' in lower case with hyphens` }];
}

function lengthFaults({ path, lines }: Source, longFiles: typeof LONG_FILES): readonly Finding[] {
  if (lines <= LINES_MAX) return [];
  if (lines < LINES_END && Object.hasOwn(longFiles, path)) return [];
  const todo =
    lines >= LINES_END
      ? `${lines} lines are two files: split it`
      : `${lines} lines: split it, or give a reason in LONG_FILES of rules/file-shape.ts`;
  return [{ path, line: LINES_MAX + 1, rule: "file length", todo }];
}

/** A test's name is its head; every other file says what it is before anything else. */
function headFaults({ path, text, comments }: Source): readonly Finding[] {
  if (path.endsWith(".test.ts")) return [];
  const start = text.startsWith("#!") ? text.indexOf("\n") + 1 : 0;
  const head = comments[0];
  const stands =
    head !== undefined && text.slice(start, head.start).trim() === "" && /\w{3}/.test(head.value);
  if (stands) return [];
  const todo = "begin the file with a comment: what it is, which RFC sections, what it does not do";
  return [{ path, line: 1, rule: "file head", todo }];
}

function defaultExports(source: Source): readonly Finding[] {
  if (/\.config\.ts$/.test(source.path)) return [];
  const findings: Finding[] = [];
  for (const { node } of walk(source.program)) {
    const byName =
      node.type === "ExportSpecifier" && isNode(node.exported) && node.exported.name === "default";
    if (node.type !== "ExportDefaultDeclaration" && !byName) continue;
    const todo = "give it a name: only a config is a default export";
    findings.push({ path: source.path, line: source.lineOf(node.start), rule: "default export", todo });
  }
  return findings;
}

function markers({ path, comments, lineOf }: Source): readonly Finding[] {
  return comments.flatMap(({ value, start }) => {
    const marker = /\b(TODO|FIXME|XXX|HACK)\b/.exec(value);
    if (marker === null) return [];
    const todo = `do what the ${marker[1]} says, or write an issue and take the comment away`;
    return [{ path, line: lineOf(start + marker.index), rule: "marker", todo }];
  });
}
