/**
 * Mail loops (RFC 5321 6.3): a message that came by here too often is refused on every route, before any plugin sees
 * it. It looks at Received fields only, which every honest server adds and none takes away.
 */
import type { HeaderView } from "../mail/mod.ts";

/**
 * Received fields that a message may bring. RFC 5321 6.3 says "normally at least 100"; half of that is Postfix's
 * default (hopcount_limit), so that servers beside ours break the loop there already, and honest mail has some ten.
 */
export const RECEIVED_FIELDS_MAX = 50;

/**
 * Received fields of this very gateway that a message may bring. Once or twice is honest: a list, a forward and back, a
 * content filter behind us that sends through us again. More is a loop that counts up to the other bound otherwise.
 */
export const OWN_RECEIVED_FIELDS_MAX = 5;

/** Why a message is in a loop, for the trace; undefined when it is not. */
export function loopOf(header: HeaderView, hostName: string): string | undefined {
  const received = header.all("received");
  if (received.length > RECEIVED_FIELDS_MAX) return `${received.length} Received fields`;
  if (received.length <= OWN_RECEIVED_FIELDS_MAX) return undefined;
  const by = `by ${hostName.toLowerCase()} (postern) `;
  // received-field.ts writes it after a fold; other servers may fold it anew, never change its words.
  const own = received.filter(({ value }) =>
    ` ${value.toLowerCase().replace(/\s+/g, " ")}`.includes(` ${by}`),
  );
  if (own.length > OWN_RECEIVED_FIELDS_MAX) return `${own.length} Received fields of ${hostName}`;
  return undefined;
}
