/**
 * A plain model of a spool, and a property: random operations on both give the same. After each step no recipient is
 * lost, none is on two leases, and the counts are right.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Spool, SpoolFilter, SpoolLease, SpoolSettlement, SpoolState } from "../../core/gateway/mod.ts";
import { idOf, later, message, recipient, START, TestClock } from "./spool-fixtures.ts";

interface ModelRow {
  readonly id: string;
  readonly recipient: number;
  readonly destination: string;
  state: SpoolState;
  nextAt: number;
  attempts: number;
  lapsed: boolean;
  token: string;
  owner: string;
  expiresAt: number;
}

type Step =
  | { readonly do: "put"; readonly recipients: readonly { to: string; held: boolean; after: number }[] }
  | { readonly do: "lease"; readonly owner: string; readonly to: string | undefined; readonly most: number }
  | {
      readonly do: "settle";
      readonly lease: number;
      readonly foreign: boolean;
      readonly kinds: readonly Kind[];
    }
  | { readonly do: "renew"; readonly lease: number }
  | { readonly do: "returnLeases"; readonly owner: string | undefined }
  | {
      readonly do: "hold" | "release" | "retry" | "remove";
      readonly message: number;
      readonly to: string | undefined;
    }
  | { readonly do: "sweep" }
  | { readonly do: "forward"; readonly ms: number };
type Kind = SpoolSettlement["to"] | "nothing";

const destination = fc.constantFrom("a", "b", "c");
const owner = fc.constantFrom("w1", "w2");
const one = fc.nat({ max: 7 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("put" as const),
      recipients: fc.array(
        fc.record({ to: destination, held: fc.boolean(), after: fc.integer({ min: -10, max: 60 }) }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("lease" as const),
      owner,
      to: fc.option(destination, { nil: undefined }),
      most: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      lease: one,
      foreign: fc.boolean(),
      kinds: fc.array(fc.constantFrom<Kind>("complete", "defer", "fail", "hold", "return", "nothing"), {
        minLength: 4,
        maxLength: 4,
      }),
    }),
  },
  fc.record({ do: fc.constant("renew" as const), lease: one }),
  fc.record({ do: fc.constant("returnLeases" as const), owner: fc.option(owner, { nil: undefined }) }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("hold" as const, "release" as const, "retry" as const, "remove" as const),
      message: fc.integer({ min: 1, max: 8 }),
      to: fc.option(destination, { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("sweep" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("forward" as const), ms: fc.integer({ min: 1, max: 40 }) }),
  },
);

const LEASE_MS = 30;
const KEPT_MS = 50;

/** Runs random steps on spools and on models. */
export async function checkAgainstModel(open: (clock: TestClock) => Promise<Spool>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const clock = new TestClock();
      const spool = await open(clock);
      try {
        const pair = new Pair(spool, clock);
        for (const each of steps) await pair.take(each);
      } finally {
        await spool.close();
      }
    }),
    { numRuns: 150 },
  );
}

/** A spool and its model, which take each step together. */
class Pair {
  readonly #spool: Spool;
  readonly #clock: TestClock;
  readonly #leases: SpoolLease[] = [];
  #rows: ModelRow[] = [];
  #messages = 0;

  constructor(spool: Spool, clock: TestClock) {
    this.#spool = spool;
    this.#clock = clock;
  }

  async take(step: Step): Promise<void> {
    const now = this.#clock.now();
    switch (step.do) {
      case "put":
        await this.#put(step.recipients);
        break;
      case "lease":
        await this.#lease(step.owner, step.to, step.most);
        break;
      case "settle":
        await this.#settle(step.lease, step.foreign, step.kinds);
        break;
      case "renew": {
        const lease = this.#leases[step.lease];
        if (!lease) break;
        const rows = this.#rows.filter(({ token }) => token === lease.lease);
        assert.equal(await this.#spool.renew(lease, LEASE_MS), rows.length > 0);
        for (const row of rows) row.expiresAt = now + LEASE_MS;
        break;
      }
      case "returnLeases": {
        const rows = this.#rows.filter(
          (row) => row.state === "leased" && (step.owner === undefined || row.owner === step.owner),
        );
        assert.equal(await this.#spool.returnLeases(step.owner), rows.length);
        rows.forEach(lapse);
        break;
      }
      case "sweep": {
        const expired = this.#rows.filter((row) => row.state === "leased" && row.expiresAt <= now);
        const over = this.#rows.filter(
          (row) => (row.state === "held" || row.state === "failed") && row.nextAt <= now,
        );
        const swept = await this.#spool.sweep();
        assert.equal(swept.returned, expired.length);
        assert.deepEqual(swept.expired.map(keyOf).sort(), over.map(keyOf).sort());
        expired.forEach(lapse);
        this.#rows = this.#rows.filter((row) => !over.includes(row));
        break;
      }
      case "forward":
        this.#clock.forward(step.ms);
        break;
      default:
        await this.#byHand(step.do, step.message, step.to);
    }
    await this.#compare();
  }

  async #put(recipients: readonly { to: string; held: boolean; after: number }[]): Promise<void> {
    const number = ++this.#messages;
    const now = this.#clock.now();
    const given = recipients.map(({ to, held, after }, i) =>
      recipient(`u${i}@example.org`, {
        destination: to,
        state: held ? "held" : "due",
        nextAt: now + after,
      }),
    );
    await this.#spool.put(message(number, { recipients: given }));
    given.forEach(({ destination, state, nextAt }, i) => {
      this.#rows.push({
        id: idOf(number),
        recipient: i,
        destination,
        state,
        nextAt,
        attempts: 0,
        lapsed: false,
        token: "",
        owner: "",
        expiresAt: 0,
      });
    });
  }

  async #lease(owner: string, to: string | undefined, most: number): Promise<void> {
    const now = this.#clock.now();
    const due = this.#rows.filter(
      (row) => row.state === "due" && row.nextAt <= now && (to === undefined || row.destination === to),
    );
    // The rows are in the order of ids and numbers, and sorting keeps it among equals.
    const [first] = due.toSorted((a, b) => a.nextAt - b.nextAt);
    const want = first
      ? due.filter((row) => row.id === first.id && row.destination === first.destination).slice(0, most)
      : [];
    const lent = await this.#spool.lease({
      owner,
      leaseMs: LEASE_MS,
      recipientsMax: most,
      ...(to === undefined ? {} : { destination: to }),
    });
    const told =
      lent?.recipients.map(({ recipient, attempt, lapsed }) => ({ recipient, attempt, lapsed })) ?? [];
    assert.equal(lent?.id, first?.id);
    assert.deepEqual(
      told,
      want.map(({ recipient, attempts, lapsed }) => ({ recipient, attempt: attempts + 1, lapsed })),
    );
    if (!lent) return;
    assert.ok(
      this.#leases.every(({ lease }) => lease !== lent.lease),
      "no token comes twice",
    );
    this.#leases.push(lent);
    for (const row of want) {
      Object.assign(row, { state: "leased", owner, token: lent.lease, expiresAt: now + LEASE_MS });
      row.attempts++;
    }
  }

  async #settle(at: number, foreign: boolean, kinds: readonly Kind[]): Promise<void> {
    // Recent leases are the ones that still hold something.
    const lease = this.#leases.at(-1 - at);
    if (!lease) return;
    const until = this.#clock.now() + KEPT_MS;
    const settlements = kinds.flatMap((to, recipient): SpoolSettlement[] => {
      if (to === "nothing") return [];
      if (to === "defer") return [{ recipient, to, nextAt: until, reply: later }];
      if (to === "fail") return [{ recipient, to, until, reply: later }];
      return to === "hold" ? [{ recipient, to, until, reason: "r" }] : [{ recipient, to }];
    });
    const key = foreign ? { ...lease, owner: "somebody" } : lease;
    const meant = foreign ? [] : this.#rows.filter((row) => row.token === lease.lease);
    const mine = meant.filter((row) => settlements.some((each) => each.recipient === row.recipient));
    assert.equal(await this.#spool.settle(key, settlements), mine.length);
    for (const row of mine) {
      const kind = kinds[row.recipient];
      row.token = "";
      if (kind === "complete") this.#rows = this.#rows.filter((other) => other !== row);
      row.state = kind === "fail" ? "failed" : kind === "hold" ? "held" : "due";
      if (kind === "return") row.attempts--;
      else row.nextAt = until;
    }
  }

  async #byHand(
    how: "hold" | "release" | "retry" | "remove",
    number: number,
    to: string | undefined,
  ): Promise<void> {
    const now = this.#clock.now();
    const filter: SpoolFilter = { id: idOf(number), ...(to === undefined ? {} : { destination: to }) };
    const meant = this.#rows.filter(
      (row) =>
        row.id === filter.id &&
        (to === undefined || row.destination === to) &&
        {
          hold: row.state === "due",
          release: row.state === "held",
          retry: row.state === "failed" || (row.state === "due" && row.nextAt > now),
          remove: row.state !== "leased",
        }[how],
    );
    const calls = {
      hold: () => this.#spool.hold(filter, "r", now + KEPT_MS, "admin"),
      release: () => this.#spool.release(filter, "admin"),
      retry: () => this.#spool.retry(filter),
      remove: () => this.#spool.remove(filter),
    };
    assert.equal(await calls[how](), meant.length);
    if (how === "remove") this.#rows = this.#rows.filter((row) => !meant.includes(row));
    for (const row of meant) {
      row.state = how === "hold" ? "held" : "due";
      row.nextAt = how === "hold" ? now + KEPT_MS : now;
    }
  }

  async #compare(): Promise<void> {
    const listed: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#spool.list({}, cursor, 5);
      for (const each of page.entries)
        listed.push(
          `${keyOf(each)} ${each.destination} ${each.state} ${each.nextAt - START} ${each.attempts}`,
        );
      cursor = page.cursor;
    } while (cursor !== undefined);
    const want = this.#rows.map((row) => {
      const until = row.state === "leased" ? row.expiresAt : row.nextAt;
      return `${keyOf(row)} ${row.destination} ${row.state} ${until - START} ${row.attempts}`;
    });
    assert.deepEqual(listed, want);
    const counts = (await this.#spool.counts()).reduce((sum, { count }) => sum + count, 0);
    assert.equal(counts, this.#rows.length);
    for (let number = 1; number <= this.#messages; number++) {
      const there = (await this.#spool.get(idOf(number))) !== undefined;
      assert.equal(
        there,
        this.#rows.some(({ id }) => id === idOf(number)),
      );
    }
  }
}

function lapse(row: ModelRow): void {
  row.state = "due";
  row.token = "";
  row.lapsed = true;
}

const keyOf = ({ id, recipient }: { readonly id: string; readonly recipient: number }): string =>
  `${id}.${recipient}`;
