/** The untouched message as plugins see it, and the digests of its body and of its edited bodies, each made once. */
import {
  type Content,
  canonicalBody,
  type HeaderView,
  type Message,
  type Part,
  readInTurn,
} from "../mail/mod.ts";
import type { Crypto, HashName, OriginalMessage } from "../pipeline/mod.ts";
import { digestKey, type ReceivedDigests } from "./received-digests.ts";
import { sameContent } from "./same-content.ts";

export type BodyDigest = OriginalMessage["bodyDigest"];
type Splice = ReturnType<Message["flatten"]>[number];

/** The digests of one message's bodies: kept for each canonical form and hash of each way the body was edited. */
export class BodyDigests {
  readonly original: BodyDigest;
  readonly #message: Message;
  readonly #crypto: Crypto;
  readonly #edited: { readonly splices: readonly Splice[]; readonly digest: BodyDigest }[] = [];

  /**
   * @param message the untouched one: hooks edit forks of it
   * @param received what was made while receiving, where plugins declared it
   */
  constructor(message: Message, crypto: Crypto, received?: ReceivedDigests) {
    this.#message = message;
    this.#crypto = crypto;
    const agreed = received?.bodyStart === message.headerBytes.length ? received.digests : undefined;
    this.original = keptDigests(this.#message, crypto, agreed);
  }

  /** The digest function of a form of the message; forms whose bodies were edited alike share one. */
  of(form: Message): BodyDigest {
    if (!form.bodyEdited) return this.original;
    const bodyStart = this.#message.headerBytes.length;
    const splices = form.flatten().filter(({ start, end }) => start >= bodyStart || end > bodyStart);
    const found = this.#edited.find((one) => sameSplices(one.splices, splices));
    if (found) return found.digest;
    const digest = keptDigests(form.fork(), this.#crypto);
    this.#edited.push({ splices, digest });
    return digest;
  }
}

/** The original as plugins see it. @param message the untouched one: hooks edit forks of it */
export function originalMessage(message: Message, bodyDigest: BodyDigest): OriginalMessage {
  return new Original(message, bodyDigest);
}

class Original implements OriginalMessage {
  readonly size: number;
  readonly content: Content;
  readonly bodyDigest: BodyDigest;
  readonly #message: Message;

  constructor(message: Message, bodyDigest: BodyDigest) {
    this.size = message.size;
    this.content = message.content;
    this.bodyDigest = bodyDigest;
    this.#message = message;
  }

  get header(): HeaderView {
    return this.#message.header;
  }

  // Bound, so that a hook may take it out of the message.
  get structure(): () => Promise<Part> {
    return () => this.#message.structure();
  }
}

function keptDigests(
  message: Message,
  crypto: Crypto,
  received?: ReadonlyMap<string, Promise<Uint8Array>>,
): BodyDigest {
  const kept = new Map(received);
  return async (canonical, hash) => {
    const key = digestKey({ canonical, hash });
    let digest = kept.get(key);
    if (!digest) {
      digest = digestBody(message.content, message.headerBytes.length, crypto, canonical, hash);
      kept.set(key, digest);
      digest.catch(() => kept.delete(key));
    }
    // A copy: what one plugin does to its digest is not for the next.
    return (await digest).slice();
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
  if (content.bytes) form.update(content.bytes.subarray(bodyStart));
  else for await (const chunk of readInTurn(content, bodyStart)) form.update(chunk);
  form.finish();
  return digest.finish();
}

/** Whether two lists of splices give the same body. Large replacements are compared by identity: they are not read. */
function sameSplices(a: readonly Splice[], b: readonly Splice[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ start, end, replacement }, i) => {
      const other = b[i]!;
      return start === other.start && end === other.end && sameContent(replacement, other.replacement);
    })
  );
}
