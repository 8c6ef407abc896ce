/** One spool that is emptied and lent again and again, for properties: opening one takes longer than what they ask of it. */
import assert from "node:assert/strict";
import type { Spool } from "../../core/gateway/mod.ts";

/** Keeps the spool that is behind what `lend` gives. */
export class EmptiedSpool {
  readonly #open: (clock: { now(): number }) => Promise<Spool>;
  #spool: Spool | undefined;
  #clock: { now(): number } = { now: () => 0 };

  constructor(open: (clock: { now(): number }) => Promise<Spool>) {
    this.#open = open;
  }

  /** Gives it empty, and by that clock; `close` of what is given closes nothing. */
  async lend(clock: { now(): number }): Promise<Spool> {
    this.#clock = clock;
    this.#spool ??= await this.#open({ now: () => this.#clock.now() });
    await this.#spool.returnLeases();
    await this.#spool.remove({ receivedBefore: Number.MAX_SAFE_INTEGER });
    assert.deepEqual(await this.#spool.counts(), []);
    return forward(
      () => this.present,
      async () => {},
    );
  }

  get present(): Spool {
    assert.ok(this.#spool);
    return this.#spool;
  }

  /** Puts another in its place, as after a crash. */
  async replace(open: (old: Spool, clock: { now(): number }) => Promise<Spool>): Promise<void> {
    assert.ok(this.#spool);
    this.#spool = await open(this.#spool, { now: () => this.#clock.now() });
  }

  async close(): Promise<void> {
    await this.#spool?.close();
  }
}

/** A spool that asks the present one. @param before comes before each call */
export function forward(
  present: () => Spool,
  close: () => Promise<void>,
  before = async (): Promise<void> => {},
): Spool {
  const through =
    <Given extends readonly unknown[], Result>(call: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      await before();
      return call(...given);
    };
  return {
    durable: true,
    put: through((...given: Parameters<Spool["put"]>) => present().put(...given)),
    lease: through((...given: Parameters<Spool["lease"]>) => present().lease(...given)),
    renew: through((...given: Parameters<Spool["renew"]>) => present().renew(...given)),
    settle: through((...given: Parameters<Spool["settle"]>) => present().settle(...given)),
    returnLeases: through((...given: Parameters<Spool["returnLeases"]>) => present().returnLeases(...given)),
    hold: through((...given: Parameters<Spool["hold"]>) => present().hold(...given)),
    release: through((...given: Parameters<Spool["release"]>) => present().release(...given)),
    retry: through((...given: Parameters<Spool["retry"]>) => present().retry(...given)),
    remove: through((...given: Parameters<Spool["remove"]>) => present().remove(...given)),
    get: through((...given: Parameters<Spool["get"]>) => present().get(...given)),
    list: through((...given: Parameters<Spool["list"]>) => present().list(...given)),
    counts: through(() => present().counts()),
    destinations: through((...given: Parameters<Spool["destinations"]>) => present().destinations(...given)),
    sweep: through(() => present().sweep()),
    subscribe: (listener) => present().subscribe(listener),
    close,
  };
}
