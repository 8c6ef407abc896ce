/** What a rule of the house finds wrong, and the words a failure prints. */
import assert from "node:assert/strict";

/** One breach of one rule. */
export interface Finding {
  /** Relative to the project. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly rule: string;
  /** What is wrong there and what to do, in one sentence. */
  readonly todo: string;
}

/** Fails with a line for each finding, "file:line rule: what to do", so that an editor can jump to it. */
export function expectTidy(findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  assert.fail(`breaches of the house's rules: ${findings.length}\n${findings.map(formatFinding).join("\n")}`);
}

/** One finding as a line. */
export const formatFinding = ({ path, line, rule, todo }: Finding): string =>
  `  ${path}:${line} ${rule}: ${todo}`;
