/**
 * The next hop of this host: the platform's own `forward()`, which sends the original on and can add header fields in
 * X-. The trace field is the platform's. What the pipeline changed beyond that is not carried, and the message is
 * tempfailed then: it must not arrive other than the config says.
 */
import type { DeliverOptions, Delivery, DeliveryResult, NextHopDriver } from "../gateway/mod.ts";
import {
  accepted,
  type Content,
  configurationError,
  deadlinePassed,
  type HeaderField,
  localError,
  Message,
  nextHopDown,
  type Reply,
  readAll,
} from "../mail/mod.ts";
import type { EmailMessage } from "./email-message.ts";

/** Octets of a body that are compared at once. */
const COMPARED_BYTES = 65_536;

/** Makes the driver of one message. @param original the content as it came, once it is whole */
export function forwardDriver(message: EmailMessage, original: () => Content | undefined): NextHopDriver {
  return {
    description: "forward() of the platform",
    async deliver(delivery, options) {
      try {
        return await deliver(message, original(), delivery, options);
      } catch (error) {
        return failed(delivery, nextHopDown(), "connection", String(error));
      }
    },
    extensions: () => ({ eightBitMime: true, smtputf8: true, dsn: false, requireTls: false }),
    async probe() {},
    async close() {},
  };
}

async function deliver(
  message: EmailMessage,
  original: Content | undefined,
  delivery: Delivery,
  { signal, proceed }: DeliverOptions,
): Promise<DeliveryResult> {
  const envelope = envelopeLack(message, delivery);
  if (envelope !== undefined || original === undefined) {
    return failed(delivery, configurationError(), "us", envelope ?? "the content did not come by email()");
  }
  const added = await addedFields(original, delivery.content);
  if (typeof added === "string") return failed(delivery, configurationError(), "us", added);
  if (!proceed(["accepted"])) return failed(delivery, localError(), "reply", undefined, "aside");
  const over = Promise.withResolvers<"over">();
  const stop = () => over.resolve("over");
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) return failed(delivery, deadlinePassed(), "connection");
    const forwarding = message.forward(delivery.recipients[0]!.forwardPath.text, added);
    // forward() can not be called off: past the deadline a copy may go out all the same, and the trace says so.
    if ((await Promise.race([forwarding, over.promise])) === "over") {
      forwarding.catch(() => {});
      return failed(delivery, deadlinePassed(), "lost", "forward() did not return within the deadline");
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
  return { recipients: [{ status: "delivered", reply: accepted("Message forwarded") }], ended: "reply" };
}

function failed(
  delivery: Delivery,
  reply: Reply,
  ended: DeliveryResult["ended"],
  cause?: string,
  status: "tempfailed" | "aside" = "tempfailed",
): DeliveryResult {
  const recipients = delivery.recipients.map(() => ({ status, reply }));
  return { recipients, ended, ...(cause === undefined ? {} : { cause: cause.slice(0, 300) }) };
}

function envelopeLack(message: EmailMessage, delivery: Delivery): string | undefined {
  if (delivery.recipients.length !== 1)
    return "forward() can not carry a message to several recipients at once";
  if ((delivery.reversePath?.text ?? "") !== message.from)
    return "forward() can not carry another reverse-path";
  if (delivery.parameters.requireTls === true) return "forward() can not carry a demand for TLS";
  return undefined;
}

/** The fields to add, or in words what of the message's changes forward() can not carry. */
async function addedFields(came: Content, leaves: Content): Promise<Headers | string> {
  const [original, leaving] = await Promise.all([Message.load(came), Message.load(leaves)]);
  const added = new Headers();
  const before = original.header.fields;
  let next = 0;
  // The first field is the engine's Received; the platform writes its own.
  for (const field of leaving.header.fields.slice(1)) {
    if (next < before.length && sameOctets(field, before[next]!)) {
      next++;
      continue;
    }
    const { name, value } = field;
    if (!/^x-/i.test(name)) {
      // One that stands further down in the original was not added: what stood above it is gone.
      const moved = before.slice(next).some((one) => one.name.toLowerCase() === name.toLowerCase());
      return moved ? changed(before[next]!) : `forward() can add header fields in X- only, not '${name}'`;
    }
    if (!/^[\t -~]*$/.test(value)) return `forward() can not add '${name}' with other than ASCII`;
    if (added.has(name)) return `forward() can add '${name}' only once`;
    added.set(name, value);
  }
  const lost = before[next];
  if (lost !== undefined) return changed(lost);
  const [originalBody, leavingBody] = [original.headerBytes.length, leaving.headerBytes.length];
  const isSame = await sameFrom(came, originalBody, leaves, leavingBody);
  return isSame ? added : "forward() can not carry a changed body";
}

/** Whether two contents have the same octets from an offset in each to their ends. */
async function sameFrom(a: Content, startA: number, b: Content, startB: number): Promise<boolean> {
  const size = a.size - startA;
  if (size !== b.size - startB) return false;
  for (let at = 0; at < size; at += COMPARED_BYTES) {
    const end = Math.min(at + COMPARED_BYTES, size);
    const [one, other] = await Promise.all([
      readAll(a, startA + at, startA + end),
      readAll(b, startB + at, startB + end),
    ]);
    if (one.some((octet, i) => octet !== other[i])) return false;
  }
  return true;
}

const changed = ({ name }: HeaderField): string =>
  `forward() can not carry the changed or removed header field '${name}'`;

const sameOctets = (a: HeaderField, b: HeaderField): boolean =>
  a.bytes.length === b.bytes.length && a.bytes.every((octet, i) => octet === b.bytes[i]);
