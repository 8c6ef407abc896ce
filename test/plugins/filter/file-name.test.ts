import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hasExtension, isArchiveName, isMessageName, isZipName } from "../../../plugins/filter/file-name.ts";

const extensions = new Set(["exe", "com", "js", "lnk"]);
const REFUSED: readonly string[] = [
  "a.exe",
  "a.EXE",
  "a.pdf.exe",
  "a.exe.pdf",
  "a.exe .pdf",
  "a.exe. .",
  "a.exe\u200b",
  "a.\uff45xe",
  "a\u2024exe",
  "a\u202efdp.exe",
  "a.exe::$DATA",
  "a.txt:b.exe",
  "..\\..\\a.exe",
  "a.exe/",
  "a.exe\0",
  "a.e\0xe",
  "a.exe\0.xyz",
  "a.exe\0/b.xyz",
  "example.com",
  "example.com.",
  ".exe",
  `${"a".repeat(3000)}.exe`,
];
const TAKEN: readonly string[] = [
  "",
  "exe",
  "a",
  "a.pdf",
  "a.exe.sig",
  "a.exe.zip",
  "example.com.pdf",
  "node.js.pdf",
  "exe.pdf",
  "a.executive.pdf",
  "a.exe/b.pdf",
];

for (const name of REFUSED) {
  test(`hasExtension finds the extension of ${JSON.stringify(name.slice(-40))}`, () => {
    assert.equal(hasExtension(name, extensions), true);
  });
}
for (const name of TAKEN) {
  test(`hasExtension lets ${JSON.stringify(name)} pass`, () => {
    assert.equal(hasExtension(name, extensions), false);
  });
}

const KINDS: readonly { name: string; zip: boolean; archive: boolean; message: boolean }[] = [
  { name: "a.zip", zip: true, archive: true, message: false },
  { name: "A.ZIP . ", zip: true, archive: true, message: false },
  { name: "a.docx", zip: true, archive: false, message: false },
  { name: "a.tar.gz", zip: false, archive: true, message: false },
  { name: "a.zip.txt", zip: false, archive: false, message: false },
  { name: "a.eml", zip: false, archive: false, message: true },
  { name: "a.Eml\u200b", zip: false, archive: false, message: true },
  { name: "eml", zip: false, archive: false, message: false },
  { name: "", zip: false, archive: false, message: false },
];
for (const { name, zip, archive, message } of KINDS) {
  test(`isZipName, isArchiveName and isMessageName know ${JSON.stringify(name)}`, () => {
    assert.deepEqual([isZipName(name), isArchiveName(name), isMessageName(name)], [zip, archive, message]);
  });
}

test("hasExtension takes any text as a name, and finds an extension behind whatever stands before it", () => {
  const anything = fc.string({ unit: "binary", maxLength: 30 });
  const ending = fc.string({ unit: fc.constantFrom(".", " ", "\u200b", "\u202e", "\0", "\t"), maxLength: 5 });
  fc.assert(
    fc.property(anything, ending, (before, after) => {
      assert.equal(typeof hasExtension(before, extensions), "boolean");
      assert.equal(hasExtension(`${before}a.exe${after}`, extensions), true);
    }),
  );
});
