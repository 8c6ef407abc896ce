/**
 * The database of a spool: how it is opened, its tables, and how an older one becomes a present one. Every step of the
 * schema is one transaction. A database of a newer version is refused: what this one does not know it would lose.
 */
import { chmodSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { SyncPoint } from "./protocol.ts";

/** Marks a database as a spool: "PSpl". */
const APPLICATION_ID = 0x50_53_70_6c;
/** How long a process waits for another one of the same gateway. */
const BUSY_MS = 10_000;

/**
 * One entry for each version, from 1 on; an entry never changes once it was released.
 *
 * msg.n is the time of receipt * 2048 + a sequence number, so that inserts append; times are epoch milliseconds. A body has
 * a table of its own so that lists never walk its pages. rcpt.state: 0 due, 1 leased, 2 held, 3 failed.
 */
const STEPS: readonly string[] = [
  `CREATE TABLE msg (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    received REAL NOT NULL,
    reverse TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    files TEXT,
    data TEXT NOT NULL
  ) STRICT;
  CREATE TABLE body (n INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
  CREATE TABLE rcpt (
    n INTEGER NOT NULL,
    r INTEGER NOT NULL,
    state INTEGER NOT NULL,
    destination TEXT NOT NULL,
    next REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    tried INTEGER AS (tries > 0) VIRTUAL,
    lapsed INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    lease TEXT,
    expires REAL,
    forward TEXT NOT NULL,
    reply TEXT,
    reason TEXT,
    byhand TEXT,
    data TEXT NOT NULL,
    PRIMARY KEY (n, r)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX rcpt_due ON rcpt (destination, tried, next) WHERE state = 0;
  CREATE INDEX rcpt_leased ON rcpt (expires) WHERE state = 1;
  CREATE INDEX rcpt_kept ON rcpt (next) WHERE state >= 2;
  CREATE INDEX rcpt_held ON rcpt (n, r) WHERE state = 2;
  CREATE INDEX rcpt_failed ON rcpt (n, r) WHERE state = 3;
  CREATE INDEX msg_files ON msg (n) WHERE files IS NOT NULL;`,
];

/** The version that this program writes. */
export const SCHEMA_VERSION = STEPS.length;

/** Opens the one connection of a process that writes, and brings the schema up to date. @throws what SQLite throws, or an Error in words */
export function openToWrite(path: string, without: readonly SyncPoint[]): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    chmodSync(path, 0o600);
    refuseOthers(database, path);
    // Only an empty database takes this.
    database.exec("PRAGMA auto_vacuum = INCREMENTAL");
    database.exec("PRAGMA journal_mode = WAL");
    database.exec(`PRAGMA synchronous = ${without.includes("wal") ? "OFF" : "FULL"}`);
    // On a full disk a checkpoint that fails within a commit reports as failed what is durable.
    database.exec("PRAGMA wal_autocheckpoint = 0");
    database.exec("PRAGMA journal_size_limit = 67108864");
    database.exec("PRAGMA cache_size = -32768");
    migrate(database);
    // After a sync that failed the log may hold what the disk does not: nothing new goes behind it.
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Opens a connection that only reads, beside the one that writes. */
export function openToRead(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
  database.exec("PRAGMA cache_size = -8192");
  return database;
}

function refuseOthers(database: DatabaseSync, path: string): void {
  const application = pragma(database, "application_id");
  const version = pragma(database, "user_version");
  const hasTables = database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() !== undefined;
  if (hasTables && application !== APPLICATION_ID) throw new Error(`${path} is not a spool`);
  if (version > SCHEMA_VERSION) {
    throw new Error(
      `${path} is a spool of version ${version}, and this program knows versions to ${SCHEMA_VERSION}: ` +
        "start the newer program again, or let it empty the spool first",
    );
  }
}

function migrate(database: DatabaseSync): void {
  if (pragma(database, "user_version") === SCHEMA_VERSION) return;
  database.exec("BEGIN EXCLUSIVE");
  try {
    // Another process may have done it meanwhile.
    for (let version = pragma(database, "user_version"); version < SCHEMA_VERSION; version++) {
      database.exec(STEPS[version] ?? "");
      database.exec(`PRAGMA user_version = ${version + 1}`);
    }
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function pragma(database: DatabaseSync, name: "application_id" | "user_version"): number {
  const row = database.prepare(`PRAGMA ${name}`).get() ?? {};
  return Number(Object.values(row)[0]);
}
