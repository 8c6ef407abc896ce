/** What a file is by its first octets. A look, not a scan: it finds what does not hide. */

/** First octets that `sniffType` looks at. */
export const headBytes = 64;

/** The type the first octets speak of; undefined when they are of none that is known. */
export function sniffType(head: Uint8Array): string | undefined {
  const found = COMPILED.find(({ octets }) => octets.every((octet, i) => head[i] === octet))?.type;
  // Texts begin with "MZ" as well; the 64 octets of a DOS header never lack a zero.
  return found === PROGRAM && !head.subarray(0, headBytes).includes(0) ? undefined : found;
}

const PROGRAM = "application/x-msdownload";
const SIGNATURES: readonly (readonly [type: string, hex: string])[] = [
  [PROGRAM, "4d5a"],
  ["application/x-elf", "7f454c46"],
  ["application/x-sh", "2321"],
  ["application/x-ole-storage", "d0cf11e0a1b11ae1"],
  ["application/zip", "504b0304"],
  ["application/zip", "504b0506"],
  ["application/vnd.rar", "526172211a07"],
  ["application/x-7z-compressed", "377abcaf271c"],
  ["application/gzip", "1f8b08"],
  ["application/vnd.ms-cab-compressed", "4d534346"],
  ["application/vnd.ms-htmlhelp", "49545346"],
  ["application/pdf", "255044462d"],
  ["application/x-mach-binary", "feedface"],
  ["application/x-mach-binary", "feedfacf"],
  ["application/x-mach-binary", "cefaedfe"],
  ["application/x-mach-binary", "cffaedfe"],
  ["application/java-vm", "cafebabe"],
  ["application/x-ms-shortcut", "4c0000000114020000000000c000000000000046"],
];
const COMPILED = SIGNATURES.map(([type, hex]) => ({
  type,
  octets: (hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)),
}));
