/**
 * The DNS Tree Walk (RFC 9989 4.10): which records are above a domain, and which domain is the organizational one. No
 * list of public suffixes has a say. Each name is asked for once in a message.
 */
import type { Resolver } from "postern";
import { type DmarcRecord, isDmarcRecord, parseDmarcRecord } from "./dmarc-record.ts";

/** Labels of the second name that a walk asks for, which makes eight queries at most. */
const WALK_LABELS_MAX = 7;
const NAME_OCTETS_MAX = 253;

/** A record, and whose it is. */
export interface Published {
  readonly domain: string;
  readonly record: DmarcRecord;
}

/** What a walk found, the longest name first. */
export interface Walk {
  readonly from: string;
  readonly found: readonly Published[];
  /** Why it did not come to its end; what it found before that holds all the same. */
  readonly fault: string | undefined;
}

/** A query that failed. */
export interface DnsFault {
  readonly fault: string;
}

/** The walks of one message. */
export class TreeWalks {
  readonly #dns: Resolver;
  readonly #known = new Map<string, Promise<DmarcRecord | undefined | DnsFault>>();

  constructor(dns: Resolver) {
    this.#dns = dns;
  }

  /** The one record of a domain itself. */
  recordOf(domain: string): Promise<DmarcRecord | undefined | DnsFault> {
    let record = this.#known.get(domain);
    if (record === undefined) {
      record = this.#ask(domain);
      this.#known.set(domain, record);
    }
    return record;
  }

  /** Walks up from a domain, in A-labels, until a `psd` tag ends it. */
  async from(domain: string): Promise<Walk> {
    const found: Published[] = [];
    const labels = domain.split(".");
    for (let left = labels.length; left > 0; left = left > WALK_LABELS_MAX ? WALK_LABELS_MAX : left - 1) {
      const name = labels.slice(-left).join(".");
      const record = await this.recordOf(name);
      if (record === undefined) continue;
      if ("fault" in record) return { from: domain, found, fault: record.fault };
      found.push({ domain: name, record });
      if (record.psd !== "u") break;
    }
    return { from: domain, found, fault: undefined };
  }

  async #ask(domain: string): Promise<DmarcRecord | undefined | DnsFault> {
    const name = `_dmarc.${domain}`;
    // RFC 1035 2.3.4: there can be no such name.
    if (name.length > NAME_OCTETS_MAX) return undefined;
    const answer = await this.#dns.resolve(name, "TXT");
    switch (answer.status) {
      case "found": {
        const records = answer.records.filter(isDmarcRecord);
        // RFC 9989 4.10: several are as good as none, also where some can not be read.
        return records.length === 1 ? parseDmarcRecord(records[0]!) : undefined;
      }
      case "nxdomain":
      case "nodata":
        return undefined;
      case "servfail":
      case "timeout":
        return { fault: `DNS: ${answer.status} for TXT of ${name.slice(0, 200)}` };
    }
  }
}

/** The organizational domain of the one that a whole walk began at (RFC 9989 4.10.2). */
export function organizationalDomain({ from, found }: Walk): string {
  for (const { domain, record } of found) {
    if (record.psd === "n") return domain;
    // One label below; where the walk began with it, it is its own.
    if (record.psd === "y" && domain !== from) {
      return from
        .split(".")
        .slice(-(domain.split(".").length + 1))
        .join(".");
    }
  }
  return found.at(-1)?.domain ?? from;
}

/** The record above a domain that has none of its own: of the organizational domain, else of the public suffix. */
export function inheritedRecord(walk: Walk): Published | undefined {
  const organization = organizationalDomain(walk);
  const own = walk.found.find(({ domain }) => domain === organization);
  const last = walk.found.at(-1);
  return own ?? (last?.record.psd === "y" ? last : undefined);
}
