/** Looks at the PEM files of the listeners, so that a wrong one is told by its own path before anything listens. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { GatewayConfig } from "../config/mod.ts";
import { UserError } from "./user-error.ts";

/** @throws UserError for the first file that can not be used */
export function checkTlsFiles(config: GatewayConfig): void {
  for (const [index, { tls }] of config.listeners.entries()) {
    if (tls === undefined) continue;
    const path = `listeners[${index}].tls`;
    const keyPem = read(`${path}.keyFile`, tls.keyFile);
    const certPem = read(`${path}.certFile`, tls.certFile);
    const key = parse(`${path}.keyFile`, tls.keyFile, "a PEM file with a private key, unencrypted", () =>
      createPrivateKey(keyPem),
    );
    const certificate = parse(
      `${path}.certFile`,
      tls.certFile,
      "a PEM file with a certificate",
      () => new X509Certificate(certPem),
    );
    checkPair(`${path}.certFile`, tls.certFile, certificate, key);
    parse(path, tls.certFile, "a key and certificate that TLS takes", () =>
      createSecureContext({ key: keyPem, cert: certPem }),
    );
  }
}

function read(path: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "EACCES" ? "which this user can not read" : "which is no file";
    throw new UserError(`${path}: found ${JSON.stringify(file)}, ${why}, expected a PEM file`);
  }
}

function parse<T>(path: string, file: string, expected: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    const why = (error as Error).message.split("\n")[0];
    throw new UserError(`${path}: found ${JSON.stringify(file)}, expected ${expected} (${why})`);
  }
}

function checkPair(path: string, file: string, certificate: X509Certificate, key: KeyObject): void {
  if (certificate.checkPrivateKey(key)) return;
  throw new UserError(
    `${path}: found ${JSON.stringify(file)}, whose first certificate is not of the key in keyFile, expected the pair`,
  );
}
