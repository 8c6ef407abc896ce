/** The message object of the platform, in the shape that Cloudflare's Email Workers gave it. */
import { formatReply, type Reply } from "../mail/mod.ts";

/** One message for one recipient, which is forwarded, refused, or dropped when nothing is said about it. */
export interface EmailMessage {
  /** The reverse-path without angle brackets; "" is the null one. */
  readonly from: string;
  /** The forward-path without angle brackets. */
  readonly to: string;
  /** The content, to be read once. */
  readonly raw: ReadableStream<Uint8Array>;
  /** Octets of `raw`, as the platform counted them. */
  readonly rawSize: number;
  /** The header section as the platform reads it; ours is read from `raw`. */
  readonly headers: Headers;
  /** Refuses the message for good. */
  setReject(reason: string): void;
  /** Sends the original on to an address, with more header fields; the platform takes only names in X-. */
  forward(forwardPath: string, headers?: Headers): Promise<unknown>;
}

/**
 * Tells who the platform had a message from: an address as "192.0.2.1" or "2001:db8::1". Undefined, or what is no
 * address: not known. What it says is believed, so it must be the platform's own word and nobody else's.
 */
export type ClientIpOf = (message: EmailMessage) => string | undefined;

/** Thrown by `email()` so that the platform tells the client to try again; its message is the reply. */
export class EmailTempfail extends Error {
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(replyLine(reply));
    this.name = "EmailTempfail";
    this.reply = reply;
  }
}

/** A reply as one line of text: "550 5.7.1 Message refused (ref ...)". */
export const replyLine = (reply: Reply): string =>
  formatReply({ ...reply, text: reply.text.replaceAll("\n", " ") }).split("\r\n", 1)[0]!;
