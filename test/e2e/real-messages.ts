/** Messages such as clients send, each with something that a relay may break. Line ends are CRLF. */
import { randomBytes } from "node:crypto";

/** Text with its line ends made CRLF. */
export const crlf = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"), "utf8");

/** A message of about so many octets, in lines as base64 makes them, with random text. */
export function largeMessage(bytes: number): Buffer {
  const text = randomBytes(Math.ceil((bytes * 3) / 4)).toString("base64");
  return Buffer.from(
    `From: a@example.com\r\nSubject: large\r\n\r\n${text.replace(/.{76}/g, "$&\r\n")}\r\n`,
    "latin1",
  );
}

const octets = Buffer.from(Array.from({ length: 256 }, (_, n) => n).filter((n) => ![0, 10, 13].includes(n)));

export const REAL_MESSAGES: readonly { readonly name: string; readonly content: () => Buffer }[] = [
  {
    name: "plain text",
    content: () => crlf("From: a@example.com\nTo: b@example.com\nSubject: hello\n\nhello\n"),
  },
  {
    name: "MIME with several parts",
    content: () =>
      crlf(`From: a@example.com
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_b"

preamble
--=_b
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>=C3=A4=20
</p>
--=_b
Content-Type: application/octet-stream; name="a.bin"
Content-Transfer-Encoding: base64

AAECAwQFBgcICQ==
--=_b--
epilogue${" "}


`),
  },
  {
    name: "8-bit octets that are no UTF-8",
    content: () =>
      Buffer.concat([
        Buffer.from("From: a@example.com\r\nSubject: caf\xe9\r\n\r\n", "latin1"),
        octets,
        Buffer.from("\r\n"),
      ]),
  },
  { name: "20 MB", content: () => largeMessage(20_000_000) },
  {
    name: "lines that begin with dots",
    content: () => crlf("Subject: dots\n\n.\n..\n...\n.a\nb.\n\n.\n. \n.\n"),
  },
  {
    name: "20 MB of lines that are a dot",
    content: () => Buffer.concat([crlf("Subject: dots\n\n"), Buffer.alloc(20_000_001, ".\r\n")]),
  },
  {
    name: "lines over 998 octets",
    content: () => crlf(`Subject: long\n\n${"x".repeat(9000)}\n.${"y".repeat(200_000)}\n`),
  },
  { name: "no header section", content: () => crlf("hello there, this is no field\n") },
  { name: "a header section without a body", content: () => crlf("Subject: nothing\n") },
  { name: "an empty line alone", content: () => crlf("\n") },
  { name: "nothing at all", content: () => Buffer.alloc(0) },
  {
    name: "a header section of 500 KB",
    content: () => crlf(`${`X-Long: ${"folded text\n ".repeat(20)}end\n`.repeat(2000)}\nbody\n`),
  },
];
