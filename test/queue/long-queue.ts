/**
 * A spool for tests of what no memory spool is quick enough for: of a queue it has nothing but how many messages are due
 * for each destination, all alike, with as many recipients each, and each is lent once.
 */
import type { Spool, SpoolLease } from "../../core/gateway/mod.ts";
import { message, recipient, START } from "../gateway/spool-fixtures.ts";

/** See the head of the file. */
export class LongQueue {
  /** How many are due, by destination, in code unit order. */
  readonly #due: Map<string, number>;
  settled = 0;
  /** Leases that are not settled, and the most there were. */
  lent = 0;
  lentMax = 0;
  /** The longest page that was asked for. */
  pageMax = 0;
  #leases = 0;
  readonly #recipients: number;

  constructor(due: Iterable<readonly [string, number]>, recipients = 1) {
    this.#recipients = recipients;
    this.#due = new Map([...due].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The calls that a scheduler makes; a call of another one is a fault of the test. */
  get spool(): Spool {
    const made = {
      durable: true,
      lease: async ({ destination = "", owner }) => this.#lease(destination, owner),
      settle: async (_, settlements) => {
        this.lent--;
        this.settled += settlements.length;
        return settlements.length;
      },
      renew: async () => true,
      destinations: async (cursor, limit) => {
        this.pageMax = Math.max(this.pageMax, limit);
        const all = [...this.#due.keys()];
        const from = cursor === undefined ? 0 : Number(cursor);
        const entries = all.slice(from, from + limit).map((destination) => ({ destination, nextAt: START }));
        return { entries, ...(from + limit < all.length ? { cursor: String(from + limit) } : {}) };
      },
      sweep: async () => ({ returned: 0, expired: [] }),
      subscribe: () => () => {},
    } satisfies Partial<Spool>;
    return made as Partial<Spool> as Spool;
  }

  #lease(destination: string, owner: string): SpoolLease | undefined {
    const left = this.#due.get(destination);
    if (left === undefined) return undefined;
    if (left === 1) this.#due.delete(destination);
    else this.#due.set(destination, left - 1);
    this.lent++;
    this.lentMax = Math.max(this.lentMax, this.lent);
    const { recipients: _, ...stored } = message(++this.#leases);
    const { state, reason, ...given } = recipient("bob@example.org", { destination });
    return {
      id: stored.id,
      owner,
      lease: stored.id,
      expiresAt: START + 60_000,
      destination,
      message: stored,
      recipients: Array.from({ length: this.#recipients }, (_, n) => ({
        ...given,
        ...{ recipient: n, attempt: 1, lapsed: false },
      })),
    };
  }
}
