/**
 * DKIM (RFC 6376, 8301, 8463): which domains answer for a message. The results are the fact `Dkim`. It decides nothing:
 * who signed says nothing of who may write in whose name, which is DMARC's to say. Neither ADSP, ATPS nor reports.
 */
import { type Duration, definePlugin, type Plugin, z } from "postern";
import { countOption, objectOption, parseOptions } from "../../options.ts";
import { Dkim } from "../auth-results.ts";
import { dnsTimeOption, withBoundedDns } from "../bounded-dns.ts";
import { keyCacheOf } from "./key-cache.ts";
import { DIGESTS, verifiedMessage } from "./verified-message.ts";
import { verifySignature } from "./verify-signature.ts";

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
  return definePlugin({
    name: "dkim",
    needs: ["dns"],
    provides: [Dkim],
    digests: DIGESTS,
    async data(ctx) {
      const { crypto, original } = ctx;
      const fields = original.header.all("DKIM-Signature");
      const looked = fields.slice(0, rules.signaturesMax);
      const unchecked = fields.length - looked.length;
      if (looked.length === 0) return ctx.provide(Dkim, { signatures: [], unchecked });
      const tools = { keys: keyCacheOf(crypto), crypto, rules };
      const signatures = await withBoundedDns(ctx, rules.dnsTime, (dns) => {
        const message = verifiedMessage(ctx, dns);
        return Promise.all(looked.map((field) => verifySignature(field, message, tools)));
      });
      ctx.provide(Dkim, { signatures, unchecked });
    },
  });
}

const choice = z.enum(["accept", "policy"], { error: "'accept' or 'policy'" });

const OPTIONS = objectOption({
  signaturesMax: countOption(1, 50).default(10),
  rsaBitsMin: countOption(1_024, 4_096).default(1_024),
  bodyLength: choice.default("policy"),
  testKeys: choice.default("accept"),
  dnsTime: dnsTimeOption(),
});
