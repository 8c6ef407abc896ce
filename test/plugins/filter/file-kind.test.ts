import assert from "node:assert/strict";
import { test } from "node:test";
import { extensionsOf, sniffType } from "../../../plugins/filter/file-kind.ts";
import { readZipNames } from "../../../plugins/filter/zip-names.ts";

test("extensionsOf finds an extension behind doubles, trailing dots and spaces, RLO, streams and full-width letters", () => {
  for (const name of [
    "a.pdf.exe",
    "a.exe. .",
    "a\u202efdp.exe",
    "a.exe::$DATA",
    "a.\uff45xe",
    "a.EXE\u200b",
    "a.exe.txt",
  ]) {
    assert.ok(extensionsOf(name).includes("exe"), name);
  }
  assert.deepEqual(extensionsOf("exe"), []);
});

test("sniffType knows a program by its first octets, and text as nothing", () => {
  assert.equal(sniffType(new Uint8Array([0x4d, 0x5a, 0x90])), "application/x-msdownload");
  assert.equal(sniffType(new TextEncoder().encode("Hello")), undefined);
});

function zipOf(name: string, flags: number): Uint8Array {
  const entry = new Uint8Array(46 + name.length + 22);
  const view = new DataView(entry.buffer);
  view.setUint32(0, 0x02014b50, true);
  view.setUint16(8, flags, true);
  view.setUint16(28, name.length, true);
  entry.set(new TextEncoder().encode(name), 46);
  view.setUint32(46 + name.length, 0x06054b50, true);
  view.setUint16(46 + name.length + 10, 1, true);
  view.setUint32(46 + name.length + 12, 46 + name.length, true);
  return entry;
}

test("readZipNames reads names and the encryption flag, and says where the directory is broken or past its bound", () => {
  assert.deepEqual(readZipNames(zipOf("x.exe", 1), 10), {
    names: ["x.exe"],
    encrypted: true,
    complete: true,
  });
  assert.equal(readZipNames(zipOf("x.exe", 0), 0).complete, false);
  assert.equal(readZipNames(zipOf("x.exe", 0).subarray(0, 40), 10).complete, false);
});
