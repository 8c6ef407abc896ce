/**
 * The Author Domain (RFC 9989 5.3.1): the one domain of the one From field. What does not parse counts as no domain, as
 * nobody can tell what a reader is shown.
 */
import { domainToAscii, type HeaderView } from "postern";
import { isDisguised } from "../look-alike.ts";

/** The domain in A-labels, or why there is not one. */
export type AuthorDomain = { readonly domain: string } | { readonly fault: string };

/** Reads it from the header section of a message. */
export function authorDomain(header: HeaderView): AuthorDomain {
  const fields = header.all("From").length;
  if (fields === 0) return { fault: "no From field" };
  // RFC 5322 3.6, RFC 9989 11.5: a signature may hold for one, and a reader see the other.
  if (fields > 1) return { fault: `${fields} From fields` };
  if (isDisguised(header, "from")) return { fault: "a line that some readers take for a From field" };
  const { mailboxes, malformed } = header.addresses("From");
  if (malformed || mailboxes.length === 0) return { fault: "the From field can not be read" };
  let domain: string | undefined;
  for (const mailbox of mailboxes) {
    const ascii = domainToAscii(mailbox.domain);
    if (ascii === undefined) return { fault: "a domain of the From field can not be read" };
    if (domain !== undefined && ascii !== domain) return { fault: "the From field has several domains" };
    domain = ascii;
  }
  return { domain: domain! };
}
