/**
 * Every public name has a doc comment, and the parts of it that can be held by a rule are there: what it throws, what
 * an absent option means, the unit of a number.
 */
import { docOf, type Exported, exportsOf } from "../exports.ts";
import type { Finding } from "../finding.ts";
import { isNode, type Node, type SourceTree, walk } from "../source-tree.ts";

/** Names of numbers that say what they count. */
const SAYS_ITS_UNIT =
  /(^ms|Ms|Seconds|Bytes|Octets|Max|Count|Limit|[cC]ode|[pP]ort|[lL]ine|[iI]ndex|[sS]tatus|[dD]epth|[pP]riority|[wW]eight|[aA]ttempts|[vV]ersion)$/;
/** A description shorter than this says no more than the name. */
const WORDS_MIN = 2;

/** Finds public names without docs, or with docs that lack what a user must know. */
export function publicDocs({ sources, paths, text }: SourceTree): readonly Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const manifest = paths.includes("package.json") ? JSON.parse(text("package.json")) : {};
  const doors = Object.values(manifest.exports ?? {}).map((path) => String(path).replace(/^\.\//, ""));
  const findings = new Map<string, Finding>();
  for (const door of doors) {
    for (const one of exportsOf(door, byPath)) {
      for (const { node, todo } of faultsOf(one)) {
        const line = one.source.lineOf(node.start);
        // A name may leave by several doors.
        findings.set(`${one.source.path}:${line} ${todo}`, {
          path: one.source.path,
          line,
          rule: "docs",
          todo,
        });
      }
    }
  }
  return [...findings.values()].sort((a, b) =>
    a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1,
  );
}

interface Fault {
  readonly node: Node;
  readonly todo: string;
}

function faultsOf(exported: Exported): readonly Fault[] {
  const { name, source, statement, declaration } = exported;
  const doc = docOf(source, statement);
  const faults: Fault[] = [];
  if (doc === undefined || wordsOf(doc) < WORDS_MIN) {
    const todo = `'${name}' is public: say above it when it is called, units, errors, what absent means`;
    faults.push({ node: statement, todo });
  }
  if (declaration === undefined) return faults;
  const thrown = thrownBy(declaration);
  if (thrown !== undefined && !/@throws\b|\bthrows\b/i.test(doc ?? "")) {
    faults.push({ node: statement, todo: `'${name}' throws ${thrown}: say when, with @throws` });
  }
  for (const member of membersOf(declaration)) faults.push(...memberFaults(exported, member));
  return faults;
}

function memberFaults({ name, source }: Exported, member: Node): readonly Fault[] {
  const key = isNode(member.key) ? String(member.key.name ?? member.key.value) : "";
  if (docOf(source, member) !== undefined) return [];
  if (member.optional === true) {
    return [{ node: member, todo: `say above ${name}.${key} what it means when it is absent` }];
  }
  if (isNumber(member.typeAnnotation) && !SAYS_ITS_UNIT.test(key)) {
    return [
      { node: member, todo: `say above ${name}.${key} what it counts, or put its unit last in the name` },
    ];
  }
  return [];
}

/** The members of an interface, or of a type that is an object. */
function membersOf({ type, body, typeAnnotation }: Node): readonly Node[] {
  if (type === "TSInterfaceDeclaration" && isNode(body)) return body.body as readonly Node[];
  if (type !== "TSTypeAliasDeclaration" || !isNode(typeAnnotation)) return [];
  return typeAnnotation.type === "TSTypeLiteral" ? (typeAnnotation.members as readonly Node[]) : [];
}

function isNumber(annotation: unknown): boolean {
  return (
    isNode(annotation) &&
    isNode(annotation.typeAnnotation) &&
    annotation.typeAnnotation.type === "TSNumberKeyword"
  );
}

/** What a function throws itself, by `throw new` outside of functions in it. */
function thrownBy(declaration: Node): string | undefined {
  const isFunction = /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/;
  const start = isNode(declaration.init) ? declaration.init : declaration;
  if (!isFunction.test(start.type)) return undefined;
  const inside = [...walk(start)]
    .map(({ node }) => node)
    .filter((node) => node !== start && isFunction.test(node.type));
  for (const { node, parent } of walk(start)) {
    if (node.type !== "ThrowStatement" || !isNode(node.argument) || node.argument.type !== "NewExpression")
      continue;
    if (inside.some(({ start: from, end }) => from <= node.start && node.end <= end)) continue;
    if (caught(start, parent)) continue;
    const { callee } = node.argument;
    return isNode(callee) ? String(callee.name ?? "an error") : "an error";
  }
  return undefined;
}

/** Whether a statement stands in a `try` of the same function that has a `catch`. */
function caught(root: Node, statement: Node | undefined): boolean {
  return [...walk(root)].some(
    ({ node }) =>
      node.type === "TryStatement" &&
      isNode(node.handler) &&
      isNode(node.block) &&
      statement !== undefined &&
      node.block.start <= statement.start &&
      statement.end <= node.block.end,
  );
}

const wordsOf = (doc: string): number => (doc.match(/[\p{L}\p{N}]+/gu) ?? []).length;
