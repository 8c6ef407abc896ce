/** DMARC Policy Records (RFC 9989 4.7 and 4.8). Reports are asked for by others: `rua` is looked at for 4.10.1 alone. */
import { keptByText } from "../kept-by-text.ts";

/** What a record asks for. */
export type DmarcPolicy = "none" | "quarantine" | "reject";

/** A record that was read; what is wrong in it has its default. */
export interface DmarcRecord {
  /** Undefined where there is none, or none that is valid. */
  readonly p: DmarcPolicy | undefined;
  readonly sp: DmarcPolicy | undefined;
  readonly np: DmarcPolicy | undefined;
  /** Its `sp` or `np` is there and not valid. */
  readonly broken: boolean;
  /** It has an address that can get aggregate reports. */
  readonly reports: boolean;
  readonly strictDkim: boolean;
  readonly strictSpf: boolean;
  readonly testing: boolean;
  readonly psd: "y" | "n" | "u";
}

/** Characters of a record; a DNS message holds no more. */
const RECORD_CHARACTERS_MAX = 65_535;

/** RFC 9989 4.7 and 4.8: "v" comes first, in any letter case, and its value has its own. */
const VERSION = /^[ \t]*[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)/;
/** RFC 3986 2 and 3.1; commas and "!" are encoded (RFC 9989 4.8), but for the size that nobody heeds any more. */
const REPORT_URI = /^[a-z][a-z0-9+.-]*:[\w.~:/?#[\]@$&'()*+;=%-]*(?:!\d+[kmgt]?)?$/i;

/** Whether a text of DNS is a DMARC record, whatever is wrong with the rest of it. */
export const isDmarcRecord = (text: string): boolean => VERSION.test(text);

/** Reads a text of DNS; undefined when it is no DMARC record, or no list of tags (RFC 6376 3.2). */
export const parseDmarcRecord = keptByText((text): DmarcRecord | undefined => {
  if (text.length > RECORD_CHARACTERS_MAX || !isDmarcRecord(text)) return undefined;
  const tags = new Map<string, string>();
  for (const part of text.split(";")) {
    const equals = part.indexOf("=");
    // RFC 9989 4.8: what is no tag is left out.
    if (equals < 0) continue;
    const name = part.slice(0, equals).trim().toLowerCase();
    // RFC 6376 3.2: with a tag twice none of the list counts, as nobody can tell which is meant.
    if (tags.has(name)) return undefined;
    tags.set(name, part.slice(equals + 1).trim());
  }
  const [p, sp, np] = ["p", "sp", "np"].map((name) => policyOf(tags.get(name)));
  const isOne = (name: string, value: string): boolean => tags.get(name)?.toLowerCase() === value;
  return {
    p,
    sp,
    np,
    broken: (tags.has("sp") && sp === undefined) || (tags.has("np") && np === undefined),
    reports: (tags.get("rua") ?? "").split(",").some((uri) => REPORT_URI.test(uri.trim())),
    strictDkim: isOne("adkim", "s"),
    strictSpf: isOne("aspf", "s"),
    testing: isOne("t", "y"),
    psd: isOne("psd", "y") ? "y" : isOne("psd", "n") ? "n" : "u",
  };
});

function policyOf(value: string | undefined): DmarcPolicy | undefined {
  const policy = value?.toLowerCase();
  return policy === "none" || policy === "quarantine" || policy === "reject" ? policy : undefined;
}
