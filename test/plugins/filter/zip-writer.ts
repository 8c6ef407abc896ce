/** Writes real zip archives (PKWARE APPNOTE 4.3), stored or deflated, for tests of those who read them. */
import { crc32, deflateRawSync } from "node:zlib";

/** A file of an archive. */
export interface ZipFile {
  readonly name: string;
  readonly content?: string | Uint8Array;
  /** Another name in the directory than by the file. */
  readonly directoryName?: string;
  /** Stored as it is. Default deflated. */
  readonly stored?: boolean;
  /** Says that the file needs a password. */
  readonly encrypted?: boolean;
  /** The name in the Unicode Path field (4.6.9) beside the other. */
  readonly unicodePath?: string;
  /** An extra field as it is. */
  readonly extra?: Buffer;
}

/** The 64-bit form says how many files there are in a record of its own (4.3.14). */
export function zipOf(files: readonly ZipFile[], form: { readonly zip64?: boolean } = {}): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const plain = Buffer.from(file.content ?? `content of ${file.name}`);
    const data = file.stored ? plain : deflateRawSync(plain);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(0x0800 | (file.encrypted ? 1 : 0), 2);
    fields.writeUInt16LE(file.stored ? 0 : 8, 4);
    fields.writeUInt32LE(crc32(plain), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(plain.length, 18);
    const local = Buffer.from(file.name);
    const listed = Buffer.from(file.directoryName ?? file.name);
    fields.writeUInt16LE(local.length, 22);
    const extra = file.extra ?? unicodePath(file);
    fields.writeUInt16LE(extra.length, 24);
    const body = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), fields, local, extra, data]);
    fields.writeUInt16LE(listed.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), fields, rest, listed, extra);
    bodies.push(body);
    offset += body.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(offset, 16);
  if (!form.zip64) return Buffer.concat([...bodies, entries, end]);
  const end64 = Buffer.alloc(56);
  end64.write("PK\x06\x06", "latin1");
  end64.writeBigUInt64LE(44n, 4);
  end64.writeBigUInt64LE(BigInt(files.length), 24);
  end64.writeBigUInt64LE(BigInt(files.length), 32);
  end.writeUInt16LE(0xffff, 8);
  end.writeUInt16LE(0xffff, 10);
  return Buffer.concat([...bodies, entries, end64, end]);
}

function unicodePath({ name, unicodePath }: ZipFile): Buffer {
  if (unicodePath === undefined) return Buffer.alloc(0);
  const path = Buffer.from(unicodePath);
  const field = Buffer.alloc(9);
  field.writeUInt16LE(0x7075, 0);
  field.writeUInt16LE(5 + path.length, 2);
  field.writeUInt8(1, 4);
  field.writeUInt32LE(crc32(name), 5);
  // A field of another kind before it, as times are.
  return Buffer.concat([Buffer.from("UT\x01\x00\x00", "latin1"), field, path]);
}
