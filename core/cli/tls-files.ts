/** Looks at the PEM files of the listeners, so that a wrong one is told by its own path before anything listens. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { type ConfigFault, ConfigFaults, type GatewayConfig } from "../config/mod.ts";

/** @throws ConfigFaults with all files that can not be used */
export function checkTlsFiles(config: GatewayConfig): void {
  const faults = config.listeners.flatMap(({ tls }, index) =>
    tls === undefined ? [] : checkPair(`listeners[${index}].tls`, tls),
  );
  if (faults.length > 0) throw new ConfigFaults(faults);
}

function checkPair(path: string, tls: { readonly keyFile: string; readonly certFile: string }) {
  const faults: ConfigFault[] = [];
  const keyPlace = { path: `${path}.keyFile`, file: tls.keyFile };
  const certPlace = { path: `${path}.certFile`, file: tls.certFile };
  const key = readPem(keyPlace, faults, "a private key without a passphrase", createPrivateKey);
  const cert = readPem(certPlace, faults, "a certificate", (pem) => new X509Certificate(pem));
  if (key === undefined || cert === undefined) return faults;
  if (!fits(cert.value, key.value)) {
    faults.push({
      path: certPlace.path,
      found: `${JSON.stringify(tls.certFile)}, whose first certificate is of another key than keyFile`,
      expected: "the certificate of that key first, then those of its issuers",
    });
    return faults;
  }
  readPem(certPlace, faults, "a key and certificate that TLS takes", () =>
    createSecureContext({ key: key.pem, cert: cert.pem }),
  );
  return faults;
}

/** The two ways in which PEM says it (RFC 5958 and 1421). */
const ENCRYPTED_KEY = /^(?:-----BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED)/m;

interface Place {
  readonly path: string;
  readonly file: string;
}

/** What a PEM file holds; undefined when that is a fault, which is added. */
function readPem<T>({ path, file }: Place, faults: ConfigFault[], what: string, parse: (pem: Buffer) => T) {
  const found = JSON.stringify(file);
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch (error) {
    const unreadable = (error as NodeJS.ErrnoException).code === "EACCES";
    faults.push({
      path,
      found: `${found}, which ${unreadable ? "this user can not read" : "is no file"}`,
      expected: `a PEM file with ${what}`,
      todo: unreadable ? "give this user the right to read it" : "correct the path",
    });
    return undefined;
  }
  try {
    return { pem, value: parse(pem) };
  } catch (error) {
    // "error:1E08010C:DECODER routines::unsupported": the last part is all that says something.
    const why = (error as Error).message.split("\n", 1)[0]?.split("::").at(-1);
    const closed = ENCRYPTED_KEY.test(pem.toString("latin1"));
    faults.push({
      path,
      found: closed ? `${found}, which needs a passphrase` : found,
      expected: closed ? `a PEM file with ${what}` : `a PEM file with ${what} (${why})`,
      todo: closed ? `take it off with openssl pkey -in ${file}` : "correct the path or the file",
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
