/** The file names in a zip archive, read from its central directory. Nothing is unpacked; ZIP64 is beyond bounds. */

/** What a directory says. */
export interface ZipNames {
  readonly names: readonly string[];
  readonly encrypted: boolean;
  /** False where the directory is broken, or longer than the bound. */
  readonly complete: boolean;
}

/** @param entriesMax entries to read */
export function readZipNames(bytes: Uint8Array, entriesMax: number): ZipNames {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const names: string[] = [];
  let encrypted = false;
  let end = bytes.length - 22;
  const lowest = Math.max(0, end - 65_535);
  while (end >= lowest && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < lowest) return { names, encrypted, complete: false };
  const count = view.getUint16(end + 10, true);
  // Counted back from the end record, so that octets put before the archive do not hide it.
  let at = end - view.getUint32(end + 12, true);
  for (let i = 0; i < count; i++) {
    if (i >= entriesMax || at < 0 || at + 46 > end || view.getUint32(at, true) !== 0x02014b50) {
      return { names, encrypted, complete: false };
    }
    if (view.getUint16(at + 8, true) & 1) encrypted = true;
    const length = view.getUint16(at + 28, true);
    names.push(new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + length)));
    at += 46 + length + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return { names, encrypted, complete: at === end };
}
