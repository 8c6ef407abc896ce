/**
 * What the config holds of users' passwords: a scrypt hash, SCRAM keys or both for each; and what stands in their place
 * for users that are not there, so that neither time nor the server's questions tell who is.
 */
import { type Crypto, matchesScram, parseScramKeys, type ScramKeys } from "postern";
import { matchesScrypt, parseScryptHash, type ScryptHash } from "./scrypt-hash.ts";

/** Of one user; at least one of the two. */
export interface UserKeys {
  readonly scrypt: ScryptHash | undefined;
  readonly scram: ScramKeys | undefined;
}

/** Reads `hash`, in either form, and `scram`. Undefined when neither is there or one is malformed. */
export function parseUserKeys(hash: string | undefined, scram: string | undefined): UserKeys | undefined {
  const scrypt = parseScryptHash(hash ?? "");
  const ofHash = parseScramKeys(hash ?? "");
  const ofScram = parseScramKeys(scram ?? "");
  if (hash !== undefined && !scrypt && !ofHash) return undefined;
  if (scram !== undefined && !ofScram) return undefined;
  const keys = { scrypt, scram: ofScram ?? ofHash };
  return keys.scrypt || keys.scram ? keys : undefined;
}

/** Whether a password is the user's: by the scrypt hash where there is one, which is the dearer to try. */
export async function matchesUser(
  crypto: Crypto,
  password: string,
  { scrypt, scram }: UserKeys,
): Promise<boolean> {
  if (scrypt) return matchesScrypt(crypto, password, scrypt);
  return scram !== undefined && matchesScram(password, scram);
}

/** Paid for an unknown user, so that time does not tell who exists. Its cost is that of the dearest of the config. */
export function dummyOf(users: readonly UserKeys[]): UserKeys {
  const scrypt = dearest(
    users.map((user) => user.scrypt),
    ({ n, r, p }) => n * r * p,
  );
  const salt = new Uint8Array(16);
  if (scrypt || users.length === 0)
    return { scrypt: { n: 2 ** 14, r: 8, p: 1, ...scrypt, salt, key: new Uint8Array(32) }, scram: undefined };
  const scram = dearest(
    users.map((user) => user.scram),
    ({ iterations }) => iterations,
  );
  const none = new Uint8Array(32);
  return { scrypt: undefined, scram: scram && { ...scram, salt, storedKey: none, serverKey: none } };
}

/**
 * What `scram` of the plugin says: the cost of most users' keys. Undefined where a user has none: clients that find SCRAM
 * offered take it, and those of this user would find no way in.
 */
export function scramCostOf(
  users: readonly UserKeys[],
): { readonly iterations: number; readonly saltBytes: number } | undefined {
  const counts = new Map<string, { count: number; cost: { iterations: number; saltBytes: number } }>();
  for (const { scram } of users) {
    if (scram === undefined) return undefined;
    const cost = { iterations: scram.iterations, saltBytes: scram.salt.length };
    const entry = counts.get(`${cost.iterations} ${cost.saltBytes}`) ?? { count: 0, cost };
    entry.count += 1;
    counts.set(`${cost.iterations} ${cost.saltBytes}`, entry);
  }
  return dearest([...counts.values()], ({ count }) => count)?.cost;
}

function dearest<T>(all: readonly (T | undefined)[], cost: (one: T) => number): T | undefined {
  let most: T | undefined;
  for (const one of all) if (one && (!most || cost(one) > cost(most))) most = one;
  return most;
}
