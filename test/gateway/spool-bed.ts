/** A spool under test with its clock, and short ways to ask it. */
import assert from "node:assert/strict";
import {
  type Spool,
  type SpoolEntry,
  SpoolFault,
  type SpoolFaultCode,
  type SpoolFilter,
  type SpoolLease,
  type SpoolLeaseRequest,
} from "../../core/gateway/mod.ts";
import { brief, TestClock } from "./spool-fixtures.ts";

export const LEASE_MS = 60_000;

/** Opens an empty spool that goes by this clock. */
export type OpenSpool = (clock: { now(): number }) => Promise<Spool>;

/** Holds a new spool and clock for each test. */
export class SpoolBed {
  readonly #open: OpenSpool;
  #clock: TestClock | undefined;
  #spool: Spool | undefined;

  constructor(open: OpenSpool) {
    this.#open = open;
  }

  get spool(): Spool {
    assert.ok(this.#spool);
    return this.#spool;
  }

  get clock(): TestClock {
    assert.ok(this.#clock);
    return this.#clock;
  }

  async open(): Promise<void> {
    this.#clock = new TestClock();
    this.#spool = await this.#open(this.#clock);
  }

  lease(owner = "w1", more: Partial<SpoolLeaseRequest> = {}): Promise<SpoolLease | undefined> {
    return this.spool.lease({ owner, leaseMs: LEASE_MS, ...more });
  }

  /** A lease where something must be due. */
  async leaseOne(owner = "w1"): Promise<SpoolLease> {
    const lent = await this.lease(owner);
    assert.ok(lent, "something is due");
    return lent;
  }

  async listed(filter: SpoolFilter = {}): Promise<readonly SpoolEntry[]> {
    return (await this.spool.list(filter, undefined, 1_000)).entries;
  }

  async briefs(filter: SpoolFilter = {}): Promise<readonly string[]> {
    return (await this.listed(filter)).map(brief);
  }
}

/** A lease in one word: message and recipients. */
export const lent = (given: SpoolLease | undefined): string | undefined =>
  given && `${Number(given.id.slice(1))}: ${given.recipients.map((each) => each.recipient).join(" ")}`;

/** For `assert.rejects`: a fault of the spool with this code. */
export const faultOf = (code: SpoolFaultCode) => (error: unknown) => {
  assert.ok(error instanceof SpoolFault, String(error));
  assert.equal(error.code, code);
  return true;
};
