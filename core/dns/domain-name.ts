/** The name that DNS is asked for (RFC 1035 2.3.4). It need be no host name: "_dmarc.example" is one. */
import { domainToAscii } from "../mail/mod.ts";

const LABEL_OCTETS_MAX = 63;
/** 255 octets on the wire are 253 in text, without the final dot. */
const NAME_OCTETS_MAX = 253;

/**
 * A name, with or without the final dot, as it can be asked for: in A-labels (RFC 5890), without the final dot.
 * Undefined for what no DNS can hold: the empty name, empty and long labels, spaces, U-labels that map to nothing or
 * to something else than was written.
 */
export function toDomainName(text: string): string | undefined {
  const relative = text.endsWith(".") ? text.slice(0, -1) : text;
  // Also the bound of what follows; U-labels are never longer than their A-labels.
  if (relative.length > NAME_OCTETS_MAX) return undefined;
  const name = /^[!-~]*$/.test(relative) ? relative : domainToAscii(relative);
  if (name === undefined || name.length > NAME_OCTETS_MAX) return undefined;
  const areLabels = name.split(".").every((label) => label.length > 0 && label.length <= LABEL_OCTETS_MAX);
  return areLabels ? name : undefined;
}
