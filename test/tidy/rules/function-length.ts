/**
 * A function fits on a screen. The lines of functions inside it count for themselves: a factory that returns an
 * object of closures is as long as what it does itself. The body of a `describe` is a section of its file, with the
 * tables of its tests, and only the file's length bounds it.
 */
import type { Finding } from "../finding.ts";
import { isNode, type Node, type Source, type SourceTree } from "../source-tree.ts";

const LINES_MAX = 70;
/** Functions over LINES_MAX as "path name", each with its reason. */
const LONG_FUNCTIONS: { readonly [pathAndName: string]: string } = {};

/** Finds functions that are too long. */
export function functionLength(
  { sources }: SourceTree,
  longFunctions: typeof LONG_FUNCTIONS = LONG_FUNCTIONS,
): readonly Finding[] {
  const seen = new Set<string>();
  const findings = sources.flatMap((source) =>
    functionsBelow(source.program, "").flatMap(({ node, name, isSection }) => {
      const lines = ownLines(source, node);
      const key = `${source.path} ${name}`;
      if (lines <= LINES_MAX || isSection) return [];
      seen.add(key);
      if (Object.hasOwn(longFunctions, key)) return [];
      const todo = `'${name}' has ${lines} lines of its own, ${LINES_MAX} at most: split it, or give a reason in rules/function-length.ts`;
      return [{ path: source.path, line: source.lineOf(node.start), rule: "function length", todo }];
    }),
  );
  for (const key of Object.keys(longFunctions).filter((one) => !seen.has(one))) {
    const todo = `'${key}' is no longer too long: take it out of LONG_FUNCTIONS`;
    findings.push({ path: "test/tidy/rules/function-length.ts", line: 1, rule: "function length", todo });
  }
  return findings;
}

interface Found {
  readonly node: Node;
  readonly name: string;
  readonly isSection: boolean;
}

/** The functions right below a node, and all in them. */
function functionsBelow(node: Node, name: string): readonly Found[] {
  return childFunctions(node, name).flatMap((found) => [found, ...functionsBelow(found.node, found.name)]);
}

/** The functions below a node that are in no other function below it. */
function childFunctions(node: Node, name: string): readonly Found[] {
  return Object.values(node).flatMap((value) =>
    (Array.isArray(value) ? value : [value]).filter(isNode).flatMap((child): readonly Found[] => {
      const own = nameOf(child) ?? nameOf(node) ?? name;
      const isFunction = /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(
        child.type,
      );
      return isFunction
        ? [{ node: child, name: own, isSection: isDescribe(node) }]
        : childFunctions(child, nameOf(child) ?? name);
    }),
  );
}

const isDescribe = ({ type, callee }: Node): boolean =>
  type === "CallExpression" && isNode(callee) && callee.name === "describe";

/** Of a declaration or member its name; of a call, such as `test("...", ...)`, its first text. */
function nameOf({ id, key, type, arguments: given }: Node): string | undefined {
  for (const one of [id, key]) if (isNode(one) && typeof one.name === "string") return one.name;
  const first = type === "CallExpression" && Array.isArray(given) ? given[0] : undefined;
  return isNode(first) && typeof first.value === "string" ? first.value : undefined;
}

/** A function inside takes all its lines but the first, on which the outer one goes on. */
function ownLines(source: Source, node: Node): number {
  const span = ({ start, end }: Node): number => source.lineOf(end - 1) - source.lineOf(start);
  return span(node) + 1 - childFunctions(node, "").reduce((sum, child) => sum + span(child.node), 0);
}
