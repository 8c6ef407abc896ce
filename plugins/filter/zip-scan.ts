/**
 * The file names in a zip archive (PKWARE APPNOTE 4.3), read from all that passes by: each local header and each
 * directory entry, wherever it stands. So it makes no difference which of two joined archives, or which of two names,
 * a reader believes, nor what stands before or after; and a zip that lies in another uncompressed is read with it.
 * Nothing is unpacked, and no octet is kept but those of a header that goes over the end of a chunk.
 */

/** What was found. */
export interface ZipFindings {
  readonly names: readonly string[];
  /** Whether any file in it needs a password. */
  readonly encrypted: boolean;
  /** False where the directory is broken, not there, hidden, or where there are more names than the bound. */
  readonly complete: boolean;
}

/** Reads an archive in chunks. */
export class ZipScan {
  readonly #namesMax: number;
  readonly #names = new Set<string>();
  #held: Uint8Array = NOTHING;
  #encrypted = false;
  #broken = false;
  /** Directory entries seen, and how many the last end record speaks of. */
  #entries = 0;
  #announced: number | undefined;

  /** @param namesMax different names to read, over which the archive counts as not read whole */
  constructor(namesMax: number) {
    this.#namesMax = namesMax;
  }

  update(chunk: Uint8Array): void {
    const bytes = this.#held.length === 0 ? chunk : joined(this.#held, chunk);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#held = NOTHING;
    for (let at = bytes.indexOf(P); at >= 0; at = bytes.indexOf(P, at + 1)) {
      const whole = this.#readAt(bytes, view, at);
      if (whole) continue;
      this.#held = bytes.slice(at);
      return;
    }
  }

  finish(): ZipFindings {
    const complete = !this.#broken && this.#announced !== undefined && this.#announced <= this.#entries;
    return { names: [...this.#names], encrypted: this.#encrypted, complete };
  }

  /** Reads what begins at a "P"; false when it goes on past the end of the octets. */
  #readAt(bytes: Uint8Array, view: DataView, at: number): boolean {
    const room = bytes.length - at;
    if (room < 4) return room >= 2 && bytes[at + 1] !== K;
    if (bytes[at + 1] !== K) return true;
    const signature = view.getUint32(at, true);
    if (signature === END) {
      if (room < 22) return false;
      this.#announced = view.getUint16(at + 10, true);
      return true;
    }
    if (signature !== LOCAL && signature !== ENTRY) return true;
    const [size, flagsAt, lengthAt] = signature === LOCAL ? [30, 6, 26] : [46, 8, 28];
    if (room < size) return false;
    const length = view.getUint16(at + lengthAt, true);
    if (length > NAME_BYTES_MAX) {
      this.#broken = true;
      return true;
    }
    if (room < size + length) return false;
    if (signature === ENTRY) this.#entries++;
    if (view.getUint16(at + flagsAt, true) & 1) this.#encrypted = true;
    this.#add(decoder.decode(bytes.subarray(at + size, at + size + length)));
    return true;
  }

  #add(name: string): void {
    // Each stands in the archive twice at least: by its file and in the directory.
    if (this.#names.has(name)) return;
    if (this.#names.size < this.#namesMax) this.#names.add(name);
    else this.#broken = true;
  }
}

const NOTHING = new Uint8Array(0);
const [P, K] = [0x50, 0x4b];
const [LOCAL, ENTRY, END] = [0x04034b50, 0x02014b50, 0x06054b50];
/** No system has longer paths; a longer one would make a header that waits for its end too costly. */
const NAME_BYTES_MAX = 4096;
const decoder = new TextDecoder();

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
