/** The PEM files of a listener. They are read by the host; nothing here touches them. */

/** A key and its certificate. */
export interface CertificateFiles {
  /** PEM, without a passphrase. */
  readonly keyFile: string;
  /** PEM: the certificate of that key first, then those of its issuers. */
  readonly certFile: string;
  /**
   * Host names for which clients get this certificate (SNI, RFC 6066 3): "mx.example.com", or "*.example.com" for all
   * names with one label more. Default: the names that the certificate is for.
   */
  readonly names?: readonly string[];
}

/** One pair, or several: then the first goes to clients that give no name, or an unknown one. */
export type CertificateChoice = CertificateFiles | readonly CertificateFiles[];

/** The pairs as a list; the first is the default one. Each with its place below `tls`: "", or "[1]". */
export function certificatesOf(
  tls: CertificateChoice | undefined,
): readonly { readonly at: string; readonly files: CertificateFiles }[] {
  if (tls === undefined) return [];
  if ("keyFile" in tls) return [{ at: "", files: tls }];
  return tls.map((files, index) => ({ at: `[${index}]`, files }));
}
