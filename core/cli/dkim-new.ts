/** `postern dkim new DOMAIN SELECTOR`: a key file, the record for DNS, and the lines for the config. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { domainToAscii, keyRecordName } from "../mail/mod.ts";
import { publicKeyText, recordText, zoneLines } from "./dkim-record.ts";
import { UserError } from "./user-error.ts";

const RSA_BITS_MIN = 1024;
const RSA_BITS_MAX = 4096;
const RSA_BITS_DEFAULT = 2048;

/** Makes the file, which must not be there yet, with mode 0600; gives the exit code. */
export async function dkimNew(args: readonly string[]): Promise<number> {
  const { domain, selector, algorithm, bits, file } = readArguments(args);
  const { privateKey, publicKey } = makeKeys(algorithm, bits);
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  try {
    // A key that signs today is never written over.
    writeFileSync(file, pem, { flag: "wx", mode: 0o600 });
    // The umask may have taken more, and an owner that can not read it again could not sign.
    chmodSync(file, 0o600);
  } catch (error) {
    throw new UserError(`postern dkim new: ${fileFault(error as NodeJS.ErrnoException, file)}`);
  }
  const name = keyRecordName({ domain, selector });
  const text = recordText(algorithm, publicKeyText(publicKey));
  process.stdout.write(
    [
      `; ${file} has the private key: keep it, and keep it secret. Publish this in the zone of ${domain}:`,
      ...zoneLines(name, text),
      "",
      "// Then sign with it in gateway.config.ts, last in the pipeline:",
      "sign({",
      `  keys: [{ domain: ${JSON.stringify(domain)}, selector: ${JSON.stringify(selector)}, key: { file: ${JSON.stringify(file)} } }],`,
      "}),",
      "// npx postern dkim check says when DNS has it.",
      "",
    ].join("\n"),
  );
  return 0;
}

function readArguments(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { type: { type: "string" }, bits: { type: "string" }, out: { type: "string" } },
  });
  const [domainText, selectorText, ...more] = positionals;
  if (domainText === undefined || selectorText === undefined || more.length > 0)
    throw new UserError(
      `postern dkim new: found ${positionals.length} arguments, expected a domain and a selector, as example.com s${new Date().getFullYear()}`,
    );
  const domain = domainToAscii(domainText);
  if (domain === undefined || domain.startsWith("["))
    throw new UserError(
      `postern dkim new: found the domain ${JSON.stringify(domainText)}, expected one such as example.com`,
    );
  const selector = selectorText.toLowerCase();
  if (!/^[\w.-]+$/.test(selector) || domainToAscii(keyRecordName({ domain, selector })) === undefined)
    throw new UserError(
      `postern dkim new: found the selector ${JSON.stringify(selectorText)}, expected letters, digits and hyphens, as s2026`,
    );
  const algorithm = values.type ?? "rsa";
  if (algorithm !== "rsa" && algorithm !== "ed25519")
    throw new UserError(
      `postern dkim new: --type: found ${JSON.stringify(algorithm)}, expected rsa or ed25519`,
    );
  return {
    ...({ domain, selector, algorithm } as const),
    bits: bitsOf(values.bits, algorithm),
    file: values.out ?? `${selector}.${domain}.pem`,
  };
}

function bitsOf(text: string | undefined, algorithm: "rsa" | "ed25519"): number {
  if (text === undefined) return RSA_BITS_DEFAULT;
  if (algorithm === "ed25519")
    throw new UserError(
      "postern dkim new: --bits: found with --type ed25519, expected with rsa; leave it out",
    );
  const bits = /^\d{4}$/.test(text) ? Number(text) : 0;
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
    throw new UserError(
      `postern dkim new: --bits: found ${JSON.stringify(text)}, expected ${RSA_BITS_MIN} to ${RSA_BITS_MAX}; ${RSA_BITS_DEFAULT} is good`,
    );
  return bits;
}

function makeKeys(
  algorithm: "rsa" | "ed25519",
  bits: number,
): { privateKey: KeyObject; publicKey: KeyObject } {
  return algorithm === "rsa"
    ? generateKeyPairSync("rsa", { modulusLength: bits })
    : generateKeyPairSync("ed25519");
}

function fileFault({ code, message }: NodeJS.ErrnoException, file: string): string {
  const found = `found ${JSON.stringify(file)}`;
  if (code === "EEXIST")
    return `${found}, which is there already, expected none; name another with --out, or take that one away`;
  if (code === "ENOENT")
    return `${found}, whose folder is not there, expected one; make it, or name another with --out`;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return `${found}, where this user may not write, expected a folder of its own; name another with --out`;
  return `${found}, which can not be written: ${message}`;
}
