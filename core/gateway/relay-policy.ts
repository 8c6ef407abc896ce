/**
 * No open relay, enforced at every RCPT. A stranger, neither authenticated nor in a trusted network, may name only
 * recipients of the domains served here, and no address that asks somebody behind us to relay.
 */
import type { Address } from "../mail/mod.ts";

/** Why a stranger may not name this recipient, or undefined when it may. */
export function strangerRefusal(
  forwardPath: Address,
  domains: ReadonlySet<string>,
): "noRelay" | "routedLocalPart" | undefined {
  if (!domains.has(forwardPath.domainAscii)) return "noRelay";
  // user%elsewhere@here, elsewhere!user@here and "user@elsewhere"@here are routes in disguise: servers behind us
  // that honour them would relay for strangers who come by way of us.
  return /[%!@|/\\:]|^-/.test(forwardPath.localPart) ? "routedLocalPart" : undefined;
}

/**
 * Whether it has the form of a way back (SRS): an address of elsewhere that a server of ours wrote into a local part and
 * signed. The form is no proof. What it grants is that a plugin which declares `waysBack` is asked before the refusal.
 */
export function claimsWayBack({ localPart, domainAscii }: Address, domains: ReadonlySet<string>): boolean {
  return domains.has(domainAscii) && /^srs[01][-+=]/i.test(localPart);
}

/** Whether it is the postmaster that RFC 5321 4.5.1 demands to be taken. */
export function isPostmaster(forwardPath: Address, domains: ReadonlySet<string>): boolean {
  return (
    forwardPath.localPart.toLowerCase() === "postmaster" &&
    (forwardPath.domain === "" || domains.has(forwardPath.domainAscii))
  );
}

/**
 * Where the postmaster's mail goes: to the address the config names, or to itself; `<postmaster>`, which has no domain,
 * is that of the first domain served here, or of this host where none is. Other recipients stay as they are.
 */
export function postmasterAddress(
  given: Address,
  config: { readonly domains: readonly string[]; readonly hostName: string },
  domains: ReadonlySet<string>,
  target: Address | undefined,
): Address {
  if (!isPostmaster(given, domains)) return given;
  if (target) return target;
  if (given.domain !== "") return given;
  const domain = config.domains[0] ?? config.hostName;
  const { localPart } = given;
  return { text: `${localPart}@${domain}`, localPart, domain, domainAscii: domain.toLowerCase() };
}
