import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ZipScan } from "../../../plugins/filter/zip-scan.ts";
import { zipOf } from "./zip-writer.ts";

function scan(bytes: Uint8Array, chunkBytes = bytes.length, namesMax = 100) {
  const scanner = new ZipScan(namesMax);
  for (let at = 0; at < bytes.length; at += chunkBytes) scanner.update(bytes.subarray(at, at + chunkBytes));
  return scanner.finish();
}

const archive = zipOf([
  { name: "a.txt" },
  { name: "b.exe", stored: true },
  { name: "ü.pdf", encrypted: true },
]);

test("ZipScan finds the same however the octets are cut into chunks", () => {
  const want = { names: ["a.txt", "b.exe", "ü.pdf"], encrypted: true, complete: true };
  for (let chunkBytes = 1; chunkBytes <= archive.length; chunkBytes++) {
    assert.deepEqual(scan(archive, chunkBytes), want, `chunks of ${chunkBytes}`);
  }
});

test("ZipScan calls an archive that is cut off anywhere not complete", () => {
  for (let end = 0; end < archive.length; end++) {
    const { complete } = scan(archive.subarray(0, end));
    // The end record's own end holds nothing but offsets and a comment.
    if (end < archive.length - 22) assert.equal(complete, false, `cut at ${end}`);
  }
});

test("ZipScan calls an archive with more names than the bound not complete, and gives those up to it", () => {
  assert.deepEqual(scan(archive, 50, 2), { names: ["a.txt", "b.exe"], encrypted: true, complete: false });
  assert.equal(scan(archive, 50, 3).complete, true);
});

const HIDDEN: readonly { name: string; archive: Buffer; names: readonly string[]; complete: boolean }[] = [
  {
    name: "a name that stands in the directory only",
    archive: zipOf([{ name: "a.txt", directoryName: "a.exe" }]),
    names: ["a.txt", "a.exe"],
    complete: true,
  },
  {
    name: "a name in the Unicode Path field",
    archive: zipOf([{ name: "a.txt", unicodePath: "a.exe" }]),
    names: ["a.txt", "a.exe"],
    complete: true,
  },
  {
    name: "names before and after what is joined to an archive",
    archive: Buffer.concat([
      zipOf([{ name: "a.exe" }]),
      Buffer.from("PKPKP junk"),
      zipOf([{ name: "b.txt" }]),
    ]),
    names: ["a.exe", "b.txt"],
    complete: true,
  },
  {
    name: "a name in an archive that lies uncompressed in another",
    archive: zipOf([{ name: "in.zip", stored: true, content: zipOf([{ name: "a.exe" }]) }]),
    names: ["in.zip", "a.exe"],
    complete: true,
  },
  {
    name: "an archive of the 64-bit form",
    archive: zipOf([{ name: "a.exe" }, { name: "b.txt" }], { zip64: true }),
    names: ["a.exe", "b.txt"],
    complete: true,
  },
  {
    name: "an end record that speaks of more files than there are",
    archive: (() => {
      const bytes = Buffer.from(zipOf([{ name: "a.txt" }]));
      bytes.writeUInt16LE(2, bytes.length - 12);
      return bytes;
    })(),
    names: ["a.txt"],
    complete: false,
  },
  {
    name: "a name that is longer than any path",
    archive: zipOf([{ name: `${"a".repeat(5000)}.exe` }]),
    names: [],
    complete: false,
  },
  {
    name: "an extra field that is longer than any",
    archive: zipOf([{ name: "a.txt", extra: Buffer.alloc(5000) }]),
    names: [],
    complete: false,
  },
  {
    name: "an extra field whose length goes past its end",
    archive: zipOf([{ name: "a.txt", extra: Buffer.from([0x75, 0x70, 0xff, 0xff, 1, 0, 0, 0, 0, 0x61]) }]),
    names: ["a.txt", "a"],
    complete: true,
  },
  { name: "no archive at all", archive: Buffer.from("PK is no archive"), names: [], complete: false },
];
for (const { name, archive: bytes, names, complete } of HIDDEN) {
  test(`ZipScan ${complete ? "finds" : "is not complete with"} ${name}`, () => {
    assert.deepEqual(scan(bytes), { names, encrypted: false, complete });
    assert.deepEqual(scan(bytes, 7), { names, encrypted: false, complete });
  });
}

test("ZipScan reads an empty archive", () => {
  assert.deepEqual(scan(zipOf([])), { names: [], encrypted: false, complete: true });
});

test("ZipScan takes any octets without a throw", () => {
  const octet = fc.constantFrom(0x50, 0x4b, 1, 2, 3, 4, 5, 6, 0, 255);
  const bytes = fc
    .uint8Array({ maxLength: 200 })
    .chain((random) =>
      fc.array(octet, { maxLength: 300 }).map((likely) => Uint8Array.from([...likely, ...random])),
    );
  fc.assert(
    fc.property(bytes, fc.integer({ min: 1, max: 40 }), (input, chunkBytes) => {
      assert.deepEqual(scan(input, chunkBytes), scan(input));
    }),
  );
});
