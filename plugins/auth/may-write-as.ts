/** Who may write as whom. */
import type { Identity } from "postern";
import { comparableDomain } from "../domain.ts";

/** Whether an address is among those of an identity. Local parts are compared without letter case. */
export function mayWriteAs(identity: Identity, localPart: string, domain: string): boolean {
  const local = localPart.toLowerCase();
  const ascii = comparableDomain(domain);
  for (const entry of identity.maySendAs ?? [identity.user]) {
    const at = entry.lastIndexOf("@");
    if (at < 0 || comparableDomain(entry.slice(at + 1)) !== ascii) continue;
    // Only `maySendAs` gives whole domains: a user's name is one address, whatever it looks like.
    if (at === 0 ? identity.maySendAs !== undefined : entry.slice(0, at).toLowerCase() === local) return true;
  }
  return false;
}
