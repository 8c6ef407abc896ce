/** Keys as an engine of {@link Crypto} keeps them: behind handles that tell nothing of them. */

/** The keys of one engine, by their handles. `H` is the handle that plugins see. */
export class KeyHandles<H extends object, Key> {
  // A key is no property of its handle: nothing that prints or copies the handle has the secret.
  readonly #keys = new WeakMap<H, Key>();

  /** Gives the handle, frozen, by which `key` is found. */
  hold(handle: H, key: Key): H {
    this.#keys.set(handle, key);
    return Object.freeze(handle);
  }

  /** @throws TypeError when another engine made the handle */
  key(handle: H): Key {
    const key = this.#keys.get(handle);
    if (key === undefined) throw new TypeError("a key of another engine");
    return key;
  }
}
