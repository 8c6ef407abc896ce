/** What a file is by its first octets and by its name. A look, not a scan: it finds what does not hide. */

const SIGNATURES: readonly (readonly [type: string, hex: string])[] = [
  ["application/x-msdownload", "4d5a"],
  ["application/x-elf", "7f454c46"],
  ["application/x-sh", "2321"],
  ["application/x-ole-storage", "d0cf11e0a1b11ae1"],
  ["application/zip", "504b0304"],
  ["application/zip", "504b0506"],
  ["application/vnd.rar", "526172211a07"],
  ["application/x-7z-compressed", "377abcaf271c"],
  ["application/x-mach-binary", "feedface"],
  ["application/x-mach-binary", "feedfacf"],
  ["application/x-mach-binary", "cefaedfe"],
  ["application/x-mach-binary", "cffaedfe"],
  ["application/java-vm", "cafebabe"],
  ["application/x-ms-shortcut", "4c00000001140200"],
];
const COMPILED = SIGNATURES.map(([type, hex]) => ({
  type,
  octets: (hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)),
}));

/** The type the first octets speak of; undefined when they are of none that is known. */
export function sniffType(head: Uint8Array): string | undefined {
  return COMPILED.find(({ octets }) => octets.every((octet, i) => head[i] === octet))?.type;
}

/**
 * The extensions of a name in lower case, all of them ("a.pdf.exe": pdf, exe), without what hides them: invisible and
 * bidirectional controls, trailing dots and spaces, a stream name after a colon, full-width letters.
 */
export function extensionsOf(fileName: string): readonly string[] {
  const shown = fileName
    .slice(0, 1024)
    .normalize("NFKC")
    .replace(/[\p{Cc}\p{Cf}]/gu, "")
    .toLowerCase();
  const base = shown.split(/[/\\]/).at(-1) ?? "";
  return base
    .split(":")
    .flatMap((piece) => piece.split(".").slice(1))
    .map((extension) => extension.trim())
    .filter((extension) => extension !== "");
}
