/** What a next hop offered in the last EHLO of each of its servers that answered: what all of them keep. */
import type { NextHopExtensions } from "../gateway/mod.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";

/** See the head of the file. Bounded by the servers of the config. */
export class OfferedExtensions {
  readonly #byServer = new Map<string, NextHopExtensions>();
  #together: NextHopExtensions | undefined;
  /** Called after each answer. */
  onTold: (() => void) | undefined;

  /** Undefined until a server has answered. */
  get together(): NextHopExtensions | undefined {
    return this.#together;
  }

  /** Takes over what a connection that was just opened offers. */
  opened(connection: NextHopConnection): void {
    const { server, secure, verified } = connection;
    const offered = connection.extensions();
    // RFC 8689 4.2.1: the promise also needs TLS to a server that was checked.
    this.#byServer.set(server, { ...offered, requireTls: offered.requireTls && secure && verified });
    this.#together = undefined;
    for (const one of this.#byServer.values())
      this.#together = this.#together === undefined ? one : both(this.#together, one);
    this.onTold?.();
  }
}

function both(a: NextHopExtensions, b: NextHopExtensions): NextHopExtensions {
  const size = a.size === undefined ? b.size : b.size === undefined ? a.size : Math.min(a.size, b.size);
  return {
    ...(size === undefined ? {} : { size }),
    eightBitMime: a.eightBitMime && b.eightBitMime,
    smtputf8: a.smtputf8 && b.smtputf8,
    dsn: a.dsn && b.dsn,
    requireTls: a.requireTls && b.requireTls,
  };
}
