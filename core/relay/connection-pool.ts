/**
 * The connections of one next hop, kept and running: the last used is used first; those idle for 15 s, too old or used
 * often enough say QUIT. Waits for a free one are bounded in number and in time. Does not know what is said on a
 * connection.
 */
import type { Clock, Log } from "../pipeline/mod.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";
import {
  type ConnectionOptions,
  OpenFault,
  openConnection,
  serverName,
  TlsFault,
} from "./open-connection.ts";
import { ServerOrder } from "./server-order.ts";

/** What {@link ConnectionPool} needs. */
export interface PoolOptions {
  readonly nextHop: string;
  /** Tried in order, or by `weights` or `preferences`; at least one. */
  readonly servers: readonly ConnectionOptions[];
  readonly weights?: readonly number[] | undefined;
  /** As of MX records: the lowest first, equal ones in random order. */
  readonly preferences?: readonly number[];
  /** Servers that are tried for one connection. Absent: all. */
  readonly triesMax?: number;
  /** How long one of them may take until it is ready for MAIL, before it counts as failed. Absent: no bound here. */
  readonly tryMs?: number;
  /** How grave it is that a server refuses us: default `error`, as an operator must look. */
  readonly refusalLevel?: "error" | "warn";
  /** When the handshake of STARTTLS fails, go on without TLS (opportunistic TLS without credentials). */
  readonly clearOnHandshakeFault: boolean;
  readonly connectionsMax: number;
  /** A connection is not used for more transactions, nor for one more after this time. */
  readonly transactionsMax: number;
  readonly lifeMs: number;
  /** Longest wait for a free connection. */
  readonly waitMs: number;
  /** Told of each connection that is ready for MAIL. */
  readonly onOpened?: (connection: NextHopConnection) => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Waiter {
  readonly resolve: (connection: NextHopConnection | undefined) => void;
}

const idleMs = 15_000;
const waitersMax = 1000;

/** No connection became free in time. */
export class PoolBusy extends Error {}

/** See the head of the file. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  #servers: readonly ConnectionOptions[];
  readonly #idle: NextHopConnection[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #order: ServerOrder;
  /** Which server each connection is to. */
  readonly #indexes = new WeakMap<NextHopConnection, number>();
  /** Kept, running and being opened. */
  #total = 0;
  #sweep: NodeJS.Timeout | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(options: PoolOptions) {
    const { servers, weights, preferences, clock } = options;
    this.#options = options;
    this.#servers = servers;
    this.#order = new ServerOrder(servers.length, weights, clock, Math.random, preferences);
  }

  /** Whether there is no connection, kept, running or being opened. */
  get empty(): boolean {
    return this.#total === 0;
  }

  /** Connections that may be had without waiting: those that are idle or not there yet, but for those waited for. */
  get free(): number {
    const running = this.#total - this.#idle.length;
    return Math.max(0, this.#options.connectionsMax - running - this.#waiters.size);
  }

  /** The same servers, in the same order, at other addresses; kept connections stay. */
  move(servers: readonly ConnectionOptions[]): void {
    this.#servers = servers;
  }

  /** A kept connection, when one is idle and still open. */
  takeIdle(): NextHopConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined || connection.socket?.writable) return connection;
      connection.cut();
    }
  }

  /**
   * A new connection; waits for its place when there are `connectionsMax`, and may then get a kept one that is free
   * again unless `fresh`. Rejects with {@link OpenFault} or {@link PoolBusy}.
   *
   * @param except with `fresh`: indexes of servers that it must not be to
   */
  async acquire(
    signal: AbortSignal,
    fresh: boolean,
    except?: ReadonlySet<number>,
  ): Promise<NextHopConnection> {
    if (fresh && this.#total >= this.#options.connectionsMax) this.#idle.shift()?.cut();
    while (this.#total >= this.#options.connectionsMax) {
      const connection = await this.#wait(signal);
      if (connection && !(fresh && connection.transactions > 0)) return connection;
      connection?.cut();
    }
    this.#total++;
    try {
      return await this.#open(signal, except);
    } catch (error) {
      this.#freed();
      throw error;
    }
  }

  /** Takes a connection back for reuse. */
  release(connection: NextHopConnection): void {
    if (!connection.socket?.writable) {
      connection.cut();
      return;
    }
    const { clock, transactionsMax, lifeMs } = this.#options;
    const now = clock.monotonic();
    if (connection.transactions >= transactionsMax || now - connection.openedAt >= lifeMs) {
      connection.quit();
      return;
    }
    const waiter = this.#nextWaiter();
    if (waiter) {
      waiter.resolve(connection);
      return;
    }
    connection.idleSince = now;
    this.#idle.push(connection);
    if (this.#onEmpty) this.#quitIdle(0);
    this.#sweep ??= setInterval(() => this.#quitIdle(idleMs), 1000).unref();
  }

  /** Passes over the server of a new connection that ended before it took anything. */
  passOver(connection: NextHopConnection): void {
    const index = this.#indexes.get(connection);
    if (index !== undefined) this.#order.failed(index);
  }

  /**
   * Adds the server of a connection to those that did not take a delivery.
   *
   * @returns whether there is another one to try (RFC 5321 5.1)
   */
  hasAnother(connection: NextHopConnection, tried: Set<number>): boolean {
    const index = this.#indexes.get(connection);
    if (index === undefined) return false;
    tried.add(index);
    return this.#order.hasSound(tried);
  }

  /** Tells of a server that refused us. */
  refused(server: string, cause: string | undefined): void {
    const { log, nextHop, refusalLevel = "error" } = this.#options;
    log[refusalLevel]("nextHopRefusesUs", { nextHop, server, cause });
  }

  /** QUITs idle connections, and running ones when they come back; resolves when all are gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      this.#quitIdle(0);
      this.#settleIfEmpty();
    });
  }

  async #open(signal: AbortSignal, except?: ReadonlySet<number>): Promise<NextHopConnection> {
    const faults: OpenFault[] = [];
    const { triesMax, tryMs } = this.#options;
    for (const index of this.#order.next(except).slice(0, triesMax)) {
      const server = this.#servers[index]!;
      try {
        this.#order.trying(index);
        const inTime = tryMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(tryMs)]);
        const connection = await this.#openServer(server, inTime);
        this.#indexes.set(connection, index);
        if (this.#order.answered(index))
          this.#options.log.info("nextHopUp", { nextHop: this.#options.nextHop, server: connection.server });
        return connection;
      } catch (error) {
        const fault = error instanceof OpenFault ? error : new OpenFault(String(error), "connection");
        faults.push(fault);
        const { log, nextHop } = this.#options;
        if (fault.about === "us") this.refused(serverName(server), fault.message);
        else log.warn("nextHopDown", { nextHop, server: serverName(server), cause: fault.message });
        // Out of time is not out of order.
        if (signal.aborted) break;
        this.#order.failed(index);
      }
    }
    const us = faults.filter((fault) => fault.about === "us");
    const words = faults.map((fault) => fault.message).join("; ");
    if (us.length > 0 && us.every((fault) => fault instanceof TlsFault)) throw new TlsFault(words);
    throw new OpenFault(words, us.length > 0 ? "us" : "connection");
  }

  async #openServer(server: ConnectionOptions, signal: AbortSignal): Promise<NextHopConnection> {
    let connection: NextHopConnection;
    try {
      connection = await openConnection(server, signal);
    } catch (error) {
      const retry = error instanceof OpenFault && error.handshake && this.#options.clearOnHandshakeFault;
      if (!retry || signal.aborted) throw error;
      connection = await openConnection({ ...server, startTls: "none" }, signal);
    }
    connection.openedAt = this.#options.clock.monotonic();
    connection.onEnd = () => this.#ended(connection);
    this.#options.onOpened?.(connection);
    return connection;
  }

  #ended(connection: NextHopConnection): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#freed();
  }

  #freed(): void {
    this.#total--;
    this.#nextWaiter()?.resolve(undefined);
    this.#settleIfEmpty();
  }

  #nextWaiter(): Waiter | undefined {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      return waiter;
    }
    return undefined;
  }

  #wait(signal: AbortSignal): Promise<NextHopConnection | undefined> {
    if (this.#waiters.size >= waitersMax) return Promise.reject(new PoolBusy(`${waitersMax} wait already`));
    const { promise, resolve, reject } = Promise.withResolvers<NextHopConnection | undefined>();
    const stop = () => {
      if (this.#waiters.delete(waiter)) reject(new PoolBusy("no connection became free in time"));
    };
    const timer = setTimeout(stop, this.#options.waitMs);
    const waiter: Waiter = { resolve };
    this.#waiters.add(waiter);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    });
  }

  #quitIdle(olderThanMs: number): void {
    const before = this.#options.clock.monotonic() - olderThanMs;
    while (this.#idle.length > 0 && this.#idle[0]!.idleSince <= before) this.#idle.shift()?.quit();
    if (this.#idle.length === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
    }
  }

  #settleIfEmpty(): void {
    if (this.#total === 0) this.#onEmpty?.();
  }
}
