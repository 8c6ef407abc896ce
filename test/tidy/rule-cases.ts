/** Cases of the rules: files that break one or keep it, and what it says of them. */
import assert from "node:assert/strict";
import { type Finding, formatFinding } from "./finding.ts";
import { type SourceTree, treeOf } from "./source-tree.ts";

/** One case. */
export interface RuleCase {
  readonly name: string;
  readonly rule: (tree: SourceTree) => readonly Finding[];
  /** Texts by path. */
  readonly files: { readonly [path: string]: string };
  /** What each line of a failure holds, in order; none where the files are right. */
  readonly want: readonly RegExp[];
}

/** The first line of a file that keeps the rules. */
export const HEAD = "/** What it is. */\n";

/** A package.json with one door and the script of the tests. */
export const manifest = (more: object = {}): string =>
  JSON.stringify({
    exports: { ".": "./core/mod.ts" },
    scripts: { test: 'node --test "test/**/*.test.ts"' },
    ...more,
  });

/** Holds a rule against a case: as many findings as wanted, and each as wanted. */
export function expectFindings({ rule, files, want }: RuleCase): void {
  const found = rule(treeOf(files)).map(formatFinding);
  assert.equal(found.length, want.length, `found\n${found.join("\n")}`);
  for (const [index, pattern] of want.entries()) assert.match(found[index] ?? "", pattern);
}
