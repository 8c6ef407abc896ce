/** What the signatures of one message have in common, made once for all of them. */
import type { Clock, Crypto, DnsAnswer, OriginalMessage, Resolver } from "postern";
import { type BodyPrefix, bodyPrefix, bodyStartOf } from "./body-prefix.ts";
import type { Signature } from "./signature.ts";
import { SignedHeader } from "./signed-header.ts";
import type { VerifiedMessage } from "./verify-signature.ts";

/** What a hook's context has of it. */
export interface MessageContext {
  readonly original: OriginalMessage;
  readonly clock: Clock;
  readonly crypto: Crypto;
}

/** Digests of bodies as they come in, for plugins that verify signatures. */
export const DIGESTS = [
  { canonical: "relaxed", hash: "sha256" },
  { canonical: "simple", hash: "sha256" },
] as const;

/** Values of `l=` that a message's signatures may have between them: each costs a pass over the body. */
const LENGTHS_MAX = 2;

/** The message as it came in, whatever plugins did to it since. */
export function verifiedMessage({ original, clock, crypto }: MessageContext, dns: Resolver): VerifiedMessage {
  const answers = new Map<string, Promise<DnsAnswer>>();
  const prefixes = new Map<string, Promise<BodyPrefix>>();
  const prefixOf = async (form: Signature["bodyForm"], lengthBytes: number): Promise<BodyPrefix> => {
    const bodyStart = await bodyStartOf(original.content);
    return bodyPrefix({ content: original.content, bodyStart }, form, lengthBytes, crypto);
  };
  return {
    header: new SignedHeader(original.header.fields),
    nowSeconds: Math.floor(clock.now() / 1_000),
    async bodyOf({ bodyForm, lengthBytes }) {
      if (lengthBytes === undefined)
        return { hash: await original.bodyDigest(bodyForm, "sha256"), unsignedBytes: 0 };
      const key = `${bodyForm} ${lengthBytes}`;
      let prefix = prefixes.get(key);
      if (!prefix) {
        if (prefixes.size >= LENGTHS_MAX) return undefined;
        prefix = prefixOf(bodyForm, lengthBytes);
        prefixes.set(key, prefix);
      }
      const { hash, sizeBytes } = await prefix;
      return { hash, unsignedBytes: sizeBytes - lengthBytes };
    },
    records(name) {
      let answer = answers.get(name);
      if (!answer) {
        answer = dns.resolve(name, "TXT");
        answers.set(name, answer);
      }
      return answer;
    },
  };
}
