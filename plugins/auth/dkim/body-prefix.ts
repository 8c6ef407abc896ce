/** Digests of the beginning of a body, as `l=` asks for (RFC 6376 3.5 and 3.4.5): one pass, streamed. */
import { type Content, type Crypto, canonicalBody } from "postern";
import type { Form } from "./signature.ts";

/** The beginning of a body in its canonical form. */
export interface BodyPrefix {
  readonly hash: Uint8Array;
  /** Octets of the whole canonical body. */
  readonly sizeBytes: number;
}

/** @param content the body alone begins at `bodyStart`; @param lengthBytes octets to hash, where the body has as many */
export async function bodyPrefix(
  { content, bodyStart }: { readonly content: Content; readonly bodyStart: number },
  form: Form,
  lengthBytes: number,
  crypto: Crypto,
): Promise<BodyPrefix> {
  const digest = crypto.digest("sha256");
  let sizeBytes = 0;
  const canonical = canonicalBody(form, (chunk) => {
    const left = lengthBytes - sizeBytes;
    if (left > 0) digest.update(left < chunk.length ? chunk.subarray(0, left) : chunk);
    sizeBytes += chunk.length;
  });
  for await (const chunk of content.read(bodyStart)) canonical.update(chunk);
  canonical.finish();
  return { hash: await digest.finish(), sizeBytes };
}

/** Where the body begins: past the first empty line, as core/mail reads it. */
export async function bodyStartOf(content: Content): Promise<number> {
  let offset = 0;
  let line: "nothing" | "cr" | "text" = "nothing";
  for await (const chunk of content.read()) {
    for (let at = 0; at < chunk.length; ) {
      if (line === "text") {
        const lineEnd = chunk.indexOf(LF, at);
        if (lineEnd < 0) break;
        line = "nothing";
        at = lineEnd + 1;
        continue;
      }
      const octet = chunk[at++];
      if (octet === LF) return offset + at;
      line = octet === CR && line === "nothing" ? "cr" : "text";
    }
    offset += chunk.length;
  }
  return offset;
}

const LF = 10;
const CR = 13;
