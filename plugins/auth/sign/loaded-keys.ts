/** The keys of the options, read while the config is loaded, and as each engine keeps them. */
import { type Crypto, decodeBase64, keyRecordName, type PublishedKey, type SigningKey } from "postern";
import type { DomainKey } from "./key-choice.ts";
import { readPrivateKey } from "./private-key.ts";
import type { CheckedSignOptions } from "./sign-options.ts";

/** A key ready to sign. */
export interface LoadedKey extends DomainKey {
  readonly selector: string;
  readonly algorithm: "rsa-sha256" | "ed25519-sha256";
  readonly published: PublishedKey;
  /** The key as an engine keeps it; made once for each. */
  handle(crypto: Crypto): Promise<SigningKey>;
}

/** @throws TypeError with a line for each key that can not be used */
export function loadKeys(keys: CheckedSignOptions["keys"]): readonly LoadedKey[] {
  const faults: string[] = [];
  const loaded = keys.flatMap(({ key: source, ...options }, index): LoadedKey | readonly [] => {
    const { domain, selector } = options;
    const key = readPrivateKey(source, `npx postern dkim new ${domain} ${selector}`);
    const place = `keys[${index}]`;
    if ("found" in key) {
      const expected = "an RSA or Ed25519 private key in PEM without a passphrase";
      faults.push(`sign: ${place}.key: found ${key.found}, expected ${expected}; ${key.todo}`);
      return [];
    }
    const { algorithm, bits, publicKey, warnings, pem } = key;
    const handles = new WeakMap<Crypto, Promise<SigningKey>>();
    return {
      ...options,
      algorithm: `${algorithm}-sha256`,
      published: { domain, selector, algorithm, bits, publicKey, place, warnings },
      handle(crypto) {
        let handle = handles.get(crypto);
        if (!handle) {
          handle = crypto.signingKey(pem);
          handles.set(crypto, handle);
          // One that failed is made again: the start may have been told before.
          handle.catch(() => handles.delete(crypto));
        }
        return handle;
      },
    };
  });
  if (faults.length > 0) throw new TypeError(faults.slice(0, FAULTS_MAX).join("\n"));
  return loaded;
}

const FAULTS_MAX = 20;

/** Signs and verifies with each key: a line for each that does not. */
export async function testKeys(keys: readonly LoadedKey[], crypto: Crypto): Promise<readonly string[]> {
  const results = await Promise.all(
    keys.map(async (key) => {
      const { place } = key.published;
      const name = `${place}: the key ${keyRecordName(key)}`;
      try {
        return (await worksWith(key, crypto)) ? [] : [`${name} signs here what does not verify`];
      } catch (error) {
        return [`${name} can not sign here: ${error instanceof Error ? error.message : String(error)}`];
      }
    }),
  );
  return results.flat();
}

async function worksWith(key: LoadedKey, crypto: Crypto): Promise<boolean> {
  const handle = await key.handle(crypto);
  // By the half that DNS has, as verifiers do.
  const published = await crypto.verifyKey(handle.type, decodeBase64(key.published.publicKey)!);
  if (!published) return false;
  const signature = await crypto.sign(handle, "sha256", SAMPLE);
  return crypto.verify(published, "sha256", SAMPLE, signature);
}

const SAMPLE = new TextEncoder().encode("from:postern@example.com\r\n");
