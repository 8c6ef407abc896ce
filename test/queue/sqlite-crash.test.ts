/** What the SQLite spool said it stored is there after kill -9, and what it said is gone is gone. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import type { Spool, SpoolEntry } from "../../core/gateway/mod.ts";
import type { CrashPoint } from "../../core/queue/sqlite/protocol.ts";
import { idOf, octetsOf } from "../gateway/spool-fixtures.ts";
import { type ChildJob, contentOf } from "./spool-child.ts";
import { newFolder, openIn } from "./sqlite-fixtures.ts";

/** What children said over all their lives. */
class Ledger {
  readonly put = new Set<string>();
  readonly begun = new Set<string>();
  readonly done = new Set<string>();

  take(line: string): void {
    const [what, id = ""] = line.split(" ");
    if (what === "put") this.put.add(id);
    else if (what === "begin") this.begun.add(id);
    else if (what === "done") this.done.add(id);
  }
}

/** Runs a child until it is killed: at its crash point, or by us after so many lines. */
async function runToDeath(job: ChildJob, ledger: Ledger, linesMax: number): Promise<void> {
  const file = new URL("./spool-child.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [file, JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<string | null>((resolve) => child.on("exit", (_, signal) => resolve(signal)));
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    ledger.take(line);
    if (++lines === linesMax) child.kill("SIGKILL");
  }
  assert.equal(await ended, "SIGKILL");
}

const filesIn = (folder: string): readonly string[] =>
  readdirSync(join(folder, "body"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

async function listAll(spool: Spool): Promise<readonly SpoolEntry[]> {
  const entries: SpoolEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await spool.list({}, cursor, 1_000);
    entries.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return entries;
}

async function check(folder: string, ledger: Ledger): Promise<void> {
  const spool = await openIn(folder);
  const there = (await listAll(spool)).map(({ id }) => id);
  const present = new Set(there);
  assert.equal(present.size, there.length);
  const lost = [...ledger.put].filter((id) => !ledger.begun.has(id) && !present.has(id));
  assert.deepEqual(lost, [], "acknowledged and lost");
  assert.deepEqual(
    [...ledger.done].filter((id) => present.has(id)),
    [],
    "settled and there again",
  );
  for (const id of there) {
    const stored = await spool.get(id);
    assert.ok(stored);
    assert.deepEqual(await octetsOf(stored.content), contentOf(id), `the content of ${id}`);
  }
  // Housekeeping looks at an hour's folder at a time.
  for (let turn = 0; turn < 3; turn++) await spool.sweep();
  await spool.close();
  const large = there.filter((id) => contentOf(id).length > 65_536);
  assert.equal(filesIn(folder).length, large.length, "no file is left without a message");
}

describe("openSqliteSpool and kill -9", () => {
  it("loses nothing of what it acknowledged, over ten kills under load", async () => {
    const folder = newFolder();
    const ledger = new Ledger();
    const points: readonly (readonly [CrashPoint, number])[] = [
      ["beforeFile", 6],
      ["afterFile", 9],
      ["beforeCommit", 12],
      ["afterCommit", 15],
      ["beforeUnlink", 3],
    ];
    let from = 1;
    for (const [at, pass] of points) {
      await runToDeath({ folder, does: "load", from, probes: { crash: { at, pass } } }, ledger, 0);
      from += 10_000;
    }
    for (const lines of [1, 7, 40, 150, 400]) {
      await runToDeath({ folder, does: "load", from }, ledger, lines);
      from += 10_000;
    }
    assert.ok(ledger.put.size > 100 && ledger.done.size > 20, `${ledger.put.size} ${ledger.done.size}`);
    await check(folder, ledger);
  });

  const steps: readonly { at: CrashPoint; pass: number; put: boolean; there: readonly string[] }[] = [
    { at: "beforeFile", pass: 1, put: false, there: [] },
    { at: "afterFile", pass: 1, put: false, there: [] },
    // The first commit ends the leases of before.
    { at: "beforeCommit", pass: 2, put: false, there: [] },
    { at: "afterCommit", pass: 2, put: false, there: [idOf(3)] },
    { at: "beforeUnlink", pass: 1, put: true, there: [] },
  ];
  for (const { at, pass, put, there } of steps) {
    it(`keeps what is committed and nothing else, killed ${at}`, async () => {
      const folder = newFolder();
      const ledger = new Ledger();
      await runToDeath({ folder, does: "one", from: 3, probes: { crash: { at, pass } } }, ledger, 0);
      assert.equal(ledger.put.size, put ? 1 : 0);
      assert.equal(filesIn(folder).length, at === "beforeFile" ? 0 : 1);
      const spool = await openIn(folder);
      assert.deepEqual(
        (await listAll(spool)).map(({ id }) => id),
        there,
      );
      await spool.close();
      await check(folder, ledger);
    });
  }
});
