/** Programs of others as the other side of a test: for each job a line of JSON goes in and a line comes out. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";

const PARTY_MS_MAX = 120_000;

/** Why a test that needs a program is skipped, or false. @param probe a command that ends with 0 where it is there */
export function missingParty(
  [command, ...args]: readonly [string, ...string[]],
  name: string,
): string | false {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0 ? false : `${name} is not installed here`;
}

/** Runs a command over jobs; its line for each. @throws when it does not give one for each */
export async function partyLines(
  [command, ...args]: readonly [string, ...string[]],
  jobs: readonly unknown[],
): Promise<readonly string[]> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], timeout: PARTY_MS_MAX });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  // One that ends early is told by its lines.
  child.stdin.on("error", () => {});
  for (const job of jobs) child.stdin.write(`${JSON.stringify(job)}\n`);
  child.stdin.end();
  await new Promise((resolve) => child.on("close", resolve));
  const lines = out.trimEnd().split("\n");
  assert.equal(lines.length, jobs.length, err.slice(0, 2_000));
  return lines;
}
