/**
 * The driver of a next hop whose servers are named, by SMTP or LMTP: kept connections, servers tried in order, TLS
 * policy, rate. One delivery is in pool-delivery.ts, hosts that DNS names are mx-driver.ts's. No queue.
 */

import type { SmtpNextHop } from "../config/mod.ts";
import { durationMs } from "../config/mod.ts";
import type {
  DeliverOptions,
  Delivery,
  DeliveryResult,
  DeliverySlots,
  NextHopDriver,
  NextHopExtensions,
  VerifyOptions,
  VerifyResult,
} from "../gateway/mod.ts";
import type { Address, ReversePath } from "../mail/mod.ts";
import type { Clock, Log } from "../pipeline/mod.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { MessageRate } from "./message-rate.ts";
import { relayReplies } from "./next-hop-reply.ts";
import { OfferedExtensions } from "./offered-extensions.ts";
import { type ConnectionOptions, serverName } from "./open-connection.ts";
import { type DeliveryManner, deliverOnPool, notTried } from "./pool-delivery.ts";
import { tlsPolicyOf } from "./tls-policy.ts";
import { verifyOnPool } from "./verify-recipient.ts";

/** What {@link createSmtpDriver} needs of the host. */
export interface SmtpDriverOptions {
  /** The name for EHLO. */
  readonly hostName: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** Makes the driver of one SMTP next hop. It connects on the first delivery or probe. */
export function createSmtpDriver(
  name: string,
  description: SmtpNextHop,
  options: SmtpDriverOptions,
): NextHopDriver {
  return new SmtpDriver(name, description, options);
}

const MESSAGES_PER_CONNECTION_MAX = 1_000;
const CONNECTION_LIFE_TIME = "5m";
/** How long one of several servers may take until it is ready for MAIL. */
const TRY_MS = 30_000;

class SmtpDriver implements NextHopDriver {
  readonly description: string;
  readonly #connectionsMax: number;
  readonly #pool: ConnectionPool;
  readonly #rate: MessageRate | undefined;
  readonly #manner: DeliveryManner;
  readonly #offered = new OfferedExtensions();
  #closed: Promise<void> | undefined;

  constructor(name: string, description: SmtpNextHop, { hostName, log, clock }: SmtpDriverOptions) {
    const { servers, connectTimeout, replyTimeout, connectionsMax, auth, implicitTls } = description;
    this.#manner = {
      passReplyText: description.passReplyText,
      forwardClient: description.forwardClient,
    };
    const { messagesPerSecondMax: perSecond } = description;
    if (perSecond !== undefined) this.#rate = new MessageRate(perSecond, durationMs(connectTimeout), clock);
    this.#connectionsMax = connectionsMax;
    this.description = `${description.protocol ?? "smtp"} ${servers.map(serverName).join(", ")}`;
    const policies = servers.map(({ host }) => tlsPolicyOf(description, host));
    this.#pool = new ConnectionPool({
      nextHop: name,
      servers: servers.map(
        ({ host, port }, index): ConnectionOptions => ({
          host,
          port,
          hostName,
          implicitTls,
          ...policies[index]!,
          auth,
          connectTimeoutMs: durationMs(connectTimeout),
          replyTimeoutMs: replyTimeout === undefined ? undefined : durationMs(replyTimeout),
          lmtp: description.protocol === "lmtp",
        }),
      ),
      clearOnHandshakeFault: policies.every(({ startTls }) => startTls === "offered") && !implicitTls,
      connectionsMax,
      weights: description.weights,
      transactionsMax: description.messagesPerConnectionMax ?? MESSAGES_PER_CONNECTION_MAX,
      lifeMs: durationMs(description.connectionLifeTime ?? CONNECTION_LIFE_TIME),
      waitMs: durationMs(connectTimeout),
      onOpened: (connection) => this.#offered.opened(connection),
      // One that takes connections and never greets must leave time for another.
      ...(servers.length > 1 ? { tryMs: TRY_MS } : {}),
      clock,
      log,
    });
  }

  deliver(delivery: Delivery, options: DeliverOptions): Promise<DeliveryResult> {
    if (this.#closed) {
      const closed = notTried(delivery, relayReplies.unreachable, "connection", "the driver is closed");
      return Promise.resolve(closed);
    }
    return this.#rate
      ? this.#inTurn(this.#rate, delivery, options)
      : deliverOnPool(this.#pool, delivery, options, this.#manner);
  }

  async #inTurn(rate: MessageRate, delivery: Delivery, options: DeliverOptions): Promise<DeliveryResult> {
    if (await rate.turn(options.signal)) return deliverOnPool(this.#pool, delivery, options, this.#manner);
    return notTried(delivery, relayReplies.busy, "connection", "its messages per second are used up");
  }

  verify(reversePath: ReversePath, forwardPath: Address, options: VerifyOptions): Promise<VerifyResult> {
    if (this.#closed) {
      const cause = "the driver is closed";
      return Promise.resolve({ status: "undecided", ended: "connection", cause });
    }
    const { passReplyText } = this.#manner;
    return verifyOnPool(this.#pool, { reversePath, forwardPath, passReplyText }, options);
  }

  slots(): DeliverySlots {
    const free = Math.min(this.#pool.free, this.#rate?.free ?? Number.POSITIVE_INFINITY);
    return { max: this.#connectionsMax, free };
  }

  extensions(): NextHopExtensions | undefined {
    return this.#offered.together;
  }

  onExtensions(told: () => void): void {
    this.#offered.onTold = told;
  }

  async probe(signal: AbortSignal): Promise<void> {
    if (this.#closed) return;
    try {
      // Kept, it would pass for one that was just opened, and a delivery would not try again where it was closed since.
      (await this.#pool.acquire(signal, true)).quit();
    } catch {
      // The pool has logged why; what is known of the next hop stays as it is.
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.close();
    return this.#closed;
  }
}
