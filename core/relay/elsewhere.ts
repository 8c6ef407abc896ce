/**
 * The other servers of one delivery (RFC 5321 5.1): which were asked already, whether there is one more to ask, and what
 * is told in the end. Asks nobody itself.
 */
import type { DeliveryResult } from "../gateway/mod.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";
import type { TransactionOutcome } from "./smtp-transaction.ts";

/** Servers that are tried behind the first one for one delivery. */
const MOVES_MAX = 3;

/** See the head of the file. */
export class Elsewhere {
  /** Their indexes in the pool. */
  readonly tried = new Set<number>();
  readonly #before: DeliveryResult[] = [];

  /**
   * Whether another server may be asked, after one that ended the connection before it took anything (it is passed over
   * from now on) or that put off all recipients: greylisting and a full disk are often one server's alone.
   */
  mayGoOn(
    pool: ConnectionPool,
    connection: NextHopConnection,
    { stale, result }: TransactionOutcome,
  ): boolean {
    // Where the content went out and no answer came, another server could make two copies of it.
    if (result.ended === "lost" || this.#before.length === MOVES_MAX) return false;
    if (stale) pool.passOver(connection);
    if (!pool.hasAnother(connection, this.tried)) return false;
    this.#before.push(result);
    return true;
  }

  /** What the last server made of it; where that one said nothing of the recipients, the last one's words that did. */
  told(last: DeliveryResult): DeliveryResult {
    if (this.#before.length === 0) return last;
    const silent = last.ended === "connection" || last.ended === "us";
    const result = (silent && this.#before.findLast(({ ended }) => ended === "reply")) || last;
    const cause = [...this.#before.map(shown), last.cause ?? shown(last)].join("; then ");
    return { ...result, cause };
  }
}

/** A result for the trace: "mx1.example[192.0.2.1]:25: 450 4.7.1 Greylisted". */
function shown({ server, recipients, cause }: DeliveryResult): string {
  const reply = recipients[0]?.reply;
  const words = reply ? `${reply.code} ${reply.enhanced} ${reply.text}` : "";
  return `${server ?? "no server"}: ${words}${cause === undefined ? "" : ` (${cause})`}`;
}
