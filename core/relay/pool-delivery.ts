/**
 * A delivery on the connections of a pool: one transaction, one retry when a kept connection turns out to be closed, and
 * other servers where one took nothing. Which pool it is, and where its servers come from, is the driver's.
 */
import type { DeliverOptions, Delivery, DeliveryResult } from "../gateway/mod.ts";
import type { Reply } from "../mail/mod.ts";
import { type ConnectionPool, PoolBusy } from "./connection-pool.ts";
import { type ContentNeeds, contentNeeds } from "./content-needs.ts";
import { Elsewhere } from "./elsewhere.ts";
import { type ForwardClient, forwardClient } from "./forward-client.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";
import { relayReplies } from "./next-hop-reply.ts";
import { OpenFault, TlsFault } from "./open-connection.ts";
import { runTransaction, type TransactionOutcome } from "./smtp-transaction.ts";

/** How a next hop takes deliveries, whatever server it is. */
export interface DeliveryManner {
  readonly passReplyText: boolean;
  /** Absent: the next hop is not told of our client. */
  readonly forwardClient: ForwardClient | undefined;
}

/** Carries one delivery. Never rejects. */
export async function deliverOnPool(
  pool: ConnectionPool,
  delivery: Delivery,
  options: DeliverOptions,
  manner: DeliveryManner,
): Promise<DeliveryResult> {
  let needs: ContentNeeds;
  try {
    const { content } = delivery;
    // In memory there is nothing to wait for.
    needs = content.bytes ? (contentNeeds(content) as ContentNeeds) : await contentNeeds(content);
  } catch (error) {
    const cause = `the content can not be read: ${String(error)}`;
    return notTried(delivery, relayReplies.noContent, "connection", cause);
  }
  const job = { delivery, needs, options, passReplyText: manner.passReplyText };
  let fresh = false;
  let elsewhere: Elsewhere | undefined;
  for (;;) {
    let connection: NextHopConnection;
    try {
      connection =
        (fresh ? undefined : pool.takeIdle()) ??
        (await pool.acquire(options.signal, fresh, elsewhere?.tried));
    } catch (error) {
      const result = openFailed(delivery, error);
      return elsewhere ? elsewhere.told(result) : result;
    }
    const kept = connection.transactions > 0;
    if (options.onLine !== undefined) connection.onLine = options.onLine;
    if (manner.forwardClient !== undefined) {
      try {
        await forwardClient(connection, delivery, manner.forwardClient, options.signal);
      } catch (error) {
        connection.cut();
        const again = kept && !fresh && !options.signal.aborted && (error as OpenFault).about !== "us";
        if (!again) {
          const result = openFailed(delivery, error);
          if (result.ended === "us") pool.refused(connection.server, result.cause);
          return elsewhere ? elsewhere.told(result) : result;
        }
        fresh = true;
        continue;
      }
    }
    const outcome = await runTransaction(connection, job);
    connection.onLine = undefined;
    giveBack(pool, connection, outcome, elsewhere !== undefined);
    const { result } = outcome;
    if (outcome.stale && kept && !fresh && !options.signal.aborted) {
      fresh = true;
      continue;
    }
    if ((outcome.stale || outcome.putOff) && !options.signal.aborted) {
      elsewhere ??= new Elsewhere();
      if (elsewhere.mayGoOn(pool, connection, outcome)) {
        fresh = true;
        continue;
      }
    }
    if (result.ended === "us") pool.refused(connection.server, result.cause);
    return elsewhere ? elsewhere.told(result) : result;
  }
}

/** The result of a delivery that no server was asked about. */
export function notTried(
  delivery: Delivery,
  reply: Reply,
  ended: DeliveryResult["ended"],
  cause: string,
): DeliveryResult {
  const status = reply.code >= 500 ? "rejected" : "tempfailed";
  return { recipients: delivery.recipients.map(() => ({ status, reply })), ended, cause };
}

function giveBack(
  pool: ConnectionPool,
  connection: NextHopConnection,
  outcome: TransactionOutcome,
  isElsewhere: boolean,
): void {
  if (outcome.connection === "free") {
    // Kept, it would draw the next deliveries to a server that is not the first one's equal.
    if (isElsewhere) connection.quit();
    else pool.release(connection);
  } else if (outcome.connection === "reset") reset(pool, connection);
}

/** RSET (RFC 5321 4.1.1.5), outside of the delivery's time; a connection that refuses it is not used again. */
function reset(pool: ConnectionPool, connection: NextHopConnection): void {
  connection.say("RSET", (reply) => {
    if (reply.startsWith("2")) pool.release(connection);
    else connection.cut();
  });
  connection.flush();
}

function openFailed(delivery: Delivery, error: unknown): DeliveryResult {
  if (error instanceof PoolBusy) return notTried(delivery, relayReplies.busy, "connection", error.message);
  const us = error instanceof OpenFault && error.about === "us";
  const cause = error instanceof Error ? error.message : String(error);
  if (!us) return notTried(delivery, relayReplies.unreachable, "connection", cause);
  const result = notTried(delivery, relayReplies.aboutUs, "us", cause);
  return error instanceof TlsFault ? { ...result, tlsFault: true } : result;
}
