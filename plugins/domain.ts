/** Domains as they are compared: A-labels in lower case (RFC 5890 2.3.2.1). */

/** The comparable form of a domain; one that has none is given in lower case as it is, and equals no A-label form. */
export function comparableDomain(domain: string): string {
  const lower = domain.toLowerCase();
  if (/^[a-z0-9.-]*$/.test(lower) || !/^[\p{L}\p{M}\p{N}.\u3002-]+$/u.test(lower)) return lower;
  try {
    return new URL(`http://${lower}/`).hostname;
  } catch {
    return lower;
  }
}
