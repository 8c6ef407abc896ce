/** The untouched message with its body digests, kept per canonical form. */
import { type Content, canonicalBody, type Message } from "../mail/mod.ts";
import type { Crypto, HashName, OriginalMessage } from "../pipeline/mod.ts";

type BodyDigest = OriginalMessage["bodyDigest"];

/** Makes a digest function over the body of a message; each form is read once and kept. */
export function bodyDigests(message: Message, crypto: Crypto): BodyDigest {
  const kept = new Map<string, Promise<Uint8Array>>();
  return (canonical, hash) => {
    const key = `${canonical} ${hash}`;
    let digest = kept.get(key);
    if (!digest) {
      digest = digestBody(message.content, message.headerBytes.length, crypto, canonical, hash);
      kept.set(key, digest);
      digest.catch(() => kept.delete(key));
    }
    return digest;
  };
}

async function digestBody(
  content: Content,
  bodyStart: number,
  crypto: Crypto,
  canonical: "simple" | "relaxed",
  hash: HashName,
): Promise<Uint8Array> {
  const digest = crypto.digest(hash);
  const form = canonicalBody(canonical, (chunk) => digest.update(chunk));
  for await (const chunk of content.read(bodyStart)) form.update(chunk);
  form.finish();
  return digest.finish();
}

/** The original as plugins see it. */
export function originalMessage(message: Message, crypto: Crypto): OriginalMessage {
  return {
    size: message.size,
    get header() {
      return message.header;
    },
    content: message.content,
    structure: () => message.structure(),
    bodyDigest: bodyDigests(message, crypto),
  };
}
