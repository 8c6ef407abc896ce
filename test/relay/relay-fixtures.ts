/** Deliveries and services for the tests of relay. */
import type { SmtpNextHop } from "../../core/config/next-hops.ts";
import type { Delivery } from "../../core/gateway/next-hop-driver.ts";
import type { Address } from "../../core/mail/address.ts";
import { memoryContent } from "../../core/mail/content.ts";
import type { Clock, Log } from "../../core/pipeline/services.ts";

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
