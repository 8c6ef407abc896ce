/**
 * The project's files as the rules see them: text, comments and syntax tree. Files that tests make beside others
 * (".tmp." in the name) and all that git ignores are left out.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseSync } from "rolldown/utils";

/** A node of the syntax tree (ESTree with TypeScript's own nodes). */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** A comment. `value` is without its marks. */
export interface Comment {
  readonly type: "Line" | "Block";
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** One file of TypeScript or JavaScript. */
export interface Source {
  /** Relative to the project, with "/". */
  readonly path: string;
  readonly text: string;
  /** How many lines it has. */
  readonly lines: number;
  readonly program: Node;
  readonly comments: readonly Comment[];
  /** The line of an offset, from 1. */
  lineOf(offset: number): number;
}

/** All files. */
export interface SourceTree {
  readonly paths: readonly string[];
  readonly sources: readonly Source[];
  /** The text of a file that `paths` has. */
  text(path: string): string;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const LEFT_OUT = new Set(["node_modules", ".git", ".postern", "dist"]);

/** Reads the project. */
export function readProject(): SourceTree {
  const files: { [path: string]: string } = {};
  for (const path of list("")) {
    try {
      files[path] = readFileSync(ROOT + path, "utf8");
    } catch (error) {
      // Another test may have taken away its own file since it was listed.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return treeOf(files);
}

/** A tree from texts by path. */
export function treeOf(files: { readonly [path: string]: string }): SourceTree {
  const paths = Object.keys(files).sort();
  return {
    paths,
    sources: paths.filter((path) => /\.(ts|js)$/.test(path)).map((path) => sourceOf(path, files[path]!)),
    text(path) {
      const text = files[path];
      if (text === undefined) throw new RangeError(`${path} is not in the tree`);
      return text;
    },
  };
}

/** All nodes below one, itself first, each with its parent. */
export function* walk(node: Node, parent?: Node): Generator<{ node: Node; parent: Node | undefined }> {
  yield { node, parent };
  for (const child of Object.values(node)) {
    for (const one of Array.isArray(child) ? child : [child]) if (isNode(one)) yield* walk(one, node);
  }
}

/** Whether a value of the tree is a node. */
export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && "start" in value;

function sourceOf(path: string, text: string): Source {
  const { program, comments, errors } = parseSync(path, text, { sourceType: "module" });
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0]?.message}`);
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return {
    path,
    text,
    lines: text.endsWith("\n") ? starts.length - 1 : starts.length,
    program: program as unknown as Node,
    comments,
    lineOf: (offset) => starts.findLastIndex((start) => start <= offset) + 1,
  };
}

function list(folder: string): string[] {
  return readdirSync(ROOT + folder, { withFileTypes: true }).flatMap((entry) => {
    if (LEFT_OUT.has(entry.name) || /\.tmp\.|\.log$/.test(entry.name)) return [];
    const path = folder + entry.name;
    return entry.isDirectory() ? list(`${path}/`) : [path];
  });
}
