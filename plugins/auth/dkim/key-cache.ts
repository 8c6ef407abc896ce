/**
 * Keeps keys by the text of their records, as to read one takes longer than to verify by it. No state: the same text is
 * always the same key. Which record is a domain's, and for how long, is DNS's to say.
 */
import type { Crypto } from "postern";
import { type KeyRecord, readKeyRecord } from "./key-record.ts";

/** Records kept, of each host. */
const RECORDS_MAX = 2_000;
/** Characters of a record that is kept: one of 8,192 bits has 1,400. */
const RECORD_CHARACTERS_MAX = 2_048;

/** Reads records, and remembers. */
export class KeyCache {
  readonly #kept = new Map<string, KeyRecord>();
  readonly #crypto: Crypto;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** What a record came to: at once where it is known. */
  read(text: string): KeyRecord | Promise<KeyRecord> {
    if (this.#kept.has(text)) {
      const kept = this.#kept.get(text);
      // The one that was not asked for the longest stands first.
      this.#kept.delete(text);
      this.#kept.set(text, kept);
      return kept;
    }
    return this.#readAnew(text);
  }

  async #readAnew(text: string): Promise<KeyRecord> {
    const record = await readKeyRecord(text, this.#crypto);
    if (text.length <= RECORD_CHARACTERS_MAX) {
      this.#kept.set(text, record);
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > RECORDS_MAX && oldest !== undefined) this.#kept.delete(oldest);
    }
    return record;
  }
}

const caches = new WeakMap<Crypto, KeyCache>();

/** The keys that one engine has read, for all plugins of its host. */
export function keyCacheOf(crypto: Crypto): KeyCache {
  let keys = caches.get(crypto);
  if (!keys) {
    keys = new KeyCache(crypto);
    caches.set(crypto, keys);
  }
  return keys;
}
