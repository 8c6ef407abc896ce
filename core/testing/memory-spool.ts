/**
 * A spool in memory, for tests: it keeps every promise of `Spool` but the one of outliving the process. Contents are
 * copied in as they are streamed, within a bound. A lease looks at every recipient: a thousand are quick, a million
 * would not be.
 */
import {
  SPOOL_LEASE_RECIPIENTS_MAX,
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
  webClock,
} from "../gateway/mod.ts";
import type { Clock } from "../pipeline/mod.ts";
import {
  copyMessage,
  meets,
  openMessage,
  type Row,
  type StoredRows,
  takenBytes,
} from "./memory-spool-rows.ts";
import { countsOf, destinationsOf, entriesOf, entryOf, firstDue, leased } from "./memory-spool-views.ts";

/** How a memory spool is made. */
export interface MemorySpoolOptions {
  /** What it says of itself. Default false; a test of what needs a durable spool says true. */
  readonly durable?: boolean;
  /** What is due and expired by. Default the platform's. */
  readonly clock?: Pick<Clock, "now">;
  /** Octets of all messages together; a `put` beyond it rejects with ENOSPC. Default 256 MB. */
  readonly bytesMax?: number;
}

/** Makes an empty spool. */
export const createMemorySpool = (options: MemorySpoolOptions = {}): Spool => new MemorySpool(options);

/** Every commit is synchronous, so that it is one step among all callers. */
class MemorySpool implements Spool {
  readonly durable: boolean;
  readonly #clock: Pick<Clock, "now">;
  readonly #bytesMax: number;
  readonly #messages = new Map<string, StoredRows>();
  readonly #listeners = new Set<(destination: string) => void>();
  readonly #running = new Set<Promise<unknown>>();
  #bytes = 0;
  #leases = 0;
  #closed = false;

  constructor({ durable = false, clock = webClock, bytesMax = 256 * 2 ** 20 }: MemorySpoolOptions) {
    this.durable = durable;
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  put(message: SpoolMessage, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#run(() => this.#store([message], signal));
  }

  lease(request: SpoolLeaseRequest): Promise<SpoolLease | undefined> {
    return this.#run(() => {
      const now = this.#clock.now();
      const { owner, leaseMs, destination, recipientsMax = SPOOL_LEASE_RECIPIENTS_MAX } = request;
      const filter: SpoolFilter = { state: "due", ...(destination === undefined ? {} : { destination }) };
      const first = firstDue(this.#rows(filter), now, request.untriedFirst === true);
      if (!first) return undefined;
      const most = Math.max(1, Math.min(recipientsMax, SPOOL_LEASE_RECIPIENTS_MAX));
      const together: SpoolFilter = { id: first.id, state: "due", destination: first.destination };
      const lent = [...this.#rows(together)].filter(({ nextAt }) => nextAt <= now).slice(0, most);
      const lease = { token: String(++this.#leases), owner, expiresAt: now + leaseMs };
      for (const row of lent) {
        row.state = "leased";
        row.lease = lease;
        row.attempts++;
      }
      return {
        id: first.id,
        owner,
        lease: lease.token,
        expiresAt: lease.expiresAt,
        destination: first.destination,
        message: openMessage(first.message),
        recipients: lent.map(leased),
      };
    });
  }

  renew(lease: SpoolLeaseKey, leaseMs: number): Promise<boolean> {
    return this.#run(() => {
      const rows = this.#onLease(lease);
      for (const row of rows) if (row.lease) row.lease.expiresAt = this.#clock.now() + leaseMs;
      return rows.length > 0;
    });
  }

  settle(
    lease: SpoolLeaseKey,
    settlements: readonly SpoolSettlement[],
    messages: readonly SpoolMessage[] = [],
  ): Promise<number> {
    return this.#run(async () => {
      let settled = 0;
      await this.#store(messages, undefined, () => {
        const rows = new Map(this.#onLease(lease).map((row) => [row.recipient, row]));
        const meant = settlements.filter(({ recipient }) => rows.has(recipient));
        if (meant.length === 0) return undefined;
        return () => {
          for (const settlement of structuredClone(meant)) {
            const row = rows.get(settlement.recipient);
            // The first settlement of a recipient is the one that counts.
            if (!row || !rows.delete(settlement.recipient)) continue;
            this.#settle(row, settlement);
            settled++;
          }
        };
      });
      return settled;
    });
  }

  returnLeases(owner?: string): Promise<number> {
    return this.#run(() => this.#lapse((lease) => owner === undefined || lease.owner === owner));
  }

  hold(filter: SpoolFilter, reason: string, until: number, by: string): Promise<number> {
    return this.#run(() =>
      this.#change(filter, (row) => {
        if (row.state !== "due") return false;
        row.state = "held";
        row.reason = reason;
        row.nextAt = until;
        row.by = { who: by, did: "hold", at: this.#clock.now() };
        return true;
      }),
    );
  }

  release(filter: SpoolFilter, by: string): Promise<number> {
    return this.#run(() =>
      this.#change(filter, (row) => {
        if (row.state !== "held") return false;
        row.state = "due";
        row.nextAt = this.#clock.now();
        row.by = { who: by, did: "release", at: row.nextAt };
        return true;
      }),
    );
  }

  retry(filter: SpoolFilter): Promise<number> {
    return this.#run(() =>
      this.#change(filter, (row) => {
        const now = this.#clock.now();
        if (row.state !== "failed" && !(row.state === "due" && row.nextAt > now)) return false;
        row.state = "due";
        row.nextAt = now;
        return true;
      }),
    );
  }

  remove(filter: SpoolFilter): Promise<number> {
    return this.#run(() => {
      if (Object.values(filter).every((condition) => condition === undefined))
        throw new SpoolFault("EINVAL", "remove needs a condition");
      return this.#change(filter, (row) => {
        this.#drop(row);
        return true;
      });
    });
  }

  get(id: string): Promise<StoredMessage | undefined> {
    return this.#run(() => {
      const message = this.#messages.get(id);
      return message && openMessage(message);
    });
  }

  list(filter: SpoolFilter, cursor: string | undefined, limit: number): Promise<SpoolPage<SpoolEntry>> {
    return this.#run(() => entriesOf(this.#rows(filter), cursor, limit));
  }

  counts(): Promise<readonly { state: SpoolState; destination: string; count: number }[]> {
    return this.#run(() => countsOf(this.#rows({})));
  }

  destinations(
    cursor: string | undefined,
    limit: number,
  ): Promise<SpoolPage<{ destination: string; nextAt: number }>> {
    return this.#run(() => destinationsOf(this.#rows({ state: "due" }), cursor, limit));
  }

  sweep(): Promise<SpoolSweep> {
    return this.#run(() => {
      const now = this.#clock.now();
      const returned = this.#lapse((lease) => lease.expiresAt <= now);
      const over = [...this.#rows({ state: "held" }), ...this.#rows({ state: "failed" })]
        .filter(({ nextAt }) => nextAt <= now)
        .slice(0, SPOOL_SWEEP_MAX);
      const expired = over.map(entryOf);
      for (const row of over) this.#drop(row);
      return { returned, expired };
    });
  }

  subscribe(listener: (destination: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
    this.#messages.clear();
    this.#listeners.clear();
  }

  /** Every call goes through here: closed is closed, and `close` waits for what runs. */
  async #run<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#closed) throw new SpoolFault("ECLOSED", "the spool is closed");
    const running = (async () => work())();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /**
   * Reads messages in and stores them in one step with what `prepare` gives. When it gives nothing there is nothing to
   * store them beside: a repeated settlement does not fail because its DSN is there.
   */
  async #store(
    incoming: readonly SpoolMessage[],
    signal: AbortSignal | undefined,
    prepare: () => (() => void) | undefined = () => () => {},
  ): Promise<void> {
    const wanted = incoming.reduce((sum, message) => sum + takenBytes(message), 0);
    // Taken before the reading, so that all that is read in at once stays within the bound.
    if (this.#bytes + wanted > this.#bytesMax)
      throw new SpoolFault("ENOSPC", `more than ${this.#bytesMax} octets`);
    this.#bytes += wanted;
    let stored = false;
    try {
      const copies: StoredRows[] = [];
      for (const message of incoming) copies.push(await copyMessage(message, signal));
      signal?.throwIfAborted();
      const commit = prepare();
      if (!commit) return;
      const ids = new Set(copies.map(({ id }) => id));
      if (ids.size < copies.length || copies.some(({ id }) => this.#messages.has(id)))
        throw new SpoolFault("EEXIST", "a message of that id is stored");
      stored = true;
      commit();
      for (const copy of copies) this.#messages.set(copy.id, copy);
      this.#tell(copies.flatMap(({ rows }) => [...rows.values()]));
    } finally {
      if (!stored) this.#bytes -= wanted;
    }
  }

  *#rows(filter: SpoolFilter): Generator<Row> {
    const one = filter.id === undefined ? undefined : this.#messages.get(filter.id);
    const searched = filter.id === undefined ? this.#messages.values() : one ? [one] : [];
    for (const { rows } of searched) for (const row of rows.values()) if (meets(row, filter)) yield row;
  }

  #onLease({ id, owner, lease }: SpoolLeaseKey): Row[] {
    return [...this.#rows({ id })].filter((row) => row.lease?.token === lease && row.lease.owner === owner);
  }

  #settle(row: Row, settlement: SpoolSettlement): void {
    row.lease = undefined;
    switch (settlement.to) {
      case "complete":
        this.#drop(row);
        return;
      case "defer":
        row.state = "due";
        row.nextAt = settlement.nextAt;
        row.lastReply = settlement.reply;
        row.destination = settlement.destination ?? row.destination;
        break;
      case "fail":
        row.state = "failed";
        row.nextAt = settlement.until;
        row.lastReply = settlement.reply;
        break;
      case "hold":
        row.state = "held";
        row.nextAt = settlement.until;
        row.reason = settlement.reason;
        break;
      case "return":
        row.state = "due";
        row.attempts--;
    }
    this.#tell([row]);
  }

  /** Changes all that is meant and not on lease; gives how many did change. */
  #change(filter: SpoolFilter, how: (row: Row) => boolean): number {
    const changed = [...this.#rows(filter)].filter((row) => row.lease === undefined && how(row));
    this.#tell(changed);
    return changed.length;
  }

  #lapse(which: (lease: NonNullable<Row["lease"]>) => boolean): number {
    const lapsed = [...this.#rows({})].filter(({ lease }) => lease !== undefined && which(lease));
    for (const row of lapsed) {
      row.lease = undefined;
      row.state = "due";
      row.lapsed = true;
    }
    this.#tell(lapsed);
    return lapsed.length;
  }

  #drop(row: Row): void {
    row.message.rows.delete(row.recipient);
    if (row.message.rows.size > 0) return;
    this.#messages.delete(row.id);
    this.#bytes -= row.message.bytes;
  }

  #tell(changed: readonly Row[]): void {
    const due = changed.filter((row) => row.state === "due" && row.message.rows.has(row.recipient));
    for (const destination of new Set(due.map((row) => row.destination))) {
      for (const listener of this.#listeners) {
        // A hint that fails is one that never came: what was stored is stored.
        try {
          listener(destination);
        } catch {}
      }
    }
  }
}
