/**
 * DKIM (RFC 6376, 8301, 8463): which domains answer for a message. The results are the fact `Dkim`. It decides nothing:
 * who signed says nothing of who may write in whose name, which is DMARC's to say. Neither ADSP, ATPS nor reports.
 */
import {
  type ContextOf,
  type Crypto,
  type DnsAnswer,
  type Duration,
  definePlugin,
  type Plugin,
  type Resolver,
  z,
} from "postern";
import { countOption, objectOption, parseOptions } from "../../options.ts";
import { Dkim } from "../auth-results.ts";
import { dnsTimeOption, withBoundedDns } from "../bounded-dns.ts";
import { type BodyPrefix, bodyPrefix, bodyStartOf } from "./body-prefix.ts";
import { KeyCache } from "./key-cache.ts";
import type { Signature } from "./signature.ts";
import { SignedHeader } from "./signed-header.ts";
import { type VerifiedMessage, verifySignature } from "./verify-signature.ts";

/** Options of `dkim`. */
export interface DkimOptions {
  /** Signatures that are looked at, from the top, 1 to 50; the others are counted. Default 10. */
  readonly signaturesMax?: number;
  /** Bits of an RSA key below which a signature is `policy`, 1,024 to 4,096. Default 1,024 (RFC 8301 3.2). */
  readonly rsaBitsMin?: number;
  /** What a right signature is whose `l=` leaves a part of the body unsigned: `pass`, or "policy". Default "policy". */
  readonly bodyLength?: "accept" | "policy";
  /** What a right signature is by a key that its owner only tests (`t=y`): `pass`, or "policy". Default "accept". */
  readonly testKeys?: "accept" | "policy";
  /** How long DNS is asked in all; then it is a `temperror`. Default "3s". */
  readonly dnsTime?: Duration;
}

/**
 * Verifies the signatures of the message as it came in and provides the fact `Dkim`.
 *
 * @throws TypeError when an option is wrong
 */
export function dkim(options: DkimOptions = {}): Plugin<"dkim", never, false> {
  const rules = parseOptions("dkim", OPTIONS, options);
  const caches = new WeakMap<Crypto, KeyCache>();
  return definePlugin({
    name: "dkim",
    needs: ["dns"],
    provides: [Dkim],
    digests: [
      { canonical: "relaxed", hash: "sha256" },
      { canonical: "simple", hash: "sha256" },
    ],
    async data(ctx) {
      const { crypto, original } = ctx;
      const fields = original.header.all("DKIM-Signature");
      const looked = fields.slice(0, rules.signaturesMax);
      const unchecked = fields.length - looked.length;
      if (looked.length === 0) return ctx.provide(Dkim, { signatures: [], unchecked });
      let keys = caches.get(crypto);
      if (!keys) {
        keys = new KeyCache(crypto);
        caches.set(crypto, keys);
      }
      const tools = { keys, crypto, rules };
      const signatures = await withBoundedDns(ctx, rules.dnsTime, (dns) => {
        const message = verifiedMessage(ctx, dns);
        return Promise.all(looked.map((field) => verifySignature(field, message, tools)));
      });
      ctx.provide(Dkim, { signatures, unchecked });
    },
  });
}

/** Values of `l=` that a message's signatures may have between them: each costs a pass over the body. */
const LENGTHS_MAX = 2;

type Context = Omit<ContextOf<never, typeof Dkim, never>["data"], "provide">;

function verifiedMessage({ original, clock, crypto }: Context, dns: Resolver): VerifiedMessage {
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

const choice = z.enum(["accept", "policy"], { error: "'accept' or 'policy'" });

const OPTIONS = objectOption({
  signaturesMax: countOption(1, 50).default(10),
  rsaBitsMin: countOption(1_024, 4_096).default(1_024),
  bodyLength: choice.default("policy"),
  testKeys: choice.default("accept"),
  dnsTime: dnsTimeOption(),
});
