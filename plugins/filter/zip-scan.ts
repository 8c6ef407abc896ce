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
  /** Octets of all names read, those read again included. */
  #nameBytes = 0;
  #held: Uint8Array = NOTHING;
  #encrypted = false;
  #broken = false;
  /** Directory entries seen, and how many the last end record speaks of. */
  #entries = 0;
  #announced: number | undefined;
  #announced64: number | undefined;

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
    if (signature === LOCAL) return this.#readHeader(bytes, view, at, LOCAL_HEADER);
    if (signature === ENTRY) return this.#readHeader(bytes, view, at, ENTRY_HEADER);
    if (signature === END) {
      if (room < 22) return false;
      const entries = view.getUint16(at + 10, true);
      // 4.4.1.4: where all bits are set, the record of the 64-bit form before it has the number.
      this.#announced = entries === 0xffff ? (this.#announced64 ?? entries) : entries;
    } else if (signature === END_64) {
      if (room < 56) return false;
      this.#announced64 = Number(view.getBigUint64(at + 32, true));
    }
    return true;
  }

  #readHeader(bytes: Uint8Array, view: DataView, at: number, header: Header): boolean {
    const room = bytes.length - at;
    const { size, flagsAt, lengthAt } = header;
    if (room < size) return false;
    const length = view.getUint16(at + lengthAt, true);
    const extra = view.getUint16(at + lengthAt + 2, true);
    if (length > NAME_BYTES_MAX || extra > EXTRA_BYTES_MAX) {
      this.#broken = true;
      return true;
    }
    if (room < size + length + extra) return false;
    if (header === ENTRY_HEADER) this.#entries++;
    if (view.getUint16(at + flagsAt, true) & 1) this.#encrypted = true;
    const nameEnd = at + size + length;
    this.#add(bytes.subarray(at + size, nameEnd));
    this.#readExtra(bytes, view, nameEnd, nameEnd + extra);
    return true;
  }

  /** 4.6.9: a second name in UTF-8, which many programs prefer to the first. */
  #readExtra(bytes: Uint8Array, view: DataView, start: number, end: number): void {
    for (let at = start; at + 4 <= end; ) {
      const id = view.getUint16(at, true);
      const next = at + 4 + view.getUint16(at + 2, true);
      if (id === UNICODE_PATH && at + 9 < next) this.#add(bytes.subarray(at + 9, Math.min(next, end)));
      at = next;
    }
  }

  #add(octets: Uint8Array): void {
    // Headers that overlap could make each octet of an archive part of many names.
    this.#nameBytes += octets.length;
    if (this.#nameBytes > this.#namesMax * NAME_BYTES_EACH) {
      this.#broken = true;
      return;
    }
    const name = decoder.decode(octets);
    // Each stands in the archive twice at least: by its file and in the directory.
    if (this.#names.has(name)) return;
    if (this.#names.size < this.#namesMax) this.#names.add(name);
    else this.#broken = true;
  }
}

/** Where a header has what. */
interface Header {
  readonly size: number;
  readonly flagsAt: number;
  /** Of the name; that of the extra field follows. */
  readonly lengthAt: number;
}

const NOTHING = new Uint8Array(0);
const [P, K] = [0x50, 0x4b];
const [LOCAL, ENTRY, END, END_64] = [0x04034b50, 0x02014b50, 0x06054b50, 0x06064b50];
const LOCAL_HEADER: Header = { size: 30, flagsAt: 6, lengthAt: 26 };
const ENTRY_HEADER: Header = { size: 46, flagsAt: 8, lengthAt: 28 };
const UNICODE_PATH = 0x7075;
/** No system has longer paths; a longer one would make a header that waits for its end too costly. */
const NAME_BYTES_MAX = 4096;
/** Octets of names that are read, for each name of the bound: each stands twice at least, and most are short. */
const NAME_BYTES_EACH = 1024;
/** The same for extra fields, which hold times and owners. */
const EXTRA_BYTES_MAX = 4096;
const decoder = new TextDecoder();

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
