/**
 * Makes one DKIM-Signature field of a message (RFC 6376 3.5, 3.7, 5.5; RFC 8463 3) from its header fields and the hash of
 * its body. The canonical forms are core/mail's, the shape of the field is that of field-shape.ts.
 */
import {
  type Crypto,
  canonicalField,
  digestOf,
  formatFoldedField,
  type HeaderField,
  joinBytes,
  type SigningKey,
  toBase64,
} from "postern";
import type { FieldShape, SignatureTags } from "./field-shape.ts";

/** The name of the field. */
export const FIELD_NAME = "DKIM-Signature";

/** What a signature is made of. */
export interface SignatureParts {
  readonly tags: SignatureTags;
  readonly headerForm: "simple" | "relaxed";
  /** Those that `h=` names, in its order. */
  readonly fields: readonly HeaderField[];
}

/** The value of the field line by line, signed. Rejects where the key can not sign. */
export async function signatureLines(
  { tags, headerForm, fields }: SignatureParts,
  shape: FieldShape,
  crypto: Crypto,
  key: SigningKey,
): Promise<readonly string[]> {
  const lines = shape(tags);
  const own = formatFoldedField(FIELD_NAME, lines);
  const canonical = fields.map(({ bytes }) => canonicalField(headerForm, bytes));
  // RFC 6376 3.7: the signature's own field stands last, with an empty b= and without its line end.
  canonical.push(canonicalField(headerForm, own).subarray(0, -2));
  const bytes = joinBytes(canonical);
  // RFC 8463 3: Ed25519 signs the hash.
  const signed = key.type === "rsa" ? bytes : await digestOf(crypto, "sha256", bytes);
  const signature = await crypto.sign(key, "sha256", signed);
  const value = `b=${toBase64(signature)}`;
  return [...lines.slice(0, -1), ...chunks(value)];
}

/** As dkim-signer folds it. */
const LINE_CHARACTERS = 75;

function chunks(text: string): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += LINE_CHARACTERS) lines.push(text.slice(at, at + LINE_CHARACTERS));
  return lines;
}
