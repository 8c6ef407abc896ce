/**
 * From a domain to the hosts that take its mail, in the order in which they are tried (RFC 5321 5.1): MX by preference,
 * the implicit MX, the null MX (RFC 7505), address literals (RFC 5321 4.1.3). Looks up and orders; connects to nothing,
 * keeps nothing (the resolver's cache does), and knows no TLS (RFC 7672 and 8461 have their place in who calls it).
 */
import { addressOctets, domainToAscii, makeReply, type Reply } from "../mail/mod.ts";
import type { DnsAnswer, DnsType, Random, Resolver } from "../pipeline/mod.ts";
import { isThisMachine } from "./public-address.ts";

/** What {@link mxCandidates} needs. */
export interface MxOptions {
  readonly dns: Resolver;
  /** Shuffles hosts of one preference (RFC 5321 5.1). */
  readonly random: Random;
  /** Names of this gateway, as A-labels in any case. */
  readonly ownNames: readonly string[];
  /** Whether an address is this gateway's own. Default: loopback and the unspecified address. */
  readonly isOwnAddress?: (ip: string) => boolean;
  /** Whether an address may be connected to; others are as if they were not there. Default: all may. */
  readonly mayReach?: (ip: string) => boolean;
  readonly signal?: AbortSignal;
}

/** One host to try. */
export interface MxHost {
  /** A-labels in lower case; an address literal with its brackets. */
  readonly name: string;
  /** 0 for the implicit MX and for literals. */
  readonly preference: number;
  /** In turn of both families, IPv6 first (RFC 8305 4); 1 to 8. */
  readonly addresses: readonly string[];
}

/** The hosts, 1 to 10 of them, and for how long they are right; or why there are none, as the recipient's reply. */
export type MxOutcome =
  | { readonly status: "found"; readonly hosts: readonly MxHost[]; readonly ttlSeconds: number }
  | { readonly status: "rejected" | "tempfailed"; readonly reply: Reply };

interface Exchange {
  readonly name: string;
  readonly preference: number;
}

interface Look {
  readonly addresses: readonly string[];
  readonly ttlSeconds: number;
  /** No answer came to a question whose answer would have counted. */
  readonly undecided: boolean;
}

/** Hosts of a domain that are looked up and tried; the ones behind them are for nothing but to keep us busy. */
const HOSTS_MAX = 10;
const ADDRESSES_MAX = 8;
/** Aliases in a row, where the resolver does not follow them itself. */
const ALIASES_MAX = 8;
/** A literal never gets old; a caller may keep its connections by it. */
const LITERAL_TTL_SECONDS = 86_400;

const REPLIES = {
  nullMx: makeReply(556, "1.10", "The domain takes no mail"),
  noDomain: makeReply(550, "1.2", "The domain does not exist"),
  noHost: makeReply(550, "4.4", "The domain has no host that takes mail"),
  notPublic: makeReply(550, "4.4", "The domain has no host with a public address"),
  loop: makeReply(554, "4.6", "Mail for the domain comes back here"),
  noAnswer: makeReply(451, "4.3", "The domain can not be looked up now"),
} as const satisfies { readonly [name: string]: Reply };

/**
 * The hosts for the mail of `domain`, or the answer to a recipient there. Look-ups run at once, in two rounds.
 *
 * @param domain a name, in A-labels or Unicode, or an address literal
 * @throws the signal's reason, and nothing else
 */
export async function mxCandidates(domain: string, options: MxOptions): Promise<MxOutcome> {
  const asked = domainToAscii(domain);
  if (asked === undefined) return { status: "rejected", reply: REPLIES.noDomain };
  if (asked.startsWith("[")) return literal(asked, options);
  const answer = await options.dns.resolve(asked, "MX", options.signal);
  switch (answer.status) {
    case "servfail":
    case "timeout":
      return { status: "tempfailed", reply: REPLIES.noAnswer };
    case "nxdomain":
      return { status: "rejected", reply: REPLIES.noDomain };
    case "nodata":
      // RFC 5321 5.1: the implicit MX.
      return withAddresses([{ name: asked, preference: 0 }], Number.POSITIVE_INFINITY, options);
    case "found":
      return exchanges(answer.records, answer.ttlSeconds, options);
  }
}

function literal(
  domain: string,
  { isOwnAddress = isThisMachine, mayReach = anywhere }: MxOptions,
): MxOutcome {
  const address = domain.slice(domain.startsWith("[IPv6:") ? 6 : 1, -1);
  if (isOwnAddress(address)) return { status: "rejected", reply: REPLIES.loop };
  if (!mayReach(address)) return { status: "rejected", reply: REPLIES.notPublic };
  const hosts = [{ name: domain, preference: 0, addresses: [address] }];
  return { status: "found", hosts, ttlSeconds: LITERAL_TTL_SECONDS };
}

async function exchanges(
  records: readonly string[],
  ttlSeconds: number,
  options: MxOptions,
): Promise<MxOutcome> {
  // RFC 7505 3: it stands alone. Beside others "." is a host name that is none.
  if (records.length === 1 && /^\d+ \.$/.test(records[0] ?? ""))
    return { status: "rejected", reply: REPLIES.nullMx };
  const ordered = inOrder(records.map(readExchange), options.random);
  // RFC 5321 5.1: with MX records the addresses of the domain itself do not count, even if none of them is of use.
  if (ordered.length === 0) return { status: "rejected", reply: REPLIES.noHost };
  return withAddresses(ordered, ttlSeconds, options);
}

/** "10 mx.example."; undefined where the exchange is no host name, such as an address. */
function readExchange(record: string): Exchange | undefined {
  const [, digits, host = ""] = /^(\d{1,5}) (\S{1,255})$/.exec(record) ?? [];
  const name = host.startsWith("[")
    ? undefined
    : domainToAscii(host.endsWith(".") ? host.slice(0, -1) : host);
  return name === undefined ? undefined : { name, preference: Number(digits) };
}

/** By preference, those of one preference in random order, each host once, with the best of its preferences. */
function inOrder(exchanges: readonly (Exchange | undefined)[], random: Random): readonly Exchange[] {
  const shuffled = exchanges.filter((exchange) => exchange !== undefined);
  for (let left = shuffled.length; left > 1; left -= 1) {
    const at = below(left, random);
    [shuffled[at], shuffled[left - 1]] = [shuffled[left - 1]!, shuffled[at]!];
  }
  // The sort is stable, so that equal ones stay as they were shuffled.
  const best = new Map<string, Exchange>();
  for (const one of shuffled.sort((a, b) => a.preference - b.preference))
    if (!best.has(one.name)) best.set(one.name, one);
  return [...best.values()];
}

/** A whole number from 0 to below `bound`; the 32 bits it is of make the fault of its evenness invisible. */
function below(bound: number, random: Random): number {
  const [a = 0, b = 0, c = 0, d = 0] = random.bytes(4);
  return Math.floor(((((a << 24) | (b << 16) | (c << 8) | d) >>> 0) / 2 ** 32) * bound);
}

async function withAddresses(
  ordered: readonly Exchange[],
  ttlSeconds: number,
  options: MxOptions,
): Promise<MxOutcome> {
  const ownNames = new Set(options.ownNames.map((name) => name.toLowerCase()));
  const { isOwnAddress = isThisMachine, mayReach = anywhere } = options;
  const named = betterThan(ordered, ({ name }) => ownNames.has(name));
  const tried = named.slice(0, HOSTS_MAX);
  const looks = await Promise.all(tried.map(({ name }) => addressesOf(name, options)));
  const looked = tried.map((exchange, at) => ({ ...exchange, look: looks[at]! }));
  const left = betterThan(looked, ({ look }) => look.addresses.some(isOwnAddress));
  if (left.length === 0) return { status: "rejected", reply: REPLIES.loop };
  const hosts = left
    .map(({ look, ...host }) => ({ ...host, look, addresses: look.addresses.filter(mayReach) }))
    .filter(({ addresses }) => addresses.length > 0);
  if (hosts.length === 0) {
    if (left.some(({ look }) => look.undecided)) return { status: "tempfailed", reply: REPLIES.noAnswer };
    const hidden = left.some(({ look }) => look.addresses.length > 0);
    return { status: "rejected", reply: hidden ? REPLIES.notPublic : REPLIES.noHost };
  }
  return {
    status: "found",
    hosts: hosts.map(({ name, preference, addresses }) => ({ name, preference, addresses })),
    ttlSeconds: Math.min(ttlSeconds, ...hosts.map(({ look }) => look.ttlSeconds)),
  };
}

/**
 * RFC 5321 5.1: where we are one of the hosts, only better ones than we are get the mail; to equal or lesser ones it
 * would go in circles.
 */
function betterThan<T extends Exchange>(ordered: readonly T[], isOwn: (one: T) => boolean): readonly T[] {
  const own = ordered.find(isOwn);
  return own === undefined ? ordered : ordered.filter(({ preference }) => preference < own.preference);
}

async function addressesOf(host: string, { dns, signal }: MxOptions): Promise<Look> {
  const ask = (name: string, type: DnsType): Promise<DnsAnswer> => dns.resolve(name, type, signal);
  let name = host;
  for (let aliases = 0; ; aliases += 1) {
    const answers = await Promise.all([ask(name, "AAAA"), ask(name, "A")]);
    const undecided = answers.some(({ status }) => status === "servfail" || status === "timeout");
    const [six, four] = answers.map((answer) => (answer.status === "found" ? answer : undefined));
    if (six !== undefined || four !== undefined) {
      const addresses = inTurn(six?.records.filter(isAddress) ?? [], four?.records.filter(isAddress) ?? []);
      const ttls = [six, four].map((answer) => answer?.ttlSeconds ?? Number.POSITIVE_INFINITY);
      return { addresses, ttlSeconds: Math.min(...ttls), undecided };
    }
    const none = { addresses: [], ttlSeconds: 0, undecided };
    if (undecided || aliases >= ALIASES_MAX) return none;
    if (answers.every(({ status }) => status === "nxdomain")) return none;
    // RFC 5321 5.1 forbids an alias here, and many have one (RFC 2181 10.3). Most resolvers have followed it by now.
    const alias = await ask(name, "CNAME");
    if (alias.status === "servfail" || alias.status === "timeout") return { ...none, undecided: true };
    const target = alias.status === "found" ? alias.records[0] : undefined;
    if (target === undefined) return none;
    name = target;
  }
}

const anywhere = (): boolean => true;

const isAddress = (text: string): boolean => addressOctets(text) !== undefined;

/** One of each in turn, as long as there are some, in the order in which they came (RFC 5321 5.1). */
function inTurn(six: readonly string[], four: readonly string[]): readonly string[] {
  const both: string[] = [];
  for (let at = 0; at < Math.max(six.length, four.length) && both.length < ADDRESSES_MAX; at += 1)
    both.push(...[six[at], four[at]].filter((address) => address !== undefined));
  return both.slice(0, ADDRESSES_MAX);
}
