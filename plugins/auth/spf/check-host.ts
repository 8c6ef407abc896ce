/**
 * The function check_host() of SPF (RFC 7208 4 to 7): whether a domain allows a client to send in its name. Bounded by
 * the limits of 4.6.4, which are counted as the RFC counts them: look-ups by terms, void ones by terms whose own query
 * found nothing. It decides nothing, and knows no cache: asking for a name twice is cheap where the resolver has one.
 */
import { addressOctets, type DnsAnswer, type DnsType, type Resolver } from "postern";
import { EXPLANATION_LETTERS, parseMacroString, usesLetter } from "./macro-string.ts";
import { isQueryName, type Sender, SpfMacros } from "./spf-macros.ts";
import {
  type DomainSpec,
  isSpfRecord,
  type Mechanism,
  parseSpfRecord,
  type SpfRecord,
  specUses,
} from "./spf-record.ts";

/** Terms that ask DNS, in one check (RFC 7208 4.6.4). */
export const LOOK_UPS_MAX = 10;
/** Hosts of one `mx`, beyond which it is a permerror; names of one `ptr`, beyond which they do not count. */
export const HOSTS_MAX = 10;
/** Characters of an explanation that are kept. */
const EXPLANATION_CHARACTERS_MAX = 500;

/** What `checkHost` is asked. */
export interface SpfQuestion extends Sender {
  /** The domain to begin with, in A-labels: that of the sender, or the HELO name (RFC 7208 2.3, 2.4). */
  readonly domain: string;
  readonly dns: Resolver;
  /** Void look-ups that are forgiven. */
  readonly voidLookUpsMax: number;
  /** Whether a `fail` asks for the domain's explanation. */
  readonly explain: boolean;
}

/** A result of SPF (RFC 7208 2.6). */
export type SpfResult = "pass" | "fail" | "softfail" | "neutral" | "none" | "temperror" | "permerror";

/** What came of it. */
export interface SpfAnswer {
  readonly result: SpfResult;
  /** For people, in ASCII, without controls. */
  readonly reason: string;
  /** The domain's own words in ASCII without controls; "" without any. A stranger's text. */
  readonly explanation: string;
}

/** Checks a client by a domain's records. Rejects only when a query of `dns` does. */
export async function checkHost(question: SpfQuestion): Promise<SpfAnswer> {
  const check = new Check(question);
  const { result, reason, record, domain } = await check.of(question.domain);
  const wanted = result === "fail" && question.explain && record?.explanation !== undefined;
  const explanation = wanted ? await check.explanation(record.explanation!, domain) : "";
  return { result, reason, explanation };
}

/** How the check of one domain ends. */
interface Ended {
  readonly result: SpfResult;
  readonly reason: string;
  /** Whose explanation counts: that of a redirect's target in place of the one that redirects (RFC 7208 6.2). */
  readonly record?: SpfRecord;
  readonly domain: string;
}

/** What ends the whole check. */
type Fault = Pick<Ended, "result" | "reason">;

const isFault = (given: object): given is Fault => "result" in given;

class Check {
  readonly #question: SpfQuestion;
  readonly #octets: readonly number[] | undefined;
  readonly #addressType: DnsType;
  readonly #macros: SpfMacros;
  #lookUps = 0;
  #void = 0;

  constructor(question: SpfQuestion) {
    this.#question = question;
    // An IPv4-mapped address reads as IPv4 (RFC 7208 5).
    this.#octets = addressOctets(question.ip);
    this.#addressType = this.#octets?.length === 16 ? "AAAA" : "A";
    this.#macros = new SpfMacros(question);
  }

  /** check_host() for one domain. The depth of includes and redirects is bounded by the look-ups. */
  async of(domain: string): Promise<Ended> {
    if (!this.#octets) return { result: "none", reason: "the client has no address", domain };
    const record = await this.#recordOf(domain);
    if (isFault(record)) return { ...record, domain };
    for (const directive of record.directives) {
      const matches = await this.#matches(directive.mechanism, domain);
      if (typeof matches === "object") return { ...matches, domain };
      if (!matches) continue;
      const reason = `${this.#question.ip} matches '${directive.text}' of ${shown(domain)}`;
      return { result: directive.result, reason, record, domain };
    }
    if (record.redirect !== undefined) return this.#redirect(record.redirect, domain);
    // RFC 7208 4.7
    return { result: "neutral", reason: `nothing in the record of ${shown(domain)} matches`, domain };
  }

  /** RFC 7208 4.4 to 4.6. */
  async #recordOf(domain: string): Promise<SpfRecord | Fault> {
    // RFC 7208 4.3
    if (!isQueryName(domain) || !domain.includes(".")) {
      return { result: "none", reason: `${shown(domain)} is no name of a domain` };
    }
    const answer = await this.#question.dns.resolve(domain, "TXT");
    const failed = faultOf(answer, domain, "TXT");
    if (failed) return failed;
    const records = answer.status === "found" ? answer.records.filter(isSpfRecord) : [];
    if (records.length === 0) return { result: "none", reason: `${shown(domain)} has no record` };
    // RFC 7208 4.5
    if (records.length > 1) return { result: "permerror", reason: `${shown(domain)} has several records` };
    const record = parseSpfRecord(records[0]!);
    if (!("fault" in record)) return record;
    return { result: "permerror", reason: `record of ${shown(domain)}: ${record.fault}` };
  }

  /** RFC 7208 6.1. */
  async #redirect(spec: DomainSpec, domain: string): Promise<Ended> {
    const over = this.#count();
    if (over) return { ...over, domain };
    const target = await this.#target(spec, domain);
    if (typeof target === "object") return { ...target, domain };
    if (target === undefined) {
      return { result: "permerror", reason: `the redirect of ${shown(domain)} leads to no name`, domain };
    }
    const ended = await this.of(target);
    // A target without a record is a mistake of the one that redirects.
    return ended.result === "none" ? { ...ended, result: "permerror" } : ended;
  }

  async #matches(mechanism: Mechanism, domain: string): Promise<boolean | Fault> {
    switch (mechanism.kind) {
      case "all":
        return true;
      case "ip":
        return this.#isIn(mechanism.octets, mechanism.bits);
    }
    const over = this.#count();
    if (over) return over;
    const { target: spec } = mechanism;
    const target = spec === undefined ? domain : await this.#target(spec, domain);
    if (typeof target === "object") return target;
    if (mechanism.kind === "include") return this.#include(target, domain, spec!);
    // RFC 7208 4.8, RFC 1035 2.3.4: what can be no name has no addresses.
    if (target === undefined) return false;
    switch (mechanism.kind) {
      case "ptr":
        return this.#ptr(target);
      case "exists": {
        // RFC 7208 5.7: A, whatever the client has.
        const answer = await this.#ask(target, "A");
        return isFault(answer) ? answer : answer.status === "found";
      }
      case "a":
        return this.#hasAddress(await this.#ask(target, this.#addressType), mechanism);
      case "mx":
        return this.#mx(target, mechanism);
    }
  }

  /** RFC 7208 5.2. */
  async #include(target: string | undefined, domain: string, spec: DomainSpec): Promise<boolean | Fault> {
    if (target === undefined) {
      // RFC 8616 4: a local part beyond ASCII matches nothing where it would be part of a name.
      if (this.#macros.isLocalPartLost && specUses(spec, "sl")) return false;
      return { result: "permerror", reason: `an include of ${shown(domain)} leads to no name` };
    }
    const { result, reason } = await this.of(target);
    switch (result) {
      case "pass":
        return true;
      case "fail":
      case "softfail":
      case "neutral":
        return false;
      case "temperror":
        return { result, reason };
      default:
        return { result: "permerror", reason };
    }
  }

  /** RFC 7208 5.4. */
  async #mx(target: string, prefixes: Prefixes): Promise<boolean | Fault> {
    const answer = await this.#ask(target, "MX");
    if (isFault(answer)) return answer;
    if (answer.status !== "found") return false;
    if (answer.records.length > HOSTS_MAX) {
      return { result: "permerror", reason: `${shown(target)} has more than ${HOSTS_MAX} MX records` };
    }
    for (const record of answer.records) {
      const host = withoutDot(record.slice(record.indexOf(" ") + 1));
      // RFC 7505: "." is a null MX.
      if (!isQueryName(host)) continue;
      const addresses = await this.#question.dns.resolve(host, this.#addressType);
      const found = this.#hasAddress(faultOf(addresses, host, this.#addressType) ?? addresses, prefixes);
      if (found !== false) return found;
    }
    return false;
  }

  /** RFC 7208 5.5. An error of DNS is no match here, as those records are the client's own. */
  async #ptr(target: string): Promise<boolean | Fault> {
    const answer = await this.#question.dns.resolve(this.#macros.reverseName(), "PTR");
    const names = answer.status === "found" ? answer.records : [];
    if (names.length === 0 && !isFailure(answer)) {
      const over = this.#countVoid();
      if (over) return over;
    }
    const suffix = target.toLowerCase();
    for (const name of names.slice(0, HOSTS_MAX)) {
      const host = withoutDot(name).toLowerCase();
      if (host !== suffix && !host.endsWith(`.${suffix}`)) continue;
      if (await this.#isName(host)) return true;
    }
    return false;
  }

  /** Whether a name's own addresses have the client's. */
  async #isName(host: string): Promise<boolean> {
    if (!isQueryName(host)) return false;
    const answer = await this.#question.dns.resolve(host, this.#addressType);
    return this.#hasAddress(answer, WHOLE) === true;
  }

  /** `%{p}`: a name of the client that its own addresses confirm, the domain's own first (RFC 7208 7.3). */
  async #clientName(domain: string): Promise<string> {
    const answer = await this.#question.dns.resolve(this.#macros.reverseName(), "PTR");
    const own = domain.toLowerCase();
    const rank = (host: string): number => (host === own ? 0 : host.endsWith(`.${own}`) ? 1 : 2);
    const names = answer.status === "found" ? answer.records.slice(0, HOSTS_MAX) : [];
    const hosts = names.map((name) => withoutDot(name).toLowerCase()).sort((a, b) => rank(a) - rank(b));
    for (const host of hosts) {
      if (await this.#isName(host)) return host;
    }
    return "unknown";
  }

  /** The name that a domain-spec stands for; undefined where it can be none. */
  async #target(spec: DomainSpec, domain: string): Promise<string | undefined | Fault> {
    if (typeof spec !== "string") {
      if (usesLetter(spec, "p")) {
        // RFC 7208 4.6.4: the query of a "%{p}" counts as a term's does.
        const over = this.#count();
        if (over) return over;
      }
      return this.#macros.name(spec, domain, await this.#nameFor(spec, domain));
    }
    const name = withoutDot(spec);
    return isQueryName(name) ? name : undefined;
  }

  #nameFor(spec: DomainSpec, domain: string): Promise<string> | string {
    return specUses(spec, "p") ? this.#clientName(domain) : "unknown";
  }

  /** The explanation that a domain gives (RFC 7208 6.2); "" with any fault. */
  async explanation(spec: DomainSpec, domain: string): Promise<string> {
    const macros = typeof spec === "string" ? [spec] : spec;
    const target = this.#macros.name(macros, domain, await this.#nameFor(spec, domain));
    if (target === undefined) return "";
    const answer = await this.#question.dns.resolve(target, "TXT");
    if (answer.status !== "found" || answer.records.length !== 1) return "";
    const text = parseMacroString(answer.records[0]!, EXPLANATION_LETTERS, true);
    if (!text || (this.#macros.isLocalPartLost && usesLetter(text, "sl"))) return "";
    const words = this.#macros.text(
      text,
      domain,
      await this.#nameFor(text, domain),
      EXPLANATION_CHARACTERS_MAX,
    );
    // What is expanded may be anything: a local part has quotes and controls, a HELO name whatever it likes.
    return words.replace(/[^ -~]+/g, "?").slice(0, EXPLANATION_CHARACTERS_MAX);
  }

  /** A term's own query, with faults and void answers counted. */
  async #ask(name: string, type: DnsType): Promise<DnsAnswer | Fault> {
    const answer = await this.#question.dns.resolve(name, type);
    return (
      faultOf(answer, name, type) ?? (answer.status === "found" ? undefined : this.#countVoid()) ?? answer
    );
  }

  #hasAddress(answer: DnsAnswer | Fault, { bits4, bits6 }: Prefixes): boolean | Fault {
    if (isFault(answer)) return answer;
    if (answer.status !== "found") return false;
    const bits = this.#addressType === "A" ? bits4 : bits6;
    return answer.records.some((address) => {
      const octets = addressOctets(address);
      return octets !== undefined && this.#isIn(octets, bits);
    });
  }

  #isIn(network: readonly number[], bits: number): boolean {
    const octets = this.#octets!;
    if (octets.length !== network.length) return false;
    for (let n = 0, left = bits; left > 0; n++, left -= 8) {
      const mask = left >= 8 ? 255 : (255 << (8 - left)) & 255;
      if ((octets[n]! & mask) !== (network[n]! & mask)) return false;
    }
    return true;
  }

  #count(): Fault | undefined {
    this.#lookUps += 1;
    if (this.#lookUps <= LOOK_UPS_MAX) return undefined;
    return { result: "permerror", reason: `more than ${LOOK_UPS_MAX} terms that ask DNS` };
  }

  #countVoid(): Fault | undefined {
    const { voidLookUpsMax } = this.#question;
    this.#void += 1;
    if (this.#void <= voidLookUpsMax) return undefined;
    return { result: "permerror", reason: `more than ${voidLookUpsMax} terms whose names have no records` };
  }
}

/** Lengths in bits by which addresses are compared. */
interface Prefixes {
  readonly bits4: number;
  readonly bits6: number;
}

const WHOLE: Prefixes = { bits4: 32, bits6: 128 };

const isFailure = ({ status }: DnsAnswer): boolean => status === "servfail" || status === "timeout";

/** RFC 7208 4.4, 5: an error of DNS, which is no answer, is a temperror. */
function faultOf(answer: DnsAnswer, name: string, type: DnsType): Fault | undefined {
  if (!isFailure(answer)) return undefined;
  return { result: "temperror", reason: `DNS: ${answer.status} for ${type} of ${shown(name)}` };
}

const withoutDot = (name: string): string => (name.endsWith(".") ? name.slice(0, -1) : name);

/** Names may be a stranger's macros. */
const shown = (name: string): string => name.replace(/[^!-~]+/g, "?").slice(0, 100);
