/** The calls of a SQLite spool: what is taken in goes into commits, what is looked at is asked of a thread that only reads. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  SPOOL_LEASE_RECIPIENTS_MAX,
  SPOOL_PAGE_MAX,
  SPOOL_SWEEP_MAX,
  type Spool,
  type SpoolEntry,
  SpoolFault,
  type SpoolFilter,
  type SpoolLease,
  type SpoolLeaseKey,
  type SpoolLeaseRequest,
  type SpoolMessage,
  type SpoolPage,
  type SpoolSettlement,
  type SpoolState,
  type SpoolSweep,
  type StoredMessage,
} from "../gateway/mod.ts";
import type { Clock, Log } from "../pipeline/mod.ts";
import { Batcher } from "./batcher.ts";
import { ByteBudget } from "./byte-budget.ts";
import { ContentFiles } from "./content-files.ts";
import { MessageIntake, type TakenIn } from "./message-intake.ts";
import { SpoolHousekeeping } from "./spool-housekeeping.ts";
import type { ByHand, FoundRow, Look, Operation, Outcome, ThreadStart } from "./sqlite/protocol.ts";
import { SpoolThread } from "./sqlite/thread.ts";
import { entryOf, leasedOf, messageOf } from "./stored-forms.ts";

/** What a spool is made of, once its folder is its own. */
export interface SqliteSpoolParts {
  readonly folder: string;
  readonly start: Omit<ThreadStart, "role">;
  readonly writer: SpoolThread;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  readonly memoryBytesMax: number;
  readonly orphanMs: number;
  /** Called once when all is closed. */
  readonly closed: () => void;
}

/** See the head of the file. */
export class SqliteSpool implements Spool {
  readonly durable = true;
  readonly #letGo: () => void;
  readonly #start: Omit<ThreadStart, "role">;
  readonly #clock: Pick<Clock, "now">;
  readonly #writer: SpoolThread;
  readonly #batcher: Batcher;
  readonly #files: ContentFiles;
  readonly #intake: MessageIntake;
  readonly #housekeeping: SpoolHousekeeping;
  readonly #listeners = new Set<(destination: string) => void>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #token = randomBytes(6).toString("hex");
  #reader: Promise<SpoolThread> | undefined;
  #leases = 0;
  #closed: Promise<void> | undefined;

  constructor({ folder, start, writer, clock, log, memoryBytesMax, orphanMs, closed }: SqliteSpoolParts) {
    this.#letGo = closed;
    this.#start = start;
    this.#clock = clock;
    this.#writer = writer;
    this.#batcher = new Batcher(writer, (cause) => log.error("spoolFault", { cause }));
    const files = new ContentFiles(join(folder, "body"), this.#token, start.reserveBytes, start.probes);
    this.#files = files;
    this.#intake = new MessageIntake(files, new ByteBudget(memoryBytesMax));
    this.#housekeeping = new SpoolHousekeeping({
      start,
      batcher: this.#batcher,
      files,
      named: (ids) => this.#look<readonly string[]>({ look: "files", ids }),
      orphanMs,
      log,
    });
  }

  put(message: SpoolMessage, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#run(async () => {
      const taken = await this.#intake.take(message, this.#clock.now(), false, signal);
      await this.#store([taken], { do: "put", message: taken.row }, signal);
    });
  }

  lease(request: SpoolLeaseRequest): Promise<SpoolLease | undefined> {
    return this.#run(async () => {
      const { owner, leaseMs, destination, untriedFirst = false } = request;
      const { recipientsMax = SPOOL_LEASE_RECIPIENTS_MAX } = request;
      const now = this.#clock.now();
      const token = `${this.#token}-${++this.#leases}`;
      const expiresAt = now + leaseMs;
      const { lent } = await this.#commit({
        do: "lease",
        now,
        owner,
        token,
        expiresAt,
        destination,
        recipientsMax: Math.max(1, Math.min(recipientsMax, SPOOL_LEASE_RECIPIENTS_MAX)),
        untriedFirst,
      });
      if (!lent) return undefined;
      const recipients = lent.recipients.map(leasedOf);
      const key = { id: lent.id, owner, lease: token };
      try {
        const message = await messageOf(lent.message, (file) => this.#files.pathOf(file));
        return { ...key, expiresAt, destination: recipients[0]?.destination ?? "", message, recipients };
      } catch (error) {
        // Nobody knows of the lease: without this it would have to expire.
        const back = recipients.map(({ recipient }) => ({ recipient, to: "return" as const }));
        await this.#commit({ do: "settle", lease: key, settlements: back, messages: [] }).catch(
          () => undefined,
        );
        throw error;
      }
    });
  }

  renew(lease: SpoolLeaseKey, leaseMs: number): Promise<boolean> {
    return this.#run(async () => {
      const { count } = await this.#commit({
        do: "renew",
        lease: keyOf(lease),
        expiresAt: this.#clock.now() + leaseMs,
      });
      return count > 0;
    });
  }

  settle(
    lease: SpoolLeaseKey,
    settlements: readonly SpoolSettlement[],
    messages: readonly SpoolMessage[] = [],
  ): Promise<number> {
    return this.#run(async () => {
      const meant = structuredClone(settlements);
      const taken: TakenIn[] = [];
      try {
        for (const each of messages) taken.push(await this.#intake.take(each, this.#clock.now(), true));
      } catch (error) {
        for (const each of taken) await this.#intake.letGo(each, false);
        throw error;
      }
      const { count } = await this.#store(taken, {
        do: "settle",
        lease: keyOf(lease),
        settlements: meant,
        messages: taken.map(({ row }) => row),
      });
      return count;
    });
  }

  returnLeases(owner?: string): Promise<number> {
    return this.#run(async () => (await this.#commit({ do: "returnLeases", owner })).count);
  }

  hold(filter: SpoolFilter, reason: string, until: number, by: string): Promise<number> {
    return this.#change(filter, { how: "hold", reason, until, by });
  }

  release(filter: SpoolFilter, by: string): Promise<number> {
    return this.#change(filter, { how: "release", by });
  }

  retry(filter: SpoolFilter): Promise<number> {
    return this.#change(filter, { how: "retry" });
  }

  remove(filter: SpoolFilter): Promise<number> {
    return this.#change(filter, { how: "remove" });
  }

  get(id: string): Promise<StoredMessage | undefined> {
    return this.#run(async () => {
      const row = await this.#look<Parameters<typeof messageOf>[0] | undefined>({ look: "get", id });
      return row && (await messageOf(row, (file) => this.#files.pathOf(file)));
    });
  }

  list(filter: SpoolFilter, cursor: string | undefined, limit: number): Promise<SpoolPage<SpoolEntry>> {
    return this.#run(async () => {
      const after = cursor === undefined ? undefined : placeOf(cursor);
      const most = pageSize(limit);
      const found = await this.#look<readonly FoundRow[]>({
        look: "list",
        filter: structuredClone(filter),
        after,
        limit: most,
      });
      const shown = found.slice(0, most);
      const last = shown.at(-1);
      const more = last !== undefined && found.length > most;
      return { entries: shown.map(entryOf), ...(more ? { cursor: `${last.r} ${last.id}` } : {}) };
    });
  }

  counts(): Promise<readonly { state: SpoolState; destination: string; count: number }[]> {
    return this.#run(() => this.#look({ look: "counts" }));
  }

  destinations(
    cursor: string | undefined,
    limit: number,
  ): Promise<SpoolPage<{ readonly destination: string; readonly nextAt: number }>> {
    return this.#run(async () => {
      const most = pageSize(limit);
      const found = await this.#look<readonly { destination: string; nextAt: number }[]>({
        look: "destinations",
        after: cursor,
        limit: most,
      });
      const entries = found.slice(0, most);
      const last = entries.at(-1);
      return { entries, ...(last && found.length > most ? { cursor: last.destination } : {}) };
    });
  }

  sweep(): Promise<SpoolSweep> {
    return this.#run(async () => {
      const now = this.#clock.now();
      const { count, expired = [] } = await this.#commit({ do: "sweep", now, expiredMax: SPOOL_SWEEP_MAX });
      this.#follow(this.#housekeeping.tidy(now));
      return { returned: count, expired: expired.map(entryOf) };
    });
  }

  subscribe(listener: (destination: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    this.#housekeeping.stop();
    // What runs may begin what follows it.
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    this.#listeners.clear();
    const reader = await this.#reader?.catch(() => undefined);
    await reader?.close();
    await this.#writer.close();
    this.#letGo();
  }

  /** Every call goes through here: closed is closed, and `close` waits for what runs. */
  #run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(new SpoolFault("ECLOSED", "the spool is closed"));
    return this.#follow(work());
  }

  #follow<Result>(running: Promise<Result>): Promise<Result> {
    this.#running.add(running);
    const end = (): void => void this.#running.delete(running);
    running.then(end, end);
    return running;
  }

  /** Commits what was taken in. */
  async #store(taken: readonly TakenIn[], operation: Operation, signal?: AbortSignal): Promise<Outcome> {
    let stored = false;
    try {
      const outcome = await this.#commit(operation, signal);
      stored = outcome.stored;
      return outcome;
    } finally {
      for (const each of taken) await this.#intake.letGo(each, stored);
    }
  }

  /** Commits, tells who listens, and removes files that nothing needs any more. */
  async #commit(operation: Operation, signal?: AbortSignal): Promise<Outcome> {
    const outcome = await this.#batcher.run(operation, signal);
    for (const destination of outcome.due) this.#tell(destination);
    if (outcome.files.length > 0) this.#follow(this.#files.drop(outcome.files));
    return outcome;
  }

  #change(filter: SpoolFilter, change: ByHand): Promise<number> {
    return this.#run(async () => {
      if (change.how === "remove" && Object.values(filter).every((condition) => condition === undefined))
        throw new SpoolFault("EINVAL", "remove needs a condition");
      const now = this.#clock.now();
      const meant = structuredClone(filter);
      let changed = 0;
      for (let after: Outcome["next"]; ; ) {
        const outcome = await this.#commit({ do: "change", now, filter: meant, change, after });
        changed += outcome.count;
        after = outcome.next;
        if (!after) return changed;
      }
    });
  }

  async #look<Seen>(at: Look): Promise<Seen> {
    this.#reader ??= SpoolThread.open({ ...this.#start, role: "read" });
    let reader: SpoolThread;
    try {
      reader = await this.#reader;
    } catch (error) {
      this.#reader = undefined;
      throw error;
    }
    const answer = await reader.ask({ ask: "look", at });
    if (!("seen" in answer)) throw new SpoolFault("EIO", "no answer to a look");
    return answer.seen as Seen;
  }

  #tell(destination: string): void {
    for (const listener of this.#listeners) {
      // A hint that fails is one that never came: what was stored is stored.
      try {
        listener(destination);
      } catch {}
    }
  }
}

const keyOf = ({ id, owner, lease }: SpoolLeaseKey): SpoolLeaseKey => ({ id, owner, lease });
const pageSize = (limit: number): number => Math.max(1, Math.min(limit, SPOOL_PAGE_MAX));

/** Where the page before ended. */
function placeOf(cursor: string): { readonly id: string; readonly r: number } {
  const parts = /^(\d{1,10}) (.*)$/s.exec(cursor);
  if (!parts) throw new SpoolFault("EINVAL", "no cursor of this spool");
  return { id: parts[2]!, r: Number(parts[1]) };
}
