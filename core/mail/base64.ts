/** Base64 (RFC 4648 4) as header fields, PEM and DNS records hold it: with white space anywhere. */
import { octetsOf } from "./octets.ts";

/**
 * The octets that a text stands for; undefined where it holds other characters than those of base64, spaces, tabs and
 * line ends, or where a character is missing. Padding may be left out.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const packed = text.replace(/[ \t\r\n]+/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(packed)) return undefined;
  try {
    return octetsOf(atob(packed));
  } catch {
    return undefined;
  }
}

/** The base64 text of a few octets. */
export function toBase64(bytes: Uint8Array): string {
  // Spread, 256 octets take ten times as long as to be encoded.
  return btoa(String.fromCharCode.apply(null, bytes as unknown as number[]));
}
