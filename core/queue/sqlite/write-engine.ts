/**
 * The one writer of a process: runs a batch of operations as one transaction. An operation that is refused leaves the
 * others alone. Where the transaction as a whole fails each is run alone, so that one that does not fit fails alone.
 * After a write or a sync that failed nothing is promised any more: every operation is refused until the spool is opened
 * anew. Leases stay as they are.
 */
import { rmSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { changeByHand } from "./by-hand.ts";
import { CrashCounter } from "./crash-counter.ts";
import { lend, outcome, renew, returnLeases, settle, sweep } from "./lend.ts";
import type { BatchResult, Operation, Outcome, Refusal, ThreadStart } from "./protocol.ts";
import { Refused } from "./refused.ts";
import { openToWrite } from "./schema.ts";
import { Statements } from "./statements.ts";
import { insertMessage, refuseKnown } from "./store-messages.ts";

/** Octets of log between checkpoints, as far as they are known. */
const CHECKPOINT_BYTES = 16_777_216;
/** A part of the ballast that the log stays below, so that with the ballast's room it fits into the database. */
const BALLAST_PARTS = 4;
/** Octets of log that an operation writes beside those of contents. */
const OPERATION_BYTES = 12_288;

const PAGE_BYTES = 4_096;

const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CONSTRAINT = 19;
const SQLITE_NOTADB = 26;
/** The index of the log could not grow: so far it is only ever for want of room. */
const SQLITE_IOERR_SHMSIZE = 4_874;

const fullRefusal: Refusal = { code: "ENOSPC", message: "there is no room on the disk of the spool" };

/** See the head of the file. */
export class WriteEngine {
  readonly #start: ThreadStart;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #crash: CrashCounter;
  /** Octets that are in the log alone, at most: a checkpoint makes the database grow by them. */
  #unsaved = 0;
  /** When there are so many a checkpoint is tried. */
  #checkpointAt: number;
  #isLow = false;
  #broken: string | undefined;
  #alarms: string[] = [];

  /** @throws what opening throws */
  constructor(start: ThreadStart) {
    this.#start = start;
    this.#checkpointAt = this.#checkpointBytes;
    this.#crash = new CrashCounter(start.probes);
    this.#database = openToWrite(start.path, start.probes.without ?? []);
    this.#statements = new Statements(this.#database);
  }

  /** Runs a batch; one result for each operation, in order, and what an operator must hear of. */
  run(operations: readonly Operation[]): {
    readonly results: readonly BatchResult[];
    readonly alarms: readonly string[];
  } {
    const mayPut = !operations.some((each) => each.do === "put") || this.#hasRoom();
    const run = (each: Operation): BatchResult =>
      each.do === "put" && !mayPut ? { refused: fullRefusal } : this.#runOne(each);
    let results: readonly BatchResult[];
    try {
      results = this.#commit(() => operations.map(run));
    } catch (error) {
      results = this.#runAlone(operations, error);
    }
    for (const each of operations) this.#unsaved += OPERATION_BYTES + bodyBytes(each);
    const alarms = this.#alarms;
    this.#alarms = [];
    return { results, alarms };
  }

  /** Between batches: copies the log into the database when there is enough of it. A failure costs nothing but room. */
  rest(): readonly string[] {
    if (this.#broken !== undefined || (this.#unsaved < this.#checkpointAt && !this.#isLow)) return [];
    try {
      this.#checkpoint(this.#isLow ? "TRUNCATE" : "PASSIVE");
      this.#isLow = false;
      return [];
    } catch (error) {
      this.#checkpointAt = this.#unsaved + this.#checkpointBytes;
      return isFullError(error) ? [] : [`a checkpoint failed: ${messageOf(error)}`];
    }
  }

  close(): void {
    this.#database.close();
  }

  #runOne(each: Operation): BatchResult {
    if (this.#broken !== undefined) return { refused: { code: "EIO", message: this.#broken } };
    try {
      return this.#do(each);
    } catch (error) {
      // Thrown before the operation changed anything.
      if (error instanceof Refused) return { refused: { code: error.code, message: error.message } };
      throw error;
    }
  }

  #do(each: Operation): Outcome {
    const db = this.#statements;
    switch (each.do) {
      case "put": {
        const due = new Set<string>();
        refuseKnown(db, [each.message]);
        insertMessage(db, each.message, due);
        return outcome({ count: 1, stored: true, due: [...due] });
      }
      case "lease":
        return lend(db, each);
      case "renew":
        return renew(db, each);
      case "settle":
        return settle(db, each);
      case "returnLeases":
        return returnLeases(db, each);
      case "change":
        return changeByHand(db, each);
      case "sweep":
        return sweep(db, each);
      case "vacuum": {
        // None would mean all.
        if (each.pages > 0) this.#database.exec(`PRAGMA incremental_vacuum(${Math.trunc(each.pages)})`);
        const left = db.first<{ freelist_count: number }>("PRAGMA freelist_count");
        return outcome({ count: left?.freelist_count ?? 0 });
      }
    }
  }

  #commit<Result>(work: () => Result): Result {
    if (this.#broken !== undefined) return work();
    const database = this.#database;
    database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#crash.at("beforeCommit");
      database.exec("COMMIT");
      this.#crash.at("afterCommit");
      return result;
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  /** What was given comes here whole, so that nothing must be sent again. */
  #runAlone(operations: readonly Operation[], why: unknown): readonly BatchResult[] {
    this.#learn(why);
    const isFull = isFullError(why);
    if (operations.length === 1 && !isFull) return [{ refused: this.#refusalOf(why) }];
    return operations.map((each) => {
      // The ballast's room is for what makes room.
      if (isFull && each.do === "put" && !this.#hasRoom()) return { refused: fullRefusal };
      try {
        return this.#commit(() => this.#runOne(each));
      } catch (error) {
        this.#learn(error);
        return { refused: this.#refusalOf(error) };
      }
    });
  }

  #refusalOf(error: unknown): Refusal {
    if (isFullError(error)) return fullRefusal;
    if ((codeOf(error) & 0xff) === SQLITE_CONSTRAINT) return { code: "EINVAL", message: messageOf(error) };
    return { code: "EIO", message: this.#broken ?? messageOf(error) };
  }

  #learn(error: unknown): void {
    const code = codeOf(error);
    if (isFullError(error)) {
      this.#isLow = true;
      rmSync(this.#start.ballast, { force: true });
      // Gives back the log's own room. Where it does not fit, the ballast's must do.
      try {
        this.#checkpoint("TRUNCATE");
      } catch {}
      return;
    }
    const primary = code & 0xff;
    if (this.#broken !== undefined) return;
    if (primary !== SQLITE_IOERR && primary !== SQLITE_CORRUPT && primary !== SQLITE_NOTADB) return;
    this.#broken = `the spool failed and takes nothing until it is opened anew: ${messageOf(error)}`;
    this.#alarms.push(this.#broken);
  }

  /** Whether there is room for new messages beside the reserve, and beside the ballast where it is gone. */
  #hasRoom(): boolean {
    const { path, ballast, ballastBytes, reserveBytes } = this.#start;
    const { bavail, bsize } = statfsSync(dirname(path));
    const isThere = (statSync(ballast, { throwIfNoEntry: false })?.size ?? 0) >= ballastBytes;
    const hasRoom = bavail * bsize >= reserveBytes + this.#unsaved + (isThere ? 0 : ballastBytes);
    this.#isLow ||= !hasRoom;
    return hasRoom;
  }

  /** What a reader still needs of the log stays there for the next one. */
  #checkpoint(how: "PASSIVE" | "TRUNCATE"): void {
    const { log = 0, checkpointed = 0 } =
      this.#statements.first<{ log: number; checkpointed: number }>(`PRAGMA wal_checkpoint(${how})`) ?? {};
    this.#unsaved = Math.max(0, log - checkpointed) * PAGE_BYTES;
    this.#checkpointAt = this.#unsaved + this.#checkpointBytes;
  }

  get #checkpointBytes(): number {
    const { ballastBytes } = this.#start;
    return ballastBytes === 0 ? CHECKPOINT_BYTES : Math.min(CHECKPOINT_BYTES, ballastBytes / BALLAST_PARTS);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const codeOf = (error: unknown): number => Number((error as { readonly errcode?: number }).errcode ?? 0);
const isFullError = (error: unknown): boolean =>
  (codeOf(error) & 0xff) === SQLITE_FULL || codeOf(error) === SQLITE_IOERR_SHMSIZE;

function bodyBytes(each: Operation): number {
  if (each.do === "put") return each.message.body.byteLength;
  if (each.do !== "settle") return 0;
  return each.messages.reduce((sum, { body }) => sum + body.byteLength, 0);
}
