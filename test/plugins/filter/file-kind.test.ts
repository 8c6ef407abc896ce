import assert from "node:assert/strict";
import { test } from "node:test";
import { headBytes, sniffType } from "../../../plugins/filter/file-kind.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
/** Octets as hexadecimal, then zeros up to what `sniffType` looks at. */
const head = (hex: string) => {
  const bytes = new Uint8Array(headBytes);
  bytes.set(Buffer.from(hex, "hex"));
  return bytes;
};

const TABLE: readonly { name: string; input: Uint8Array; want: string | undefined }[] = [
  { name: "a program of DOS and Windows", input: head("4d5a90"), want: "application/x-msdownload" },
  { name: "a program of Linux", input: head("7f454c46"), want: "application/x-elf" },
  { name: "a program of macOS, 64 bits", input: head("cffaedfe"), want: "application/x-mach-binary" },
  { name: "a script", input: utf8("#!/bin/sh\n"), want: "application/x-sh" },
  {
    name: "a shortcut of Windows",
    input: head("4c0000000114020000000000c000000000000046"),
    want: "application/x-ms-shortcut",
  },
  { name: "a cabinet", input: utf8("MSCF"), want: "application/vnd.ms-cab-compressed" },
  { name: "a zip archive", input: utf8("PK\u0003\u0004"), want: "application/zip" },
  { name: "an empty zip archive", input: utf8("PK\u0005\u0006"), want: "application/zip" },
  {
    name: "a document of the old Office",
    input: head("d0cf11e0a1b11ae1"),
    want: "application/x-ole-storage",
  },
  { name: "a PDF", input: utf8("%PDF-1.7"), want: "application/pdf" },
  { name: "a signature that is cut off", input: utf8("%PDF"), want: undefined },
  { name: "a signature that stands later", input: utf8(" %PDF-1.7"), want: undefined },
  {
    name: "a text that begins like a program",
    input: utf8("MZ is short for Ministerstvo zdravotnictvi, and it has no zero octets at all"),
    want: undefined,
  },
  { name: "a text", input: utf8("Hello"), want: undefined },
  { name: "nothing", input: new Uint8Array(0), want: undefined },
];

for (const { name, input, want } of TABLE) {
  test(`sniffType ${want ? "knows" : "knows nothing by"} ${name}`, () =>
    assert.equal(sniffType(input), want));
}
