/** Reads a key and its certificate from PEM files into what a handshake needs, or says what is wrong with which file. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContext } from "node:tls";
import type { CertificateFiles } from "../config/mod.ts";

/** A certificate with its key, ready for handshakes. */
export interface ListenerCertificate {
  readonly files: CertificateFiles;
  readonly context: SecureContext;
  /** Names it is chosen by, in lower case: those of the config, else its own. */
  readonly names: readonly string[];
  /** Names of the config that clients which verify will not find in it. */
  readonly uncovered: readonly string[];
  /** Epoch milliseconds. */
  readonly validFrom: number;
  readonly validTo: number;
}

/** What is wrong with one of the two files. */
export interface CertificateFault {
  readonly file: "keyFile" | "certFile";
  readonly found: string;
  readonly expected: string;
  readonly todo?: string;
}

/** The two ways in which PEM says it (RFC 5958 and 1421). */
const ENCRYPTED_KEY = /^(?:-----BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED)/m;
const NAMES_MAX = 1000;

/** Reads both files, at once and in this turn: at the start, and when they have changed. */
export function readCertificate(files: CertificateFiles): ListenerCertificate | readonly CertificateFault[] {
  const faults: CertificateFault[] = [];
  const key = readPem(files, "keyFile", faults, "a private key without a passphrase", createPrivateKey);
  const cert = readPem(files, "certFile", faults, "a certificate", (pem) => new X509Certificate(pem));
  if (key === undefined || cert === undefined) return faults;
  if (!fits(cert.value, key.value)) {
    const found = `${JSON.stringify(files.certFile)}, whose first certificate is of another key than keyFile`;
    return [
      { file: "certFile", found, expected: "the certificate of that key first, then those of its issuers" },
    ];
  }
  const made = parsePem(files, "certFile", faults, "a key and certificate that TLS takes", cert.pem, () =>
    contextOf(key.pem, cert.pem),
  );
  if (made === undefined) return faults;
  return {
    files,
    context: made.value,
    names: files.names ?? namesOf(cert.value),
    uncovered: (files.names ?? []).filter((name) => !covers(cert.value, name)),
    validFrom: Date.parse(cert.value.validFrom),
    validTo: Date.parse(cert.value.validTo),
  };
}

function contextOf(key: Buffer, cert: Buffer): SecureContext {
  return createSecureContext({
    ...{ key, cert },
    // RFC 8996.
    minVersion: "TLSv1.2",
    honorCipherOrder: true,
    sessionIdContext: "postern",
  });
}

/** What a PEM file holds; undefined when that is a fault, which is added. */
function readPem<T>(
  files: CertificateFiles,
  file: CertificateFault["file"],
  faults: CertificateFault[],
  what: string,
  parse: (pem: Buffer) => T,
) {
  let pem: Buffer;
  try {
    pem = readFileSync(files[file]);
  } catch (error) {
    const unreadable = (error as NodeJS.ErrnoException).code === "EACCES";
    faults.push({
      file,
      found: `${JSON.stringify(files[file])}, which ${unreadable ? "this user can not read" : "is no file"}`,
      expected: `a PEM file with ${what}`,
      todo: unreadable ? "give this user the right to read it" : "correct the path",
    });
    return undefined;
  }
  return parsePem(files, file, faults, what, pem, parse);
}

function parsePem<T>(
  files: CertificateFiles,
  file: CertificateFault["file"],
  faults: CertificateFault[],
  what: string,
  pem: Buffer,
  parse: (pem: Buffer) => T,
) {
  const found = JSON.stringify(files[file]);
  try {
    return { pem, value: parse(pem) };
  } catch (error) {
    // "error:1E08010C:DECODER routines::unsupported": the last part is all that says something.
    const why = (error as Error).message.split("\n", 1)[0]?.split("::").at(-1);
    const closed = ENCRYPTED_KEY.test(pem.toString("latin1"));
    faults.push({
      file,
      found: closed ? `${found}, which needs a passphrase` : found,
      expected: closed ? `a PEM file with ${what}` : `a PEM file with ${what} (${why})`,
      todo: closed ? `take it off with openssl pkey -in ${files[file]}` : "correct the path or the file",
    });
    return undefined;
  }
}

function fits(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    return false;
  }
}

/** DNS names of the subject alternative name, else the common name (RFC 6125 6.4.4). */
function namesOf(certificate: X509Certificate): readonly string[] {
  const alternative = [...(certificate.subjectAltName ?? "").matchAll(/DNS:([^,"\s]+)/g)].map(
    ([, name = ""]) => name.toLowerCase(),
  );
  if (alternative.length > 0) return alternative.slice(0, NAMES_MAX);
  const [, common] = /^CN=(\S+)$/m.exec(certificate.subject) ?? [];
  return common === undefined ? [] : [common.toLowerCase()];
}

function covers(certificate: X509Certificate, name: string): boolean {
  const asked = name.startsWith("*.") ? `x${name.slice(1)}` : name;
  return certificate.checkHost(asked, { subject: "default" }) !== undefined;
}
