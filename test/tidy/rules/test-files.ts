/** No test is dead: `npm test` finds each file of tests, and none is left out, or left alone, without a word. */
import { matchesGlob } from "node:path";
import type { Finding } from "../finding.ts";
import { importsOf } from "../imports.ts";
import { isNode, type Node, type SourceTree, walk } from "../source-tree.ts";

const TESTERS = new Set(["test", "it", "describe", "suite"]);

/** Finds files of tests that `npm test` does not run, and tests that are skipped, to do, or alone. */
export function testFiles({ sources, paths, text }: SourceTree): readonly Finding[] {
  const script: string = JSON.parse(text("package.json")).scripts?.test ?? "";
  const globs = [...script.matchAll(/"([^"]+\.ts)"/g)].map((match) => match[1]!);
  const found = (path: string): boolean => globs.some((glob) => matchesGlob(path, glob));
  const findings: Finding[] = paths
    .filter((path) => /[.-](test|spec)\.[cm]?[jt]sx?$/.test(path) && !found(path))
    .map((path) => ({
      path,
      line: 1,
      rule: "test file",
      todo: `npm test (${globs.join(" ")}) does not find it: move or rename it`,
    }));
  for (const source of sources) {
    const imported = importsOf(source).find(({ specifier }) => specifier === "node:test");
    if (imported === undefined) continue;
    const nodes = [...walk(source.program)].map(({ node }) => node);
    const functions = nodes.filter(({ type }) => /Function/.test(type));
    const isInFunction = ({ start, end }: Node): boolean =>
      functions.some((one) => one.start <= start && end <= one.end);
    for (const node of nodes) {
      if (node.type !== "CallExpression") continue;
      // A body that several test files run is a function with its tests inside.
      const isRun = found(source.path) || isInFunction(node);
      const todo = isRun ? unspoken(node) : unfound(node);
      if (todo === undefined) continue;
      findings.push({ path: source.path, line: source.lineOf(node.start), rule: "test file", todo });
    }
  }
  return findings;
}

function unfound({ callee }: Node): string | undefined {
  return testerOf(callee) === undefined
    ? undefined
    : "no *.test.ts file runs it: move it to one, or into a function that one calls";
}

/** `skip: "why"` prints its reason; `true` and the short forms print none. */
function unspoken({ callee, arguments: given }: Node): string | undefined {
  const tester = testerOf(callee);
  if (tester === undefined) return undefined;
  if (/\.(skip|todo)$/.test(tester))
    return `give the reason: ${tester.split(".")[0]}(name, { skip: "why" }, ...)`;
  if (tester.endsWith(".only")) return "take .only away: it leaves out all the others";
  for (const option of Array.isArray(given) ? given : []) {
    if (!isNode(option) || option.type !== "ObjectExpression") continue;
    for (const property of option.properties as readonly Node[]) {
      const name = isNode(property.key) ? property.key.name : undefined;
      const isTrue = isNode(property.value) && property.value.value === true;
      if (isTrue && (name === "skip" || name === "todo")) return `give the reason: { ${name}: "why" }`;
      if (isTrue && name === "only") return "take only away: it leaves out all the others";
    }
  }
  return undefined;
}

/** "test", "it.skip" and so on when a callee is one of node:test. */
function testerOf(callee: unknown): string | undefined {
  if (!isNode(callee)) return undefined;
  if (callee.type === "Identifier") return TESTERS.has(String(callee.name)) ? String(callee.name) : undefined;
  if (callee.type !== "MemberExpression" || !isNode(callee.property)) return undefined;
  const object = testerOf(callee.object);
  return object === undefined ? undefined : `${object}.${callee.property.name}`;
}
