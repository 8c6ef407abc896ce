/** `postern hash`: makes what smtpAuth keeps of a password, a scrypt hash and, when asked for, the keys of SCRAM. */
import { Buffer } from "node:buffer";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { formatScramKeys, scramKeysOf } from "../mail/mod.ts";
import { nodeCrypto, systemRandom } from "../store/mod.ts";
import { UserError } from "./user-error.ts";

/** OWASP's set with N = 2^15: as costly as N = 2^17, p = 1, with a quarter (32 MB) of the memory for each log-in. */
const SCRYPT = { n: 2 ** 15, r: 8, p: 3, keyBytes: 32 } as const;
const PASSWORD_OCTETS_MAX = 1024;

/** RFC 7677 4 asks for 4096, and Cyrus SASL as a client takes 65,536 at most. */
const SCRAM_ITERATIONS = 60_000;

/** Reads a password and prints a line for `hash` and, with `--scram`, a second one for `scram` of a user. */
export async function hash(args: readonly string[]): Promise<number> {
  const wantsScram = args[0] === "--scram";
  // Arguments are seen by everybody who can list processes.
  if (args.length > (wantsScram ? 1 : 0))
    throw new UserError(
      "postern hash: found arguments, expected none but --scram; type the password when asked, or pipe it in",
    );
  const password = Buffer.from(await readPassword(), "utf8");
  if (password.length === 0)
    throw new UserError(
      "postern hash: found an empty password, expected one; type it when asked, or pipe it in",
    );
  if (password.length > PASSWORD_OCTETS_MAX) {
    throw new UserError(
      `postern hash: found a password of ${password.length} octets, expected at most ${PASSWORD_OCTETS_MAX}; take a shorter one`,
    );
  }
  process.stdout.write(`${await hashPassword(password)}\n`);
  if (wantsScram) {
    const cost = { salt: systemRandom.bytes(16), iterations: SCRAM_ITERATIONS };
    process.stdout.write(`${formatScramKeys(await scramKeysOf(password.toString("utf8"), cost))}\n`);
  }
  return 0;
}

/** The hash of a password with a new salt. */
export async function hashPassword(password: Uint8Array): Promise<string> {
  const salt = systemRandom.bytes(16);
  const key = await nodeCrypto.scrypt(password, salt, SCRYPT);
  return [
    "scrypt",
    SCRYPT.n,
    SCRYPT.r,
    SCRYPT.p,
    Buffer.from(salt).toString("base64"),
    Buffer.from(key).toString("base64"),
  ].join("$");
}

/** One line of stdin; a terminal is asked twice and shows nothing, as a mistyped password would be found out late. */
async function readPassword(): Promise<string> {
  const terminal = process.stdin.isTTY === true;
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal });
  const typed = lines[Symbol.asyncIterator]();
  const ask = async (prompt: string): Promise<string> => {
    if (terminal) process.stderr.write(prompt);
    const { value } = await typed.next();
    if (terminal) process.stderr.write("\n");
    return value ?? "";
  };
  try {
    const password = await ask("Password: ");
    if (terminal && password !== "" && (await ask("Again: ")) !== password) {
      throw new UserError(
        "postern hash: found two different passwords, expected the same twice; begin again",
      );
    }
    return password;
  } finally {
    lines.close();
  }
}
