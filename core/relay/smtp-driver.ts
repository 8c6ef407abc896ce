/**
 * The driver of an SMTP next hop: kept connections, servers tried in order, TLS policy, and one retry when a kept
 * connection turns out to be closed. One transaction is in smtp-transaction.ts. No MX, no LMTP, no queue.
 */

import type { SmtpNextHop } from "../config/mod.ts";
import { durationMs } from "../config/mod.ts";
import type {
  DeliverOptions,
  Delivery,
  DeliveryResult,
  NextHopDriver,
  NextHopExtensions,
} from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";
import type { Clock, Log } from "../pipeline/mod.ts";
import { ConnectionPool, PoolBusy } from "./connection-pool.ts";
import { type ContentNeeds, contentNeeds } from "./content-needs.ts";
import { type ForwardClient, forwardClient } from "./forward-client.ts";
import { MessageRate } from "./message-rate.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";
import { relayReplies } from "./next-hop-reply.ts";
import { type ConnectionOptions, OpenFault, serverName } from "./open-connection.ts";
import { runTransaction } from "./smtp-transaction.ts";
import { tlsPolicyOf } from "./tls-policy.ts";

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

class SmtpDriver implements NextHopDriver {
  readonly description: string;
  readonly #name: string;
  readonly #log: Log;
  readonly #passReplyText: boolean;
  readonly #pool: ConnectionPool;
  readonly #rate: MessageRate | undefined;
  readonly #forwardClient: ForwardClient | undefined;
  #closed: Promise<void> | undefined;

  constructor(name: string, description: SmtpNextHop, { hostName, log, clock }: SmtpDriverOptions) {
    const { servers, connectTimeout, replyTimeout, connectionsMax, auth, implicitTls } = description;
    this.#name = name;
    this.#log = log;
    this.#forwardClient = description.forwardClient;
    const { messagesPerSecondMax: perSecond } = description;
    if (perSecond !== undefined) this.#rate = new MessageRate(perSecond, durationMs(connectTimeout), clock);
    this.#passReplyText = description.passReplyText;
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
      clock,
      log,
    });
  }

  async deliver(delivery: Delivery, options: DeliverOptions): Promise<DeliveryResult> {
    if (this.#closed) return failed(delivery, relayReplies.unreachable, "connection", "the driver is closed");
    let needs: ContentNeeds;
    try {
      const { content } = delivery;
      // In memory there is nothing to wait for.
      needs = content.bytes ? (contentNeeds(content) as ContentNeeds) : await contentNeeds(content);
    } catch (error) {
      const cause = `the content can not be read: ${String(error)}`;
      return failed(delivery, relayReplies.noContent, "connection", cause);
    }
    if (this.#rate && !(await this.#rate.turn(options.signal)))
      return failed(delivery, relayReplies.busy, "connection", "its messages per second are used up");
    const job = { delivery, needs, options, passReplyText: this.#passReplyText };
    let fresh = false;
    for (;;) {
      let connection: NextHopConnection;
      try {
        connection =
          (fresh ? undefined : this.#pool.takeIdle()) ?? (await this.#pool.acquire(options.signal, fresh));
      } catch (error) {
        return openFailed(delivery, error);
      }
      const kept = connection.transactions > 0;
      if (this.#forwardClient !== undefined) {
        try {
          await forwardClient(connection, delivery, this.#forwardClient, options.signal);
        } catch (error) {
          connection.cut();
          const again = kept && !fresh && !options.signal.aborted && (error as OpenFault).about !== "us";
          if (!again) {
            const result = openFailed(delivery, error);
            if (result.ended === "us") this.#logRefusal(connection.server, result.cause);
            return result;
          }
          fresh = true;
          continue;
        }
      }
      const outcome = await runTransaction(connection, job);
      if (outcome.connection === "free") this.#pool.release(connection);
      else if (outcome.connection === "reset") this.#reset(connection);
      if (outcome.stale && kept && !fresh && !options.signal.aborted) {
        fresh = true;
        continue;
      }
      const { result } = outcome;
      if (result.ended === "us") this.#logRefusal(connection.server, result.cause);
      return result;
    }
  }

  #logRefusal(server: string, cause: string | undefined): void {
    this.#log.error("nextHopRefusesUs", { nextHop: this.#name, server, cause });
  }

  extensions(): NextHopExtensions | undefined {
    return this.#pool.last?.extensions();
  }

  async probe(signal: AbortSignal): Promise<void> {
    if (this.#closed) return;
    try {
      this.#pool.release(await this.#pool.acquire(signal, true));
    } catch {
      // The pool has logged why; what is known of the next hop stays as it is.
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.close();
    return this.#closed;
  }

  /** RSET (RFC 5321 4.1.1.5), outside of the delivery's time; a connection that refuses it is not used again. */
  #reset(connection: NextHopConnection): void {
    connection.say("RSET", (reply) => {
      if (reply.startsWith("2")) this.#pool.release(connection);
      else connection.cut();
    });
    connection.flush();
  }
}

function openFailed(delivery: Delivery, error: unknown): DeliveryResult {
  if (error instanceof PoolBusy) return failed(delivery, relayReplies.busy, "connection", error.message);
  const us = error instanceof OpenFault && error.about === "us";
  const cause = error instanceof Error ? error.message : String(error);
  return failed(
    delivery,
    us ? relayReplies.aboutUs : relayReplies.unreachable,
    us ? "us" : "connection",
    cause,
  );
}

function failed(
  delivery: Delivery,
  reply: Reply,
  ended: DeliveryResult["ended"],
  cause: string,
): DeliveryResult {
  return { recipients: delivery.recipients.map(() => ({ status: "tempfailed", reply })), ended, cause };
}
