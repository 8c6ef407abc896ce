/** Names of TXT records with keys (RFC 6376 3.6.2.1), before DNS is asked for them. */

/** RFC 1035 2.3.4 */
const NAME_OCTETS_MAX = 253;
// As for domains: "_" stands in selectors of many.
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Whether a name in lower case is one that DNS can be asked for. */
export const isKeyName = (name: string): boolean =>
  name.length <= NAME_OCTETS_MAX && name.split(".").every((label) => LABEL.test(label));
