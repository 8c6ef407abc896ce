/** Looks at the PEM files of the listeners, so that a wrong one is told by its own path before anything listens. */
import { ConfigFaults, certificatesOf, type GatewayConfig } from "../config/mod.ts";
import { isValid, type ListenerCertificate, placed, readCertificate } from "../smtp/mod.ts";

/** A certificate of a listener that can be used. */
export interface FoundCertificate {
  /** Of the listener in the config. */
  readonly listener: number;
  /** Its file, its names, its last day. */
  readonly shown: string;
  /** What makes clients turn away that verify it. */
  readonly warnings: readonly string[];
}

/** @throws ConfigFaults with all files that can not be used */
export function checkTlsFiles(config: GatewayConfig): readonly FoundCertificate[] {
  const found: FoundCertificate[] = [];
  const faults = config.listeners.flatMap(({ tls }, listener) =>
    certificatesOf(tls).flatMap(({ at, files }) => {
      const path = `listeners[${listener}].tls${at}`;
      const read = readCertificate(files);
      if (!("context" in read)) return read.map((fault) => placed(fault, path));
      found.push({ listener, shown: shownCertificate(read), warnings: warningsOf(read, path) });
      return [];
    }),
  );
  if (faults.length > 0) throw new ConfigFaults(faults);
  return found;
}

function shownCertificate({ files, names, validTo }: ListenerCertificate): string {
  const whose = names.length === 0 ? "no name" : names.join(", ");
  return `${files.certFile} for ${whose}, until ${dayOf(validTo)}`;
}

function warningsOf(certificate: ListenerCertificate, path: string): readonly string[] {
  const { files, uncovered, validFrom, validTo } = certificate;
  const warnings = uncovered.map((name) => `${path}.names: ${files.certFile} is not for ${name}`);
  if (isValid(certificate, Date.now())) return warnings;
  return [
    ...warnings,
    `${path}.certFile: ${files.certFile} is valid from ${dayOf(validFrom)} to ${dayOf(validTo)}`,
  ];
}

function dayOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}
