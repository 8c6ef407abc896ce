/** What a door exports, followed through all re-exports to where each name is declared. */
import { importsOf } from "./imports.ts";
import { isNode, type Node, type Source } from "./source-tree.ts";

/** A name that a door exports. */
export interface Exported {
  readonly name: string;
  /** Where it is declared; where it is exported from a package, that statement. */
  readonly source: Source;
  /** The statement, with its `export`. */
  readonly statement: Node;
  /** The function, class, interface, type or declared variable; undefined for a name of another package. */
  readonly declaration: Node | undefined;
}

/**
 * The names of a door. Of overloads only the first is given.
 *
 * @throws RangeError when a re-export leads to no file or no name
 */
export function exportsOf(door: string, sources: ReadonlyMap<string, Source>): readonly Exported[] {
  const source = sources.get(door);
  if (source === undefined) throw new RangeError(`no file ${door}`);
  const found = new Map<string, Exported>();
  for (const statement of statementsOf(source)) {
    const target = importsOf({ ...source, program: statement })[0]?.target;
    for (const one of exportsOfStatement(statement, source, target, sources)) {
      if (!found.has(one.name)) found.set(one.name, one);
    }
  }
  return [...found.values()];
}

/** The doc comment right above a node; comments to the linter may stand between. */
export function docOf({ comments, text }: Source, node: Node): string | undefined {
  let start = node.start;
  for (const comment of comments.filter(({ end }) => end <= node.start).reverse()) {
    if (text.slice(comment.end, start).trim() !== "") return undefined;
    if (comment.type === "Block" && comment.value.startsWith("*")) return comment.value.slice(1);
    start = comment.start;
  }
  return undefined;
}

function exportsOfStatement(
  statement: Node,
  source: Source,
  target: string | undefined,
  sources: ReadonlyMap<string, Source>,
): readonly Exported[] {
  if (statement.type === "ExportAllDeclaration") {
    if (target === undefined)
      throw new RangeError(`${source.path} exports all of a package: name what it exports`);
    const name = nameOf(statement.exported);
    if (name !== undefined) return [{ name, source, statement, declaration: undefined }];
    return exportsOf(target, sources);
  }
  if (statement.type !== "ExportNamedDeclaration") return [];
  if (isNode(statement.declaration)) return declared(statement, statement.declaration, source);
  return (statement.specifiers as readonly Node[]).map((specifier) => {
    const name = nameOf(specifier.exported) ?? "";
    const local = nameOf(specifier.local) ?? "";
    if (statement.source === null) return localOf(name, local, statement, source, sources);
    if (target === undefined) return { name, source, statement, declaration: undefined };
    return { ...nameIn(target, local, sources), name };
  });
}

/** `export { x }` of something that was imported or declared before. */
function localOf(
  name: string,
  local: string,
  statement: Node,
  source: Source,
  sources: ReadonlyMap<string, Source>,
): Exported {
  for (const one of statementsOf(source)) {
    const match = declared(one, one, source).find((each) => each.name === local);
    if (match !== undefined) return { ...match, name };
    if (one.type !== "ImportDeclaration") continue;
    const specifier = (one.specifiers as readonly Node[]).find((each) => nameOf(each.local) === local);
    const target = importsOf({ ...source, program: one })[0]?.target;
    const imported = nameOf(specifier?.imported);
    if (target !== undefined && imported !== undefined) return { ...nameIn(target, imported, sources), name };
  }
  return { name, source, statement, declaration: undefined };
}

function nameIn(path: string, name: string, sources: ReadonlyMap<string, Source>): Exported {
  const found = exportsOf(path, sources).find((one) => one.name === name);
  if (found === undefined) throw new RangeError(`${path} exports no ${name}`);
  return found;
}

function declared(statement: Node, declaration: Node, source: Source): readonly Exported[] {
  const list =
    declaration.type === "VariableDeclaration"
      ? (declaration.declarations as readonly Node[])
      : [declaration];
  return list.flatMap((one) => {
    const name = nameOf(one.id);
    return name === undefined ? [] : [{ name, source, statement, declaration: one }];
  });
}

const statementsOf = (source: Source): readonly Node[] => source.program.body as readonly Node[];

function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  return typeof node.name === "string" ? node.name : typeof node.value === "string" ? node.value : undefined;
}
