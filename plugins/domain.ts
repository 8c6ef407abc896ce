/** Domains as they are compared: A-labels in lower case (RFC 5890 2.3.2.1). */
import { domainToAscii } from "postern";

/** The comparable form of a domain; one that has none is given in lower case as it is, and equals no A-label form. */
export const comparableDomain = (domain: string): string => domainToAscii(domain) ?? domain.toLowerCase();
