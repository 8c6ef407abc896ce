/** A message object as the platform would hand it over, which records what is done with it. */
import type { EmailMessage } from "../../core/edge/mod.ts";

/** What the platform was told to do, in order. */
export interface EmailFixture {
  readonly message: EmailMessage;
  readonly rejected: string[];
  readonly forwarded: { forwardPath: string; fields: { [name: string]: string } }[];
}

/** Makes one. @param parts what differs from a small message of ann@elsewhere.example to bob@example.com */
export function emailMessage(parts: {
  readonly content?: string | Uint8Array;
  readonly from?: string;
  readonly to?: string;
  readonly rawSize?: number;
  readonly raw?: ReadableStream<Uint8Array>;
  readonly forward?: EmailMessage["forward"];
}): EmailFixture {
  const { content = "Subject: hello\r\n\r\nbody\r\n" } = parts;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const rejected: EmailFixture["rejected"] = [];
  const forwarded: EmailFixture["forwarded"] = [];
  const message: EmailMessage = {
    from: parts.from ?? "ann@elsewhere.example",
    to: parts.to ?? "bob@example.com",
    rawSize: parts.rawSize ?? bytes.length,
    raw: parts.raw ?? streamOf(bytes),
    headers: new Headers(),
    setReject: (reason) => void rejected.push(reason),
    async forward(forwardPath, headers) {
      for (const [name] of headers ?? []) {
        if (!name.startsWith("x-")) throw new Error(`header field '${name}' is not allowed`);
      }
      forwarded.push({ forwardPath, fields: Object.fromEntries(headers ?? []) });
      return parts.forward?.(forwardPath, headers);
    },
  };
  return { message, rejected, forwarded };
}

/** A stream that gives the octets in pieces of 1,000. */
export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + 1_000));
      at += 1_000;
    },
  });
}
