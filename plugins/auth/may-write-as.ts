/** Who may write as whom. */
import { domainToAscii, type Identity } from "postern";

/** Whether an address is among those of an identity. Local parts are compared without letter case. */
export function mayWriteAs(identity: Identity, localPart: string, domain: string): boolean {
  const local = localPart.toLowerCase();
  const ascii = comparable(domain);
  for (const entry of identity.maySendAs ?? [identity.user]) {
    const at = entry.lastIndexOf("@");
    if (at < 0 || comparable(entry.slice(at + 1)) !== ascii) continue;
    // Only `maySendAs` gives whole domains: a user's name is one address, whatever it looks like.
    if (at === 0 ? identity.maySendAs !== undefined : entry.slice(0, at).toLowerCase() === local) return true;
  }
  return false;
}

/** A domain as it is compared; what is none equals only itself. */
const comparable = (domain: string): string => domainToAscii(domain) ?? domain.toLowerCase();
