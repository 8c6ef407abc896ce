/** xtext (RFC 3461 4): printable ASCII, with "+XX" for octets. What it may hold once decoded is each parameter's. */

const XTEXT = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/;
const PRINTABLE = /^[ -~]*$/;

/**
 * Decodes xtext to printable ASCII, the only thing that ENVID, ORCPT (RFC 3461 4.2, 4.4) and AUTH (RFC 4954 5) carry.
 * Undefined where it is no xtext or holds something else: a line end in it would be a line of its own in a DSN.
 */
export function decodeXtext(text: string): string | undefined {
  if (!XTEXT.test(text)) return undefined;
  if (!text.includes("+")) return text;
  const decoded = text.replace(/\+(..)/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return PRINTABLE.test(decoded) ? decoded : undefined;
}
