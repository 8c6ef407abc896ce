/** Domain names as they go over the wire (RFC 1035 3.1, 4.1.4), read from messages that may be hostile. */

/** Octets of a name on the wire, its final zero included (RFC 1035 2.3.4). */
const WIRE_OCTETS_MAX = 255;
/** Pointers followed in one name. Each must lead back, so that they end anyway; a name has 127 labels at most. */
const POINTERS_MAX = 127;
const LABEL_OCTETS_MAX = 63;

/** A name that was read. */
export interface WireName {
  /** As in zone files, with the final dot; the root is ".". Octets that are not plain are written as RFC 1035 5.1 has it. */
  readonly text: string;
  /** Where what follows the name begins. */
  readonly end: number;
}

/** A name of plain ASCII labels, without the final dot, on the wire. @param name as `toDomainName` gives it */
export function wireName(name: string): Uint8Array {
  const octets = new Uint8Array(name.length + 2);
  let at = 0;
  for (const label of name.split(".")) {
    octets[at++] = label.length;
    for (let i = 0; i < label.length; i++) octets[at++] = label.charCodeAt(i);
  }
  return octets;
}

/** Reads the name at a place; undefined where there is none that is whole and well formed. */
export function readName(message: Uint8Array, start: number): WireName | undefined {
  let text = "";
  let at = start;
  let end: number | undefined;
  let octets = 1;
  // Pointers must lead before where the present run of labels began: no loop can.
  let before = start;
  for (let pointers = 0; ; ) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return { text: text === "" ? "." : text, end: end ?? at + 1 };
    if (length >= 0xc0) {
      const low = message[at + 1];
      pointers += 1;
      if (low === undefined || pointers > POINTERS_MAX) return undefined;
      end ??= at + 2;
      at = ((length & 0x3f) << 8) | low;
      if (at >= before) return undefined;
      before = at;
      continue;
    }
    octets += length + 1;
    if (length > LABEL_OCTETS_MAX || octets > WIRE_OCTETS_MAX || at + 1 + length > message.length)
      return undefined;
    for (let i = at + 1; i <= at + length; i++) text += TEXT[message[i]!];
    text += ".";
    at += 1 + length;
  }
}

/** Each octet of a label as text: a dot within a label must not read as one between labels. */
const TEXT: readonly string[] = Array.from({ length: 256 }, (_, octet) => {
  const character = String.fromCharCode(octet);
  if (character === "." || character === "\\") return `\\${character}`;
  return octet > 0x20 && octet < 0x7f ? character : `\\${String(octet).padStart(3, "0")}`;
});
