/**
 * Body digests made while a message comes in (RFC 6376 3.4.3, 3.4.4), so that a signature need not read it again.
 * Where the header section ends is told by core/mail once the message is whole; what is found here is used only where
 * both agree.
 */
import { type BodyCanonicalizer, canonicalBody } from "../mail/mod.ts";
import type { Crypto, Digest, HashName } from "../pipeline/mod.ts";

/** A digest that a plugin wants of the body as it comes in. */
export interface DeclaredDigest {
  readonly canonical: "simple" | "relaxed";
  readonly hash: HashName;
}

/** Digests of a received body, by `digestKey`. */
export interface ReceivedDigests {
  /** Offset of the first octet of the body. */
  readonly bodyStart: number;
  readonly digests: ReadonlyMap<string, Promise<Uint8Array>>;
}

export const digestKey = ({ canonical, hash }: DeclaredDigest): string => `${canonical} ${hash}`;

const LF = 10;
const CR = 13;

/** Takes a message in chunks as they come. Holds no octets back but what the canonical forms do. */
export class BodyDigester {
  readonly #digests = new Map<string, Digest>();
  readonly #forms: readonly BodyCanonicalizer[];
  /** Octets seen; the body's start once the empty line was. */
  #at = 0;
  #bodyStart: number | undefined;
  /** What the present line of the header section has so far. */
  #line: "nothing" | "cr" | "text" = "nothing";

  constructor(declared: readonly DeclaredDigest[], crypto: Crypto) {
    const forms = new Map<DeclaredDigest["canonical"], Digest[]>();
    for (const one of declared) {
      const key = digestKey(one);
      if (this.#digests.has(key)) continue;
      const digest = crypto.digest(one.hash);
      this.#digests.set(key, digest);
      forms.set(one.canonical, [...(forms.get(one.canonical) ?? []), digest]);
    }
    this.#forms = [...forms].map(([canonical, digests]) =>
      canonicalBody(canonical, (chunk) => {
        for (const digest of digests) digest.update(chunk);
      }),
    );
  }

  update(chunk: Uint8Array): void {
    let body = chunk;
    if (this.#bodyStart === undefined) {
      const end = this.#headerEnd(chunk);
      this.#at += end ?? chunk.length;
      if (end === undefined) return;
      this.#bodyStart = this.#at;
      body = chunk.subarray(end);
    }
    if (body.length > 0) for (const form of this.#forms) form.update(body);
  }

  /** Called once, after the last chunk. */
  finish(): ReceivedDigests {
    for (const form of this.#forms) form.finish();
    const digests = new Map([...this.#digests].map(([key, digest]) => [key, digest.finish()]));
    // One that fails is made again from the content; until somebody asks it must not be an unhandled rejection.
    for (const digest of digests.values()) digest.catch(() => {});
    // Without an empty line all is header section, and the body is empty.
    return { bodyStart: this.#bodyStart ?? this.#at, digests };
  }

  /** Offset past the empty line where it ends in this chunk. A bare LF ends a line, as for `Message`. */
  #headerEnd(chunk: Uint8Array): number | undefined {
    for (let at = 0; at < chunk.length; ) {
      if (this.#line === "text") {
        const lineEnd = chunk.indexOf(LF, at);
        if (lineEnd < 0) return undefined;
        this.#line = "nothing";
        at = lineEnd + 1;
        continue;
      }
      const octet = chunk[at++];
      if (octet === LF) return at;
      this.#line = octet === CR && this.#line === "nothing" ? "cr" : "text";
    }
    return undefined;
  }
}
