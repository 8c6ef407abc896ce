/**
 * Character sets both ways. Decoding is the platform's (WHATWG Encoding); encoding to a legacy set uses a table made
 * from its decoder. Multi-byte legacy sets are encoded in their ASCII range only.
 */

/** Decodes bytes; without a usable charset, UTF-8 where they are valid UTF-8, else windows-1252. Never fails. */
export function decodeBytes(bytes: Uint8Array, charset: string | undefined): string {
  const name = (charset ?? "us-ascii").trim().toLowerCase();
  if (!UNDECLARED.has(name)) {
    try {
      return new TextDecoder(name).decode(bytes);
    } catch {
      // The platform does not know the set, or refuses to decode it.
    }
  }
  try {
    // Streamed, as the bytes may have been cut within a character.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** An encoder to one charset. */
export interface CharsetEncoder {
  /** Whether ASCII octets stand for themselves in the set. */
  readonly asciiCompatible: boolean;
  /** @param substitute what to write for a character that the set lacks; must itself be ASCII */
  encode(
    text: string,
    substitute: (codePoint: number) => string,
  ): { readonly bytes: Uint8Array; readonly lost: number };
}

/** The encoder of a charset by its MIME name; absent or unknown is US-ASCII. */
export function charsetEncoder(charset: string | undefined): CharsetEncoder {
  const name = canonicalName(charset);
  if (name === "utf-8") return UTF_8;
  if (name === "utf-16le" || name === "utf-16be") return utf16Encoder(name === "utf-16le");
  if (!SINGLE_BYTE.test(name)) return tableEncoder(NO_TABLE);
  // WHATWG reads ISO 8859-1, -9 and -11 as the Windows sets that extend them in 0x80 to 0x9F. Others do not.
  const extended = name.startsWith("windows-") && !/^(?:windows-|x-?cp|cp)/i.test(charset?.trim() ?? "");
  return tableEncoder(reverseTable(name, extended ? 0xa0 : 0x80));
}

/** The platform's name of a charset, "us-ascii" when absent, "" when it knows none. */
export function canonicalName(charset: string | undefined): string {
  const name = (charset ?? "us-ascii").trim().toLowerCase();
  // WHATWG reads these as windows-1252; what is written must stay in the set that is declared.
  if (name === "us-ascii" || name === "ascii") return "us-ascii";
  try {
    return new TextDecoder(name).encoding;
  } catch {
    return "";
  }
}

function tableEncoder(table: ReadonlyMap<number, number>): CharsetEncoder {
  return {
    asciiCompatible: true,
    encode(text, substitute) {
      const bytes: number[] = [];
      let lost = 0;
      for (const character of text) {
        const point = character.codePointAt(0) as number;
        const octet = point < 128 ? point : table.get(point);
        if (octet !== undefined) {
          bytes.push(octet);
          continue;
        }
        lost++;
        for (const replaced of substitute(point)) bytes.push(replaced.charCodeAt(0));
      }
      return { bytes: Uint8Array.from(bytes), lost };
    },
  };
}

function utf16Encoder(littleEndian: boolean): CharsetEncoder {
  return {
    asciiCompatible: false,
    encode(text) {
      const view = new DataView(new ArrayBuffer(text.length * 2));
      for (let n = 0; n < text.length; n++) view.setUint16(n * 2, text.charCodeAt(n), littleEndian);
      return { bytes: new Uint8Array(view.buffer), lost: 0 };
    },
  };
}

function reverseTable(name: string, first: number): ReadonlyMap<number, number> {
  const key = `${name} ${first}`;
  const kept = tables.get(key);
  if (kept) return kept;
  const decoder = new TextDecoder(name);
  const table = new Map<number, number>();
  for (let octet = first; octet < 256; octet++) {
    const point = decoder.decode(Uint8Array.of(octet)).codePointAt(0);
    // C1 controls are what the decoders give for octets that mean nothing.
    if (point !== undefined && point !== 0xfffd && point >= 0xa0) table.set(point, octet);
  }
  tables.set(key, table);
  return table;
}

const UTF_8: CharsetEncoder = {
  asciiCompatible: true,
  encode: (text) => ({ bytes: new TextEncoder().encode(text), lost: 0 }),
};
const NO_TABLE: ReadonlyMap<number, number> = new Map();
/** One table for each single-byte set, so at most some thirty. */
const tables = new Map<string, ReadonlyMap<number, number>>();
const UNDECLARED = new Set(["us-ascii", "ascii", ""]);
const SINGLE_BYTE = /^(?:windows-\d+|iso-8859-\d+(?:-i)?|koi8-[ru]|ibm866|macintosh|x-mac-cyrillic)$/;
