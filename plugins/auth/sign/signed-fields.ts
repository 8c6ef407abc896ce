/** Which header fields a signature is over (RFC 6376 5.4): the list of its `h=`, and the fields in the order of hashing. */
import type { HeaderField, HeaderView } from "postern";

/** What is signed of one header section. */
export interface SignedFields {
  /** `h=`, in lower case. */
  readonly names: readonly string[];
  /** The fields that these names stand for, in the same order; a name beyond the last field stands for nothing. */
  readonly fields: readonly HeaderField[];
}

/** Names in `h=`: a header section of fields without values could have a hundred thousand. */
export const SIGNED_NAMES_MAX = 2_000;

/**
 * Chooses from the bottom up, as verifiers do (5.4.2); undefined where there are more than `SIGNED_NAMES_MAX`.
 *
 * @param headers names in lower case, in the order they are to stand in; a repeated one means one field more
 * @param oversigned names of which all fields are signed, and that there are no more
 */
export function signedFields(
  header: HeaderView,
  headers: readonly string[],
  oversigned: ReadonlySet<string>,
): SignedFields | undefined {
  const names: string[] = [];
  const fields: HeaderField[] = [];
  const counts = new Map<string, number>();
  const byName = fieldsByName(header);
  for (const name of headers) {
    const taken = counts.get(name) ?? 0;
    const all = byName.get(name) ?? NONE;
    const wanted = oversigned.has(name) ? all.length + 1 : taken + 1;
    counts.set(name, Math.max(wanted, taken));
    if (names.length + wanted - taken > SIGNED_NAMES_MAX) return undefined;
    for (let n = taken; n < wanted; n++) {
      const field = all[all.length - 1 - n];
      // Only what is oversigned is named where it is not there.
      if (!field && !oversigned.has(name)) continue;
      names.push(name);
      if (field) fields.push(field);
    }
  }
  return { names, fields };
}

const NONE: readonly HeaderField[] = [];

/** A table, as more names are looked for than there are fields. */
function fieldsByName({ fields }: HeaderView): ReadonlyMap<string, readonly HeaderField[]> {
  const byName = new Map<string, HeaderField[]>();
  for (const field of fields) {
    const name = field.name.toLowerCase();
    const same = byName.get(name);
    if (same) same.push(field);
    else byName.set(name, [field]);
  }
  return byName;
}
