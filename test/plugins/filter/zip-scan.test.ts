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
