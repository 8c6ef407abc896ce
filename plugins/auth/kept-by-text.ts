/**
 * Keeps what was read of the texts of DNS records, as most messages meet the same ones. No state: the same text is always
 * the same value. Whose record it is, and for how long, is DNS's to say.
 */

/** Texts kept, and characters of each: some megabytes with what was read of them. */
const TEXTS_MAX = 1_000;
const TEXT_CHARACTERS_MAX = 2_048;

/** The same function, which remembers. @param read gives values that nobody changes */
export function keptByText<T extends object>(
  read: (text: string) => T | undefined,
): (text: string) => T | undefined {
  const kept = new Map<string, T>();
  return (text) => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    const value = read(text);
    if (value === undefined || text.length > TEXT_CHARACTERS_MAX) return value;
    // All at once: what goes is read again, and an order of use would cost more than that.
    if (kept.size >= TEXTS_MAX) kept.clear();
    kept.set(text, value);
    return value;
  };
}
