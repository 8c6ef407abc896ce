/**
 * ARC (RFC 8617): whether the chain of those holds who had a message before and say so. The result is the fact `Arc`. It
 * decides nothing: a chain that does not hold is worth as much as none (5.2), and one that does is worth what its sealers
 * are, which `dmarc` is told by option. It adds no sets.
 */
import { type Duration, definePlugin, type Plugin } from "postern";
import { countOption, objectOption, parseOptions } from "../../options.ts";
import { Arc } from "../auth-results.ts";
import { dnsTimeOption, withBoundedDns } from "../bounded-dns.ts";
import { keyCacheOf } from "../dkim/key-cache.ts";
import { DIGESTS, verifiedMessage } from "../dkim/verified-message.ts";
import { readChain } from "./chain.ts";
import { validateChain } from "./validate-chain.ts";

/** Options of `arc`. */
export interface ArcOptions {
  /** Bits of an RSA key below which what it signed does not hold, 1,024 to 4,096. Default 1,024 (RFC 8301 3.2). */
  readonly rsaBitsMin?: number;
  /** How long DNS is asked in all; then it is a `temperror`. Default "3s". */
  readonly dnsTime?: Duration;
}

/**
 * Validates the chain of the message as it came in and provides the fact `Arc`.
 *
 * @throws TypeError when an option is wrong
 */
export function arc(options: ArcOptions = {}): Plugin<"arc", never, false> {
  const { rsaBitsMin, dnsTime } = parseOptions("arc", OPTIONS, options);
  // What `l=` leaves unsigned is of nobody in the chain; RFC 6376 8.2.
  const rules = { rsaBitsMin, testKeys: "accept", bodyLength: "policy" } as const;
  return definePlugin({
    name: "arc",
    needs: ["dns"],
    provides: [Arc],
    digests: DIGESTS,
    async data(ctx) {
      const { crypto, original } = ctx;
      const chain = readChain(original.header);
      if (!chain) return ctx.provide(Arc, { ...Arc.fallback, reason: "there is no chain" });
      const tools = { keys: keyCacheOf(crypto), crypto, rules };
      const result = await withBoundedDns(ctx, dnsTime, (dns) =>
        validateChain(chain, verifiedMessage(ctx, dns), tools),
      );
      ctx.provide(Arc, result);
    },
  });
}

const OPTIONS = objectOption({
  rsaBitsMin: countOption(1_024, 4_096).default(1_024),
  dnsTime: dnsTimeOption(),
});
