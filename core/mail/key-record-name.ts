/** Where the public half of a DKIM key stands in DNS. */

/** The name of its TXT record (RFC 6376 3.6.2.1). */
export const keyRecordName = ({
  domain,
  selector,
}: {
  readonly domain: string;
  readonly selector: string;
}): string => `${selector}._domainkey.${domain}`;
