/** What a DKIM signature is over (RFC 6376 3.7 and 5.4.2): header fields, and its own field without `b=`. */
import { canonicalField, type HeaderField, joinBytes } from "postern";
import type { Form } from "./signature.ts";

/** The header section of one message, for all its signatures. */
export class SignedHeader {
  readonly #byName = new Map<string, HeaderField[]>();
  /** Relaxed forms, made once for all signatures. */
  readonly #relaxed = new Map<HeaderField, Uint8Array>();

  constructor(fields: readonly HeaderField[]) {
    for (const field of fields) {
      const name = field.name.toLowerCase();
      const same = this.#byName.get(name);
      if (same) same.push(field);
      else this.#byName.set(name, [field]);
    }
  }

  /**
   * The octets that are hashed for a signature.
   *
   * @param names `h=` in lower case: each stands for the next field of that name from the bottom, or for nothing
   */
  octets(form: Form, names: readonly string[], own: HeaderField): Uint8Array {
    const next = new Map<string, number>();
    const parts: Uint8Array[] = [];
    for (const name of names) {
      const all = this.#byName.get(name);
      if (!all) continue;
      let index = next.get(name) ?? all.length - 1;
      // RFC 6376 3.5, h=: the field itself is not among them.
      if (all[index] === own) index--;
      next.set(name, index - 1);
      const field = all[index];
      if (field) parts.push(this.#canonical(form, field));
    }
    // RFC 6376 3.7: without the line end.
    parts.push(canonicalField(form, withoutSignature(own.bytes)).subarray(0, -2));
    return joinBytes(parts);
  }

  #canonical(form: Form, field: HeaderField): Uint8Array {
    if (form === "simple") return canonicalField(form, field.bytes);
    let made = this.#relaxed.get(field);
    if (!made) {
      made = canonicalField(form, field.bytes);
      this.#relaxed.set(field, made);
    }
    return made;
  }
}

/** A signature field with the value of `b=` taken out, and the white space around that value; all else stays. */
export function withoutSignature(field: Uint8Array): Uint8Array {
  let at = field.indexOf(COLON) + 1;
  while (at < field.length) {
    const semicolon = field.indexOf(SEMICOLON, at);
    const end = semicolon < 0 ? field.length : semicolon;
    const equals = field.indexOf(EQUALS, at);
    if (equals >= 0 && equals < end && isNamedB(field, at, equals))
      return joinBytes([field.subarray(0, equals + 1), field.subarray(end)]);
    at = end + 1;
  }
  return field;
}

function isNamedB(field: Uint8Array, from: number, to: number): boolean {
  let found = false;
  for (let at = from; at < to; at++) {
    const octet = field[at];
    if (octet === SP || octet === HTAB || octet === CR || octet === LF) continue;
    if (octet !== SMALL_B || found) return false;
    found = true;
  }
  return found;
}

const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const COLON = 58;
const SEMICOLON = 59;
const EQUALS = 61;
const SMALL_B = 98;
