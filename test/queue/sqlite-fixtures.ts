/** Folders, spools and a log for the tests of the SQLite spool. */
import { mkdtempSync, rmSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { Spool } from "../../core/gateway/mod.ts";
import type { Log } from "../../core/pipeline/mod.ts";
import { openSqliteSpool, type SqliteSpoolOptions } from "../../core/queue/open-sqlite-spool.ts";
import { TestClock } from "../gateway/spool-fixtures.ts";

// Each spool has threads of its own: they start in half the time.
enableCompileCache(join(tmpdir(), "postern-test-code"));

/** A log that keeps what it is told. */
export class KeptLog implements Log {
  readonly lines: string[] = [];
  readonly #take =
    (level: string) =>
    (event: string, fields?: object): void =>
      void this.lines.push(`${level} ${event} ${JSON.stringify(fields ?? {})}`);
  readonly debug = this.#take("debug");
  readonly info = this.#take("info");
  readonly warn = this.#take("warn");
  readonly error = this.#take("error");
}

/** A new folder, removed when the tests of the file are through. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-spool-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a spool without a ballast, as that takes 64 MB of the disk. Who calls it closes it. */
export const openBare = (folder: string, options: Partial<SqliteSpoolOptions> = {}): Promise<Spool> =>
  openSqliteSpool({
    folder,
    clock: new TestClock(),
    log: new KeptLog(),
    reserveBytes: 0,
    ballastBytes: 0,
    orphanMs: 0,
    ...options,
  });

/** The same, closed at the end of the test at the latest: one that fails would keep the process alive. */
export async function openIn(folder: string, options: Partial<SqliteSpoolOptions> = {}): Promise<Spool> {
  const spool = await openBare(folder, options);
  after(() => spool.close());
  return spool;
}
