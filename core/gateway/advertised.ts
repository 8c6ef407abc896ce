/**
 * What a listener may offer in EHLO: what its routes keep. A next hop with a queue keeps all, by carrying it or by the
 * RFC's own way out, a DSN (RFC 3461 5.2.2, RFC 6152 3, RFC 6531 3.2, RFC 8689 4.2.1); an inline one what its last EHLO
 * offered. Every next hop of the config counts, as a function may route to any. Pure: asking them is keep-advertised.ts.
 */
import type { AdvertiseOverride, NextHop } from "../config/mod.ts";
import type { NextHopExtensions } from "./next-hop-driver.ts";

/** Extensions that a listener offers only as far as its routes keep them. Read at each command. */
export interface Advertised {
  /** RFC 6152. Absent: offered. */
  readonly eightBitMime?: boolean;
  /** RFC 6531. */
  readonly smtputf8?: boolean;
  /** RFC 3461. */
  readonly dsn?: boolean;
  /** RFC 8689; offered under TLS only. */
  readonly requireTls?: boolean;
  /** Octets that the next hops take (RFC 1870); the listener's own limit holds too. Absent: that one alone. */
  readonly size?: number | undefined;
}

/** What is known of the routes' next hops. */
export interface KnownNextHops {
  /** All that routes can name. */
  readonly nextHops: { readonly [name: string]: NextHop };
  /** What the last EHLO of one offered; undefined: not known. */
  readonly offered: (nextHop: string) => NextHopExtensions | undefined;
  /** Without one nothing is queued, whatever the mode says. */
  readonly durableSpool: boolean;
}

const keepsAll: NextHopExtensions = { eightBitMime: true, smtputf8: true, dsn: true, requireTls: true };
const keepsNothing: NextHopExtensions = {
  eightBitMime: false,
  smtputf8: false,
  dsn: false,
  requireTls: false,
};

/**
 * What one listener offers. A next hop of which nothing is known keeps nothing but the size, which our own limit bounds.
 *
 * @param override what the config says of the listener: it wins, and what a next hop then does not take fails there
 */
export function advertisedOf(
  override: AdvertiseOverride | undefined,
  known: KnownNextHops,
): Required<Advertised> {
  const kept = Object.entries(known.nextHops).map(([name, hop]) => keptBy(name, hop, known));
  const every = (keyword: "eightBitMime" | "smtputf8" | "dsn" | "requireTls"): boolean =>
    kept.length > 0 && kept.every((one) => one[keyword]);
  // RFC 6531 3.1: who offers SMTPUTF8 offers 8BITMIME too.
  const smtputf8 =
    override?.smtputf8 ?? (override?.eightBitMime !== false && every("smtputf8") && every("eightBitMime"));
  return {
    eightBitMime: override?.eightBitMime ?? (smtputf8 || every("eightBitMime")),
    smtputf8,
    dsn: override?.dsn ?? every("dsn"),
    requireTls: override?.requireTls ?? every("requireTls"),
    size: override?.messageBytesMax ?? leastOf(kept.map(({ size }) => size)),
  };
}

function keptBy(name: string, hop: NextHop, { offered, durableSpool }: KnownNextHops): NextHopExtensions {
  const queued = hop.kind !== "mailbox" && hop.mode === "queue" && durableSpool;
  return queued ? keepsAll : (offered(name) ?? keepsNothing);
}

/** The least of those that are a bound. */
function leastOf(sizes: readonly (number | undefined)[]): number | undefined {
  const bounds = sizes.filter((size) => size !== undefined);
  return bounds.length === 0 ? undefined : Math.min(...bounds);
}

/** For people: "8BITMIME SMTPUTF8 DSN SIZE 1000000", "nothing". */
export function advertisedWords({ eightBitMime, smtputf8, dsn, requireTls, size }: Advertised): string {
  const words = [
    ...(eightBitMime === false ? [] : ["8BITMIME"]),
    ...(smtputf8 === true ? ["SMTPUTF8"] : []),
    ...(dsn === true ? ["DSN"] : []),
    ...(requireTls === true ? ["REQUIRETLS"] : []),
    ...(size === undefined ? [] : [`SIZE ${size}`]),
  ];
  return words.length === 0 ? "nothing" : words.join(" ");
}
