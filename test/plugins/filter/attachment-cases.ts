/** Messages with attachments, and what the plugin `attachments` answers to each. */
import type { AttachmentsOptions } from "../../../plugins/filter/attachments.ts";
import { encoded, file, forwarded, message, multipart, text, type WrittenPart } from "./mail-writer.ts";
import { zipOf } from "./zip-writer.ts";

export const TAKEN = "250 2.0.0 Message accepted";
export const KIND = "550 5.7.1 We do not take this kind of attachment";
export const IN_ARCHIVE = "550 5.7.1 We do not take this kind of file in an archive";
export const UNCHECKED = "550 5.7.1 The attachments can not be checked";

const program = (() => {
  const bytes = Buffer.alloc(100);
  bytes.set([0x4d, 0x5a, 0x90, 0, 3]);
  return bytes;
})();
const named = (disposition: string, type = "application/octet-stream") =>
  encoded([`Content-Type: ${type}`, `Content-Disposition: attachment; ${disposition}`], "harmless");
const quoted = (part: WrittenPart): WrittenPart => ({
  head: ["Content-Type: message/rfc822", "Content-Transfer-Encoding: quoted-printable"],
  body: message(part).replaceAll("=", "=3D"),
});

/** A message, and the reply to it. */
export interface Case {
  readonly name: string;
  readonly part: WrittenPart;
  readonly options?: AttachmentsOptions;
  readonly want: string;
}

const NAMES: readonly Case[] = [
  { name: "a file with a harmless name", part: file("a.pdf", "x"), want: TAKEN },
  { name: "a program by its name", part: file("a.exe", "x"), want: KIND },
  { name: "a name in capitals", part: file("A.EXE", "x"), want: KIND },
  { name: "a second extension that looks harmless", part: file("invoice.exe.pdf", "x"), want: KIND },
  { name: "dots and spaces at the end", part: file("a.exe . ", "x"), want: KIND },
  { name: "a right-to-left override", part: named("filename*=utf-8''a%E2%80%AEfdp.exe"), want: KIND },
  { name: "a NUL in the name", part: named("filename*=utf-8''a.exe%00.xyz"), want: KIND },
  {
    name: "a name in Content-Type alone",
    part: encoded(['Content-Type: text/plain; name="a.exe"'], "x"),
    want: KIND,
  },
  { name: "a name without quotes", part: named("filename=my program.exe"), want: KIND },
  { name: "a name of RFC 2231", part: named("filename*=utf-8'en'a%2Eexe"), want: KIND },
  { name: "a name of RFC 2231 in pieces", part: named("filename*0=a.; filename*1=exe"), want: KIND },
  {
    name: "a name of RFC 2231 in pieces out of order",
    part: named("filename*1=exe;\n filename*0*=utf-8''a%2e"),
    want: KIND,
  },
  {
    name: "a plain name beside one of RFC 2231",
    part: named("filename=a.exe; filename*=utf-8''a.pdf"),
    want: KIND,
  },
  {
    name: "a name of RFC 2231 beside a plain one",
    part: named("filename=a.pdf; filename*=utf-8''a.exe"),
    want: KIND,
  },
  { name: "a name in encoded words", part: named('filename="=?utf-8?B?YS5leGU=?="'), want: KIND },
  {
    name: "a name in two encoded words",
    part: named('filename="=?utf-8?Q?a=2E?= =?utf-8?Q?exe?="'),
    want: KIND,
  },
  { name: "the second of two names", part: named("filename=a.pdf; filename=a.exe"), want: KIND },
  { name: "the first of two names", part: named("filename=a.exe; filename=a.pdf"), want: KIND },
  {
    name: "a name in a second Content-Disposition",
    part: encoded(
      [
        "Content-Type: text/plain",
        "Content-Disposition: inline",
        "Content-Disposition: attachment; filename=a.exe",
      ],
      "x",
    ),
    want: KIND,
  },
  {
    name: "another name in Content-Type",
    part: named("filename=a.pdf", "text/plain; name=a.exe"),
    want: KIND,
  },
  {
    name: "more names than can be looked at",
    part: named(Array.from({ length: 30 }, (_, i) => `filename=${i}.pdf`).join("; ")),
    want: UNCHECKED,
  },
  {
    name: "a longer name than can be looked at",
    part: named(`filename="${"a ".repeat(3000)}.pdf"`),
    want: UNCHECKED,
  },
  {
    name: "an extension of the config",
    part: file("a.docm", "x"),
    options: { refuse: { extensions: ["DOCM"] } },
    want: KIND,
  },
  {
    name: "one that the config's list lacks",
    part: file("a.exe", "x"),
    options: { refuse: { extensions: ["docm"] } },
    want: TAKEN,
  },
];

const TYPES: readonly Case[] = [
  { name: "a program by its first octets", part: file("a.pdf", program), want: KIND },
  { name: "a program as the whole body", part: encoded(["Content-Type: text/plain"], program), want: KIND },
  { name: "a type by its declaration", part: file("a", "x", "application/x-msdownload"), want: KIND },
  { name: "a type in capitals", part: file("a", "x", "APPLICATION/X-MSDOWNLOAD; a=b"), want: KIND },
  { name: "a text that begins like a program", part: text("MZ is an abbreviation."), want: TAKEN },
  {
    name: "a type of the config",
    part: file("a.pdf", "%PDF-1.7"),
    options: { refuse: { types: ["application/pdf"] } },
    want: KIND,
  },
];

const NESTED: readonly Case[] = [
  {
    name: "a file in a forwarded message",
    part: multipart([text(), forwarded(multipart([file("a.exe", "x")]))]),
    want: KIND,
  },
  {
    name: "a file three messages deep",
    part: forwarded(forwarded(forwarded(file("a.exe", "x")))),
    want: KIND,
  },
  {
    name: "a forwarded message without such a file",
    part: forwarded(multipart([file("a.pdf", "x")])),
    want: TAKEN,
  },
  {
    name: "a file in a message in base64",
    part: encoded(["Content-Type: message/rfc822"], message(multipart([file("a.exe", "x")]))),
    want: KIND,
  },
  {
    name: "a file in a message in quoted-printable",
    part: quoted(multipart([file("a.exe", "x")])),
    want: KIND,
  },
  {
    name: "a harmless message in base64",
    part: encoded(["Content-Type: message/rfc822"], message(text())),
    want: TAKEN,
  },
  {
    name: "a file in a message that is attached as a file",
    part: file("forwarded.eml", message(multipart([file("a.exe", "x")]))),
    want: KIND,
  },
  {
    name: "a harmless message that is attached as a file",
    part: file("a.eml", message(multipart([file("a.pdf", "x")]))),
    want: TAKEN,
  },
  {
    name: "messages in base64 deeper than the bound",
    part: Array.from({ length: 7 }).reduce<WrittenPart>((part) => file("a.eml", message(part)), text()),
    want: UNCHECKED,
  },
  {
    name: "a message in base64 that is longer than the bound",
    part: file("a.eml", message(text("x".repeat(4000)))),
    options: { bytesMax: 2000 },
    want: UNCHECKED,
  },
  {
    name: "a piece of a message",
    part: { head: ["Content-Type: message/partial; id=a; number=1"], body: "x" },
    want: UNCHECKED,
  },
  {
    name: "a bounce with a header section alone",
    part: multipart([text(), { head: ["Content-Type: message/rfc822"], body: "" }], "report"),
    want: TAKEN,
  },
];

const ZIPS: readonly Case[] = [
  { name: "a zip with harmless names", part: file("a.zip", zipOf([{ name: "a.pdf" }])), want: TAKEN },
  {
    name: "a program in a zip",
    part: file("a.zip", zipOf([{ name: "b.pdf" }, { name: "dir/a.exe" }])),
    want: IN_ARCHIVE,
  },
  {
    name: "a folder with such a name in a zip",
    part: file("a.zip", zipOf([{ name: "node.js/", content: "" }])),
    want: TAKEN,
  },
  {
    name: "a program in a zip of another name",
    part: file("a.pdf", zipOf([{ name: "a.exe" }])),
    want: IN_ARCHIVE,
  },
  {
    name: "a program in a document that is a zip",
    part: file("a.docx", zipOf([{ name: "word/a.exe" }])),
    want: IN_ARCHIVE,
  },
  {
    name: "a program in a zip behind other octets",
    part: file("a.zip", Buffer.concat([Buffer.from("junk"), zipOf([{ name: "a.exe" }])])),
    want: IN_ARCHIVE,
  },
  {
    name: "a zip in a forwarded message",
    part: forwarded(multipart([file("a.zip", zipOf([{ name: "a.exe" }]))])),
    want: IN_ARCHIVE,
  },
  {
    name: "a zip that is cut off",
    part: file("a.zip", zipOf([{ name: "a.pdf" }]).subarray(0, 60)),
    want: UNCHECKED,
  },
  { name: "a zip that is none", part: file("a.zip", "not a zip"), want: UNCHECKED },
  {
    name: "a zip with more names than the bound",
    part: file("a.zip", zipOf([{ name: "a.pdf" }, { name: "b.pdf" }])),
    options: { entriesMax: 1 },
    want: UNCHECKED,
  },
  {
    name: "a zip that is longer than the bound",
    part: file("a.zip", zipOf([{ name: "a.pdf", stored: true, content: "x".repeat(5000) }])),
    options: { bytesMax: 2048 },
    want: UNCHECKED,
  },
  { name: "an encrypted zip", part: file("a.zip", zipOf([{ name: "a.pdf", encrypted: true }])), want: TAKEN },
  {
    name: "an encrypted zip where those are refused",
    part: file("a.zip", zipOf([{ name: "a.pdf", encrypted: true }])),
    options: { refuseEncryptedZip: true },
    want: "550 5.7.1 We do not take encrypted archives",
  },
  { name: "an archive in a zip", part: file("a.zip", zipOf([{ name: "b.rar" }])), want: TAKEN },
  {
    name: "an archive in a zip where those are refused",
    part: file("a.zip", zipOf([{ name: "b.rar" }])),
    options: { refuseNestedArchives: true },
    want: "550 5.7.1 We do not take archives in archives",
  },
];

const BROKEN: readonly Case[] = [
  {
    name: "a multipart without its last delimiter",
    part: { ...multipart([text()]), body: "--b\n\nx", head: ["Content-Type: multipart/mixed; boundary=b"] },
    want: TAKEN,
  },
  {
    name: "a multipart without any delimiter",
    part: { head: ["Content-Type: multipart/mixed; boundary=b"], body: "--c\n\nhidden\n" },
    want: UNCHECKED,
  },
  {
    name: "a multipart without a boundary",
    part: { head: ["Content-Type: multipart/mixed"], body: "--c\n\nhidden\n" },
    want: UNCHECKED,
  },
  {
    name: "a multipart in base64",
    part: encoded(["Content-Type: multipart/mixed; boundary=b"], "--b\n\nhidden\n--b--\n"),
    want: UNCHECKED,
  },
  {
    name: "two types that differ",
    part: multipart([
      { head: ["Content-Type: text/plain", "Content-Type: multipart/mixed; boundary=b"], body: "x" },
    ]),
    want: UNCHECKED,
  },
  {
    name: "two encodings that differ",
    part: multipart([
      { head: ["Content-Transfer-Encoding: 7bit", "Content-Transfer-Encoding: base64"], body: "TVo=" },
    ]),
    want: UNCHECKED,
  },
  {
    name: "a type given twice alike",
    part: multipart([{ head: ["Content-Type: text/plain", "Content-Type: TEXT/plain"], body: "x" }]),
    want: TAKEN,
  },
  {
    name: "an encoding that is not taken off",
    part: { head: ["Content-Transfer-Encoding: x-uuencode"], body: "begin 644 a\n" },
    want: UNCHECKED,
  },
  {
    name: "more parts than the bound",
    part: multipart([text(), text(), text()]),
    options: { partsMax: 3 },
    want: UNCHECKED,
  },
  {
    name: "as many parts as the bound",
    part: multipart([text(), text()]),
    options: { partsMax: 3 },
    want: TAKEN,
  },
  {
    name: "more parts than the bound, where that passes",
    part: multipart([text(), text(), text()]),
    options: { partsMax: 3, onBounds: "pass" },
    want: TAKEN,
  },
  {
    name: "more parts than the bound, where that is put off",
    part: multipart([text(), text(), text()]),
    options: { partsMax: 3, onBounds: "tempfail" },
    want: "451 4.7.1 The attachments can not be checked",
  },
  {
    name: "a program before the bound, where what is past it passes",
    part: multipart([file("a.exe", "x"), text(), text()]),
    options: { partsMax: 2, onBounds: "pass" },
    want: KIND,
  },
];

/** All of them. */
export const CASES: readonly Case[] = [...NAMES, ...TYPES, ...NESTED, ...ZIPS, ...BROKEN];
