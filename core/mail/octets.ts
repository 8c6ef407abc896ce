/** Strings of one character for each octet, as `atob` gives them, made bytes. */

/** The octets of a string whose characters are all below U+0100. */
export function octetsOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) bytes[n] = text.charCodeAt(n);
  return bytes;
}
