/**
 * What next hops say of recipients at RCPT, kept for a while. One question for an address runs at a time, few for a next
 * hop, and one that does not answer is left alone for a moment. Whose recipient may be asked for, and what follows from
 * an answer, is route-group.ts's. The cache is not in the store: names that a stranger makes up would push out there
 * what plugins keep, as it has one bound for all.
 */
import { type Address, addressKey } from "../mail/mod.ts";
import { durationMs, type VerifyRecipients } from "../pipeline/mod.ts";
import { settledBy, startDeadline } from "./deadline.ts";
import type { NextHopDriver, VerifyResult } from "./next-hop-driver.ts";
import type { Services } from "./services.ts";

/** Answers kept of each kind: names that were made up never push out those that are there. */
const KEPT_MAX = 10_000;
/** Questions that run at once for one next hop, so that its connections are for mail. */
const ASKED_AT_ONCE_MAX = 5;
/** Questions that wait for their turn; further ones are not asked. */
const WAITING_MAX = 100;
/** How long a next hop that did not answer is not asked. */
const PAUSE_MS = 30_000;

const GOOD_FOR = "1h";
const BAD_FOR = "5m";
const TIMEOUT = "10s";

/** An answer, and whether it was at hand. */
export interface Verified extends VerifyResult {
  readonly cached: boolean;
}

interface Kept {
  readonly result: VerifyResult;
  /** By the clock's monotonic time. */
  readonly until: number;
}

/** One next hop, as far as it is asked. */
interface Line {
  running: number;
  readonly waiting: Set<(turn: boolean) => void>;
  /** By the clock's monotonic time. */
  pausedUntil: number;
}

/** The questions of a gateway. */
export class RecipientVerification {
  readonly #services: Pick<Services, "clock" | "log" | "nextHops">;
  readonly #kept = { good: new Map<string, Kept>(), bad: new Map<string, Kept>() };
  readonly #running = new Map<string, Promise<VerifyResult>>();
  readonly #lines = new Map<string, Line>();

  constructor(services: Pick<Services, "clock" | "log" | "nextHops">) {
    this.#services = services;
  }

  /**
   * What a next hop says of a recipient. Undefined where it can not be asked, as it takes everyone.
   *
   * @throws TypeError when a duration of the options is none
   */
  async ask(nextHop: string, to: Address, options: VerifyRecipients): Promise<Verified | undefined> {
    const driver = this.#services.nextHops.get(nextHop);
    if (!driver?.verify) return undefined;
    const key = `${nextHop} ${addressKey(to)}`;
    const kept = this.#take("good", key) ?? this.#take("bad", key);
    if (kept) return { ...kept, cached: true };
    let running = this.#running.get(key);
    if (!running) {
      running = this.#askInTurn(nextHop, driver, to, options).finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    const result = await running;
    if (result.status !== "undecided") this.#keep(key, result, options);
    return { ...result, cached: false };
  }

  #take(kind: "good" | "bad", key: string): VerifyResult | undefined {
    const answers = this.#kept[kind];
    const kept = answers.get(key);
    if (!kept) return undefined;
    answers.delete(key);
    if (kept.until <= this.#services.clock.monotonic()) return undefined;
    // The order of the map is that of use.
    answers.set(key, kept);
    return kept.result;
  }

  #keep(key: string, result: VerifyResult, options: VerifyRecipients): void {
    const { goodFor = GOOD_FOR, badFor = BAD_FOR } = options === true ? {} : options;
    const good = result.status === "good";
    const answers = good ? this.#kept.good : this.#kept.bad;
    answers.delete(key);
    for (const oldest of answers.keys()) {
      if (answers.size < KEPT_MAX) break;
      answers.delete(oldest);
    }
    const until = this.#services.clock.monotonic() + durationMs(good ? goodFor : badFor);
    answers.set(key, { result, until });
  }

  async #askInTurn(
    nextHop: string,
    driver: NextHopDriver,
    to: Address,
    options: VerifyRecipients,
  ): Promise<VerifyResult> {
    const { clock, log } = this.#services;
    const line = this.#lineOf(nextHop);
    const isPaused = () => line.pausedUntil > clock.monotonic();
    if (isPaused()) return notAsked(PAUSED);
    const { timeout = TIMEOUT } = options === true ? {} : options;
    const deadline = startDeadline(clock, durationMs(timeout));
    const { signal } = deadline;
    if (!(await turnOf(line, signal))) {
      deadline.end();
      return notAsked("too many recipients are asked for");
    }
    try {
      if (isPaused()) return notAsked(PAUSED);
      // The null reverse-path, as what is asked is the recipient and not the sender: RFC 5321 4.5.5 has it taken.
      const settled = await settledBy(driver.verify!(null, to, { signal }), deadline, clock);
      const result = settled?.value ?? silent("the driver did not settle in time");
      if (result.ended === "connection" || result.ended === "us") {
        line.pausedUntil = clock.monotonic() + PAUSE_MS;
        log.warn("recipientsNotVerified", { nextHop, cause: result.cause });
      }
      return result;
    } catch (error) {
      log.error("driverFault", { nextHop, cause: String(error) });
      return silent(`the driver failed: ${String(error)}`);
    } finally {
      deadline.end();
      nextTurn(line);
    }
  }

  #lineOf(nextHop: string): Line {
    let line = this.#lines.get(nextHop);
    if (!line) {
      line = { running: 0, waiting: new Set(), pausedUntil: -Infinity };
      this.#lines.set(nextHop, line);
    }
    return line;
  }
}

/** Waits for a turn; false where there is none in time. */
function turnOf(line: Line, signal: AbortSignal): Promise<boolean> {
  if (line.running < ASKED_AT_ONCE_MAX) {
    line.running++;
    return Promise.resolve(true);
  }
  if (line.waiting.size >= WAITING_MAX) return Promise.resolve(false);
  return new Promise((resolve) => {
    const abort = () => settle(false);
    const settle = (turn: boolean) => {
      line.waiting.delete(settle);
      signal.removeEventListener("abort", abort);
      resolve(turn);
    };
    line.waiting.add(settle);
    signal.addEventListener("abort", abort);
  });
}

/** Hands the turn on: who waits takes it over, so that it is counted all the time. */
function nextTurn(line: Line): void {
  for (const settle of line.waiting) {
    settle(true);
    return;
  }
  line.running--;
}

const PAUSED = "it did not answer a moment ago";
const notAsked = (cause: string): VerifyResult => ({ status: "undecided", ended: "busy", cause });
const silent = (cause: string): VerifyResult => ({ status: "undecided", ended: "connection", cause });
