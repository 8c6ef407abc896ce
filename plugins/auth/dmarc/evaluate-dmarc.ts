/**
 * The result of DMARC (RFC 9989 4.10 and 5.3) for one Author Domain and the identifiers that SPF and DKIM found. It asks
 * DNS for no more than the answer needs: one query, where a domain with a record of its own has signed.
 */
import type { Resolver } from "postern";
import type { DmarcPolicy, DmarcRecord } from "./dmarc-record.ts";
import { type DnsFault, inheritedRecord, organizationalDomain, TreeWalks, type Walk } from "./tree-walk.ts";

/** A domain that SPF or DKIM is about, in A-labels. */
export interface Identifier {
  readonly method: "spf" | "dkim";
  readonly domain: string;
  /** Whether it passed; a temperror may yet, and keeps a fail from being told (RFC 9989 5.3.6). */
  readonly result: "pass" | "temperror";
}

/** What came of it. */
export interface DmarcResult {
  readonly result: "pass" | "fail" | "none" | "temperror";
  readonly reason: string;
  readonly policyDomain: string;
  readonly policy: DmarcPolicy;
  readonly testing: boolean;
  readonly spfAligned: boolean;
  readonly dkimAligned: boolean;
}

/** Domains that walks are made for in one message, beside the author's; alignment of more is not known. */
export const WALKS_MAX = 20;

/** Evaluates DMARC. Rejects only when a query of `dns` does. */
export function evaluateDmarc(
  author: string,
  identifiers: readonly Identifier[],
  dns: Resolver,
): Promise<DmarcResult> {
  return new Evaluation(author, identifiers, dns).result();
}

/** The record that counts for the message, and the policy in it. */
interface Applied {
  readonly domain: string;
  readonly record: DmarcRecord;
  readonly policy: DmarcPolicy;
  /** Why `policy` is only the weaker of two. */
  readonly fault: string | undefined;
}

type Aligned = boolean | DnsFault;

class Evaluation {
  readonly #author: string;
  readonly #identifiers: readonly Identifier[];
  readonly #dns: Resolver;
  readonly #walks: TreeWalks;
  readonly #aligned = new Map<string, Promise<Aligned>>();
  #authorWalk: Promise<Walk> | undefined;
  #walksMade = 0;

  constructor(author: string, identifiers: readonly Identifier[], dns: Resolver) {
    this.#author = author;
    this.#identifiers = identifiers;
    this.#dns = dns;
    this.#walks = new TreeWalks(dns);
  }

  async result(): Promise<DmarcResult> {
    const applied = await this.#policy();
    if (applied === undefined) return none(`no policy for ${shown(this.#author)}`);
    if (!("record" in applied)) return { ...none(applied.fault), result: "temperror" };
    const { domain, record, policy, fault: policyFault } = applied;
    const spf = await this.#anyAligned("spf", record.strictSpf);
    const dkim = await this.#anyAligned("dkim", record.strictDkim);
    const told = {
      policyDomain: domain,
      policy,
      testing: record.testing,
      spfAligned: spf === true,
      dkimAligned: dkim === true,
    };
    if (spf === true || dkim === true) {
      const by = [spf === true ? "SPF" : "", dkim === true ? "DKIM" : ""].filter(Boolean).join(" and ");
      return { ...told, result: "pass", reason: `${by} of a domain that goes with ${shown(this.#author)}` };
    }
    const fault = faultOf(spf) ?? faultOf(dkim) ?? policyFault;
    if (fault !== undefined) return { ...told, result: "temperror", reason: fault };
    const reason = `neither SPF nor DKIM of a domain that goes with ${shown(this.#author)}`;
    return { ...told, result: "fail", reason };
  }

  /** RFC 9989 4.10.1; undefined: DMARC does not apply. */
  async #policy(): Promise<Applied | undefined | DnsFault> {
    const author = this.#author;
    const own = await this.#walks.recordOf(author);
    if (own !== undefined) return "fault" in own ? own : appliedAs(author, own, own.p);
    const walk = await this.#walk();
    // What the walk did not get to may say another thing than what it did.
    if (walk.fault !== undefined) return { fault: walk.fault };
    const published = inheritedRecord(walk);
    if (published === undefined) return undefined;
    const { domain, record } = published;
    const { p, sp = p, np = sp } = record;
    if (p === undefined || record.broken || np === sp) return appliedAs(domain, record, sp);
    const exists = await this.#exists();
    if (typeof exists === "boolean") return appliedAs(domain, record, exists ? sp : np);
    // One of the two: until it matters, the weaker.
    return appliedAs(domain, record, weaker(sp!, np!), exists.fault);
  }

  /** RFC 9989 A.4: a name exists unless DNS says NXDOMAIN. */
  async #exists(): Promise<boolean | DnsFault> {
    // A CNAME that leads nowhere answers A with NXDOMAIN too (RFC 6604 3), and exists.
    for (const type of ["A", "CNAME"] as const) {
      const { status } = await this.#dns.resolve(this.#author, type);
      if (status === "servfail" || status === "timeout")
        return { fault: `DNS: ${status} for ${type} of ${shown(this.#author)}` };
      if (status === "found" || (status === "nodata" && type === "A")) return true;
    }
    return false;
  }

  /** Whether one passed and is aligned; a fault where one might be. */
  async #anyAligned(method: Identifier["method"], strict: boolean): Promise<Aligned> {
    const own = this.#identifiers.filter((identifier) => identifier.method === method);
    const isAuthor = ({ domain }: Identifier) => domain === this.#author;
    // No walk where none is needed (RFC 9989 4.10.2).
    if (own.some((identifier) => identifier.result === "pass" && isAuthor(identifier))) return true;
    let fault: DnsFault | undefined;
    for (const identifier of own) {
      const aligned = isAuthor(identifier) || (!strict && (await this.#isRelated(identifier.domain)));
      if (aligned === false) continue;
      if (aligned === true && identifier.result === "pass") return true;
      fault ??= typeof aligned === "object" ? aligned : { fault: temporary(identifier) };
    }
    return fault ?? false;
  }

  /** Relaxed alignment: the same organizational domain. */
  #isRelated(domain: string): Promise<Aligned> {
    let related = this.#aligned.get(domain);
    if (related === undefined) {
      related = this.#compare(domain);
      this.#aligned.set(domain, related);
    }
    return related;
  }

  async #compare(domain: string): Promise<Aligned> {
    // An organizational domain is the domain itself or above it: without a common end there is none in common.
    if (lastLabel(domain) !== lastLabel(this.#author)) return false;
    const walk = await this.#walk();
    if (walk.fault !== undefined) return { fault: walk.fault };
    const organization = organizationalDomain(walk);
    if (domain !== organization && !domain.endsWith(`.${organization}`)) return false;
    if (this.#walksMade === WALKS_MAX) return { fault: `more than ${WALKS_MAX} domains to compare` };
    this.#walksMade += 1;
    const other = await this.#walks.from(domain);
    if (other.fault !== undefined) return { fault: other.fault };
    return organizationalDomain(other) === organization;
  }

  #walk(): Promise<Walk> {
    this.#authorWalk ??= this.#walks.from(this.#author);
    return this.#authorWalk;
  }
}

/** RFC 9989 4.10.1: a record without a valid policy asks for nothing, and for reports alone where it names an address. */
function appliedAs(
  domain: string,
  record: DmarcRecord,
  policy: DmarcPolicy | undefined,
  fault?: string,
): Applied | undefined {
  if (record.p !== undefined && policy !== undefined && !record.broken)
    return { domain, record, policy, fault };
  return record.reports ? { domain, record, policy: "none", fault: undefined } : undefined;
}

const none = (reason: string): DmarcResult => ({
  result: "none",
  reason,
  policyDomain: "",
  policy: "none",
  testing: false,
  spfAligned: false,
  dkimAligned: false,
});

const faultOf = (aligned: Aligned): string | undefined =>
  typeof aligned === "object" ? aligned.fault : undefined;

const temporary = ({ method, domain }: Identifier): string =>
  `${method.toUpperCase()} of ${shown(domain)} has a temporary error`;

const STRENGTH: readonly DmarcPolicy[] = ["none", "quarantine", "reject"];
const weaker = (a: DmarcPolicy, b: DmarcPolicy): DmarcPolicy =>
  STRENGTH.indexOf(a) < STRENGTH.indexOf(b) ? a : b;

const lastLabel = (domain: string): string => domain.slice(domain.lastIndexOf(".") + 1);

/** Names are in A-labels, and may be long. */
const shown = (name: string): string => name.slice(0, 100);
