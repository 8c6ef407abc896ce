/** Writes messages with attachments, byte by byte as a test says, for those who look into them. */

/** A body part: header fields and a body, both as they are. */
export interface WrittenPart {
  /** Lines without their ends. */
  readonly head: readonly string[];
  readonly body: string;
}

const HEAD = ["From: a@outside.example", "Subject: with attachments", "MIME-Version: 1.0"];
let boundaries = 0;

/** A multipart as a part of another. */
export function multipart(parts: readonly WrittenPart[], subtype = "mixed"): WrittenPart {
  const boundary = `b${++boundaries}`;
  const body = parts.map((part) => `--${boundary}\n${bytesOf(part)}\n`).join("");
  return {
    head: [`Content-Type: multipart/${subtype}; boundary=${boundary}`],
    body: `${body}--${boundary}--\n`,
  };
}

/** An attached file in base64, with a name that needs no quoting unless the test gives the fields. */
export function file(
  name: string,
  content: string | Uint8Array,
  type = "application/octet-stream",
): WrittenPart {
  return encoded([`Content-Type: ${type}`, `Content-Disposition: attachment; filename="${name}"`], content);
}

/** A part in base64 with header fields of the test's own. */
export function encoded(head: readonly string[], content: string | Uint8Array): WrittenPart {
  const body = Buffer.from(content).toString("base64").replace(/.{76}/g, "$&\n");
  return { head: [...head, "Content-Transfer-Encoding: base64"], body };
}

/** A plain text. */
export const text = (body = "Hello"): WrittenPart => ({ head: ["Content-Type: text/plain"], body });

/** A whole message with this part as its body. */
export const message = (part: WrittenPart): string =>
  bytesOf({ head: [...HEAD, ...part.head], body: part.body });

/** A message attached to another (RFC 2046 5.2.1). */
export const forwarded = (part: WrittenPart): WrittenPart => ({
  head: ["Content-Type: message/rfc822"],
  body: message(part),
});

const bytesOf = ({ head, body }: WrittenPart): string => `${head.join("\n")}\n\n${body}`;
