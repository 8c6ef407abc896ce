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
}

export function zipOf(files: readonly ZipFile[]): Buffer {
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
    const body = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), fields, local, data]);
    fields.writeUInt16LE(listed.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), fields, rest, listed);
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
  return Buffer.concat([...bodies, entries, end]);
}
