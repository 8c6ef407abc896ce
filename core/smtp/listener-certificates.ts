/**
 * The certificates of a listener: which one a client gets by the name it asks for (SNI, RFC 6066 3), and new ones when the
 * files change. A session keeps the one it began with. Files that can not be used never replace what is there.
 *
 * The files are looked at by their times and not by fs.watch: tools that renew certificates swap symbolic links and
 * folders, of which a watch of the old file never hears.
 */
import { stat } from "node:fs/promises";
import type { SecureContext } from "node:tls";
import { type CertificateChoice, certificatesOf, formatFault } from "../config/mod.ts";
import type { Log } from "../pipeline/mod.ts";
import { type CertificateFault, type ListenerCertificate, readCertificate } from "./read-certificate.ts";

const POLL_MS = 30_000;

/** What the log lines name, and where they go. */
export interface CertificateOptions {
  readonly listener: string;
  readonly log: Log;
  /** How often the files are looked at, in milliseconds. Default 30 s. */
  readonly pollMs?: number | undefined;
}

/** One for each listener with `tls`. */
export class ListenerCertificates {
  readonly #choice: CertificateChoice;
  readonly #options: CertificateOptions;
  readonly #timer: NodeJS.Timeout;
  #certificates: readonly ListenerCertificate[];
  #byName: ReadonlyMap<string, SecureContext>;
  /** Marks of the files as they are in use, and as they were when they could last not be used. */
  #marks: string;
  #unfit: { readonly marks: string; readonly faults: string; told: boolean } | undefined;
  /** Certificates whose end the log knows of. */
  readonly #ended = new Set<ListenerCertificate>();

  /** @throws Error with all that is wrong with the files */
  static async open(choice: CertificateChoice, options: CertificateOptions): Promise<ListenerCertificates> {
    // Before they are read: what changes meanwhile is read again.
    const marks = await marksOf(choice);
    const read = readAll(choice);
    if ("faults" in read) throw new Error(read.faults);
    return new ListenerCertificates(choice, options, read.certificates, marks);
  }

  private constructor(
    choice: CertificateChoice,
    options: CertificateOptions,
    certificates: readonly ListenerCertificate[],
    marks: string,
  ) {
    this.#choice = choice;
    this.#options = options;
    this.#certificates = certificates;
    this.#byName = byName(certificates);
    this.#marks = marks;
    this.#tellLacks();
    this.#tellEnds();
    this.#timer = setInterval(() => void this.check(), options.pollMs ?? POLL_MS).unref();
  }

  /** That of the first pair. */
  get fallback(): SecureContext {
    return (this.#certificates[0] as ListenerCertificate).context;
  }

  /** For a name as the client sent it; the fallback where it is nobody's. */
  contextFor(serverName: string): SecureContext {
    const name = serverName.toLowerCase();
    const dot = name.indexOf(".");
    return (
      this.#byName.get(name) ??
      // RFC 6125 6.4.3: the star stands for the whole first label, and for no more.
      (dot > 0 ? this.#byName.get(`*${name.slice(dot)}`) : undefined) ??
      this.fallback
    );
  }

  /** Reads the files now, changed or not, and says in the log what came of it. Never rejects. */
  async reload(): Promise<void> {
    const marks = await marksOf(this.#choice);
    this.#read(marks);
    this.#tellUnfit();
  }

  /** Looks whether the files have changed, and reads them then; the timer calls it. Never rejects. */
  async check(): Promise<void> {
    this.#tellEnds();
    const marks = await marksOf(this.#choice);
    if (marks === this.#marks) this.#unfit = undefined;
    // The key and its certificate are never replaced in one moment: only what stays unfit is a fault.
    else if (marks === this.#unfit?.marks) this.#tellUnfit();
    else this.#read(marks);
  }

  /** Looks at the files no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  #read(marks: string): void {
    const read = readAll(this.#choice);
    if ("faults" in read) {
      this.#unfit = { marks, faults: read.faults, told: false };
      return;
    }
    this.#unfit = undefined;
    this.#marks = marks;
    this.#certificates = read.certificates;
    this.#byName = byName(read.certificates);
    this.#options.log.info("certificatesReloaded", {
      listener: this.#options.listener,
      certificates: read.certificates.map(shown),
    });
    this.#tellLacks();
    this.#tellEnds();
  }

  #tellUnfit(): void {
    if (this.#unfit === undefined || this.#unfit.told) return;
    this.#unfit.told = true;
    const { listener, log } = this.#options;
    log.error("certificatesKept", { listener, cause: this.#unfit.faults });
  }

  #tellLacks(): void {
    const { listener, log } = this.#options;
    for (const { files, uncovered } of this.#certificates) {
      if (uncovered.length === 0) continue;
      log.warn("certificateLacksNames", { listener, certFile: files.certFile, names: uncovered });
    }
  }

  /** Clients that verify turn away from such a one; those that do not still get their mail through. */
  #tellEnds(): void {
    for (const certificate of this.#certificates) {
      if (this.#ended.has(certificate) || isValid(certificate, Date.now())) continue;
      this.#ended.add(certificate);
      const { listener, log } = this.#options;
      log.warn("certificateNotValid", { listener, certificate: shown(certificate) });
    }
  }
}

/** Whether the time is within that of a certificate. */
export function isValid({ validFrom, validTo }: ListenerCertificate, epochMs: number): boolean {
  return validFrom <= epochMs && epochMs <= validTo;
}

function shown({ files, names, validFrom, validTo }: ListenerCertificate): string {
  const day = (epochMs: number): string => new Date(epochMs).toISOString().slice(0, 10);
  return `${files.certFile} for ${names.join(" ")} from ${day(validFrom)} to ${day(validTo)}`;
}

function readAll(
  choice: CertificateChoice,
): { readonly certificates: readonly ListenerCertificate[] } | { readonly faults: string } {
  const certificates: ListenerCertificate[] = [];
  const faults: string[] = [];
  for (const { at, files } of certificatesOf(choice)) {
    const read = readCertificate(files);
    if ("context" in read) certificates.push(read);
    else faults.push(...read.map((fault) => formatFault(placed(fault, `tls${at}`))));
  }
  return faults.length > 0 ? { faults: faults.join("; ") } : { certificates };
}

/** As a fault of the config. @param path of the pair */
export function placed({ file, ...fault }: CertificateFault, path: string) {
  return { path: `${path}.${file}`, ...fault };
}

/** Of two for one name the first goes out. */
function byName(certificates: readonly ListenerCertificate[]): ReadonlyMap<string, SecureContext> {
  const contexts = new Map<string, SecureContext>();
  for (const { names, context } of certificates)
    for (const name of names) if (!contexts.has(name)) contexts.set(name, context);
  return contexts;
}

/** Differs where a file is another one, was written, or is gone. */
async function marksOf(choice: CertificateChoice): Promise<string> {
  const files = certificatesOf(choice).flatMap(({ files: { keyFile, certFile } }) => [keyFile, certFile]);
  const marks = await Promise.all(
    files.map(async (file) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
        return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
      } catch {
        return "none";
      }
    }),
  );
  return marks.join(",");
}
