import assert from "node:assert/strict";
import { test } from "node:test";
import { hasExtension } from "../../../plugins/filter/file-name.ts";

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
