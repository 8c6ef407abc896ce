/** Deliveries and services for the tests of relay. */
import type { SmtpNextHop } from "../../core/config/next-hops.ts";
import type { DeliverOptions, Delivery, DeliveryResult } from "../../core/gateway/next-hop-driver.ts";
import type { Address } from "../../core/mail/address.ts";
import { type Content, memoryContent } from "../../core/mail/content.ts";
import type { Clock, Log } from "../../core/pipeline/services.ts";
import { createSmtpDriver } from "../../core/relay/mod.ts";
import type { Script } from "./sink-server.ts";
import { startSink } from "./sink-server.ts";

export function address(text: string): Address {
  const at = text.lastIndexOf("@");
  const domain = text.slice(at + 1);
  return { text, localPart: text.slice(0, at), domain, domainAscii: domain };
}

export function delivery(
  body: string | Uint8Array,
  changes: Partial<Delivery> = {},
  to = ["bob@b.example"],
): Delivery {
  return {
    id: "abc1",
    number: 1,
    origin: "smtp",
    nextHop: "sink",
    reversePath: address("alice@a.example"),
    parameters: {},
    recipients: to.map((text) => ({ forwardPath: address(text), parameters: {} })),
    content: memoryContent(typeof body === "string" ? Buffer.from(body) : body),
    client: { ip: "192.0.2.1", port: 1, trusted: false },
    ehlo: "client.example",
    ...changes,
  };
}

export const clock: Clock = {
  now: () => 1_700_000_000_000,
  monotonic: () => performance.now(),
  sleep: () => Promise.resolve(),
};

/** A log that keeps the names of error events. */
export function recordingLog(): Log & { errors: string[] } {
  const errors: string[] = [];
  const ignore = () => undefined;
  return { errors, debug: ignore, info: ignore, warn: ignore, error: (event) => void errors.push(event) };
}

export function nextHop(port: number, changes: Partial<SmtpNextHop> = {}): SmtpNextHop {
  return {
    kind: "smtp",
    servers: [{ host: "127.0.0.1", port }],
    mode: "inline",
    implicitTls: false,
    passReplyText: true,
    connectTimeout: 2000,
    replyTimeout: 2000,
    connectionsMax: 2,
    ...changes,
  };
}

export const goOn = () => ({ signal: new AbortController().signal, proceed: () => true });

/** Delivers one after the other to a sink by this script, and closes both. */
export async function deliverTo(
  script: Script | undefined,
  deliveries: readonly Delivery[],
  hop: Partial<SmtpNextHop> = {},
  options: DeliverOptions = goOn(),
) {
  const sink = await startSink(script);
  const log = recordingLog();
  const driver = createSmtpDriver("sink", nextHop(sink.port, hop), { hostName: "gw.example", log, clock });
  const results: DeliveryResult[] = [];
  try {
    for (const one of deliveries) results.push(await driver.deliver(one, options));
    await driver.close();
    return { sink, results, first: results[0]!, errors: log.errors, extensions: driver.extensions() };
  } finally {
    await sink.close();
  }
}

/** A line for each recipient: "delivered 250 2.0.0". */
export const summary = (result: DeliveryResult): string[] =>
  result.recipients.map(({ status, reply }) => `${status} ${reply.code} ${reply.enhanced}`);

/** A sink that offers these keywords alone. */
export const offering =
  (...keywords: string[]): Script =>
  (command) =>
    command.startsWith("EHLO")
      ? ["sink", ...keywords].map((k, i, all) => `250${i === all.length - 1 ? " " : "-"}${k}`).join("\r\n")
      : undefined;

/** Content that is not in memory, in chunks of `at` octets. */
export function streamed(text: string, at = 7): Content {
  const octets = Buffer.from(text);
  return {
    size: octets.length,
    async *read(start = 0, end = octets.length) {
      for (let i = start; i < end; i += at) yield octets.subarray(i, Math.min(end, i + at));
    },
  };
}
