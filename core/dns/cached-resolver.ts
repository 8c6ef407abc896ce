/**
 * A cache before a resolver: answers by their TTL (RFC 1035 3.2.1), negative ones too (RFC 2308), failures for a moment
 * (RFC 9520). One query runs for a name and type, however many wait for it. Infers nothing from one type about another.
 */
import type { Clock, DnsAnswer, DnsType, Resolver } from "../pipeline/mod.ts";
import { toDomainName } from "./domain-name.ts";

/** What {@link cachedResolver} needs. */
export interface CachedResolverOptions {
  readonly clock: Clock;
  /** Answers kept; beyond, the one that was asked for longest ago goes. At least 1. Default 10,000. */
  readonly entriesMax?: number;
  /** How long one query may take before those who wait get `timeout`, in milliseconds. Default 10,000. */
  readonly queryMs?: number;
}

const ENTRIES_MAX = 10_000;
const QUERY_MS = 10_000;
/** Queries that run at once; beyond, the answer is servfail. */
const QUERIES_MAX = 1_000;
/** RFC 8767 4: no TTL is believed for longer than some days; mail that moves should not wait that long. */
const TTL_SECONDS_MAX = 86_400;
/** Where nobody told the time of the SOA (RFC 2308 5): short, as a new name must soon be seen. */
const NEGATIVE_TTL_SECONDS = 60;
/** RFC 2308 5 speaks of one to three hours as the most: the least, for the same reason. */
const NEGATIVE_TTL_SECONDS_MAX = 3_600;
/** RFC 9520 3.2: a second at least. With dead DNS, messages do not wait for it one after the other. */
const FAILURE_TTL_SECONDS = 5;
/** Characters of an answer that is kept, so that `entriesMax` bounds memory too. */
const ANSWER_LENGTH_MAX = 8_192;

/** A resolver with a cache before it. */
export interface CachedResolver extends Resolver {
  /**
   * One with the same answers and queries of its own: for platforms that end the I/O of a run with it, where no other run
   * may wait for it.
   */
  apart(): Resolver;
}

type Entries = Map<string, Entry>;

interface Entry {
  readonly answer: DnsAnswer;
  /** By the monotonic clock, in milliseconds. */
  readonly until: number;
}

/** A query that runs, and how many wait for it. */
interface Query {
  readonly answer: Promise<DnsAnswer>;
  readonly stop: AbortController;
  waiting: number;
}

/**
 * A resolver that asks `inner` for what it does not know. `ttlSeconds` of an answer is what is left of it. A caller
 * whose signal aborts leaves alone; the query is stopped when nobody waits for it any more.
 *
 * @throws RangeError when `entriesMax` is no whole number of at least 1
 */
export function cachedResolver(inner: Resolver, options: CachedResolverOptions): CachedResolver {
  return new Cache(inner, options);
}

class Cache implements CachedResolver {
  readonly #inner: Resolver;
  readonly #clock: Clock;
  readonly #entriesMax: number;
  readonly #queryMs: number;
  /** In the order of use, the least recent first. */
  readonly #entries: Entries;
  readonly #queries = new Map<string, Query>();

  constructor(
    inner: Resolver,
    { clock, entriesMax = ENTRIES_MAX, queryMs = QUERY_MS }: CachedResolverOptions,
    entries: Entries = new Map(),
  ) {
    if (!Number.isInteger(entriesMax) || entriesMax < 1)
      throw new RangeError(`a cache of ${entriesMax} entries holds nothing`);
    this.#inner = inner;
    this.#clock = clock;
    this.#entriesMax = entriesMax;
    this.#queryMs = queryMs;
    this.#entries = entries;
  }

  apart(): Resolver {
    const [clock, entriesMax, queryMs] = [this.#clock, this.#entriesMax, this.#queryMs];
    return new Cache(this.#inner, { clock, entriesMax, queryMs }, this.#entries);
  }

  async resolve(name: string, type: DnsType, signal?: AbortSignal): Promise<DnsAnswer> {
    signal?.throwIfAborted();
    // RFC 4343: case means nothing, and the name's length bounds the key.
    const asked = toDomainName(name)?.toLowerCase();
    if (asked === undefined) return { status: "nxdomain" };
    // By type: some servers say NXDOMAIN to AAAA for names that have an A (RFC 4074 4.2).
    const key = `${type} ${asked}`;
    const known = this.#known(key);
    if (known !== undefined) return known;
    const query = this.#queries.get(key) ?? this.#ask(key, asked, type);
    return query === undefined ? { status: "servfail" } : this.#wait(key, query, signal);
  }

  #known(key: string): DnsAnswer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    const leftMs = entry.until - this.#clock.monotonic();
    if (leftMs <= 0) return undefined;
    this.#entries.set(key, entry);
    const { answer } = entry;
    return "ttlSeconds" in answer ? { ...answer, ttlSeconds: Math.floor(leftMs / 1000) } : answer;
  }

  #ask(key: string, name: string, type: DnsType): Query | undefined {
    if (this.#queries.size >= QUERIES_MAX) return undefined;
    const stop = new AbortController();
    const query: Query = { answer: this.#bounded(name, type, stop.signal), stop, waiting: 0 };
    this.#queries.set(key, query);
    void query.answer.then((answer) => {
      // One that everybody left was replaced, or has none to tell.
      if (this.#queries.get(key) !== query) return;
      this.#queries.delete(key);
      this.#keep(key, answer);
    });
    return query;
  }

  /** The inner resolver's answer, or what stands for it. Never rejects. */
  async #bounded(name: string, type: DnsType, stopped: AbortSignal): Promise<DnsAnswer> {
    const over = new AbortController();
    const signal = AbortSignal.any([stopped, over.signal]);
    const late = this.#clock.sleep(this.#queryMs, signal).then((): DnsAnswer => ({ status: "timeout" }));
    try {
      return await Promise.race([this.#inner.resolve(name, type, signal), late]);
    } catch {
      // Stopped, and nobody listens; or a resolver that broke its word, which must not read as "no such name".
      return { status: "servfail" };
    } finally {
      late.catch(() => {});
      over.abort();
    }
  }

  #keep(key: string, answer: DnsAnswer): void {
    const seconds = secondsOf(answer);
    if (seconds <= 0 || lengthOf(answer) > ANSWER_LENGTH_MAX) return;
    // Another's query, where they are apart, may have had an answer meanwhile.
    const failed = answer.status === "servfail" || answer.status === "timeout";
    if (failed && this.#known(key) !== undefined) return;
    this.#entries.set(key, { answer, until: this.#clock.monotonic() + seconds * 1000 });
    if (this.#entries.size <= this.#entriesMax) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  async #wait(key: string, query: Query, signal: AbortSignal | undefined): Promise<DnsAnswer> {
    query.waiting += 1;
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(signal?.reason);
    signal?.addEventListener("abort", leave, { once: true });
    try {
      return await (signal === undefined ? query.answer : Promise.race([query.answer, left.promise]));
    } finally {
      signal?.removeEventListener("abort", leave);
      query.waiting -= 1;
      if (query.waiting === 0 && this.#queries.get(key) === query) {
        // Gone at once: who comes now must not wait for a query that is being stopped.
        this.#queries.delete(key);
        query.stop.abort();
      }
    }
  }
}

function secondsOf(answer: DnsAnswer): number {
  switch (answer.status) {
    case "found":
      // RFC 2181 8: a TTL with its top bit set counts as 0; the same goes for what is no number.
      return answer.ttlSeconds < 2 ** 31 ? Math.min(answer.ttlSeconds, TTL_SECONDS_MAX) : 0;
    case "nodata":
    case "nxdomain":
      return negativeSecondsOf(answer.ttlSeconds);
    case "servfail":
    case "timeout":
      return FAILURE_TTL_SECONDS;
  }
}

function negativeSecondsOf(told: number | undefined): number {
  if (told === undefined) return NEGATIVE_TTL_SECONDS;
  return told < 2 ** 31 ? Math.min(Math.max(told, 0), NEGATIVE_TTL_SECONDS_MAX) : 0;
}

const lengthOf = (answer: DnsAnswer): number =>
  answer.status === "found" ? answer.records.reduce((sum, record) => sum + record.length, 0) : 0;
