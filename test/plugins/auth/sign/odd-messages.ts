/** Messages that signers and verifiers get wrong: octets beyond ASCII, odd folds, empty and blank bodies, long ones. */

/** One message, as octets with CRLF line ends. */
export interface OddMessage {
  readonly name: string;
  readonly bytes: Buffer;
}

const FROM = "From: Ann <ann@example.com>\r\n";
const HEAD = `${FROM}To: bob@example.net\r\nSubject: Hello\r\nDate: Tue, 3 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n`;
const withField = (field: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(FROM), Buffer.from(field as string), Buffer.from("\r\n\r\nHello\r\n")]);
const withBody = (body: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${HEAD}\r\n`), Buffer.from(body as string)]);
const octets = (...parts: readonly (string | number)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.of(part))));

const FIELDS: { readonly [name: string]: string | Buffer } = {
  "raw UTF-8 in Subject": "Subject: Grüße aus Köln",
  "raw UTF-8 with the octet 0xA0 in Subject": "Subject: à bientôt, à demain",
  "0xA0 at the end of Subject": "Subject: voilà",
  "0x85 in Subject": "Subject: naïve Å… and more",
  "invalid UTF-8 in Subject": octets("Subject: x", 0xff, 0xfe, 0xc3, " y"),
  "Latin-1 in Subject": octets("Subject: Gr", 0xfc, 0xdf, "e"),
  "Latin-1 no-break space in Subject": octets("Subject: a", 0xa0, "b", 0xa0),
  "a no-break space alone as Subject": octets("Subject: ", 0xc2, 0xa0),
  "a UTF-8 no-break space and an ideographic space": "Subject: a\u00a0b\u3000c",
  "emoji in Subject": "Subject: 📧 mail",
  "UTF-8 in the display name": "To: Jörg <j@example.net>",
  "an encoded word": "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=",
  "an empty Subject": "Subject:",
  "a Subject of one space": "Subject: ",
  "a Subject of spaces and tabs": "Subject: \t \t ",
  "no space behind the colon": "Subject:Hello",
  "many spaces behind the colon": "Subject:      Hello",
  "a tab behind the colon": "Subject:\tHello",
  "spaces at the end": "Subject: Hello   ",
  "a tab at the end": "Subject: Hello\t",
  "spaces in a row": "Subject: a  b   c\t\td",
  "a folded Subject": "Subject: Hello\r\n world",
  "a Subject folded with a tab": "Subject: Hello\r\n\tworld",
  "a Subject folded many times": "Subject: a\r\n b\r\n\tc\r\n   d\r\n \t e",
  "a fold right behind the colon": "Subject:\r\n Hello",
  "colons in the value": "Subject: a:b: c :d",
  "a name in capitals": "SUBJECT: HELLO",
  "a name in small letters": "subject: hello",
  "semicolons and equals signs": "Subject: a=b; c=d;; b=",
  "two Subject fields": "Subject: one\r\nSubject: two",
  "two To fields": "To: a@example.net\r\nTo: b@example.net",
  "an empty To": "To:",
  "a long folded References": `References: ${Array.from({ length: 200 }, (_, n) => `<${n}@example.com>`).join("\r\n ")}`,
  "a long line": `Subject: ${"x".repeat(900)}`,
  "a field of another name with odd characters": "X-Odd!#$%&'*+-/=?^_`{|}~: yes\r\nSubject: Hello",
  "a space before the colon": "Subject : Hello",
  "MIME fields":
    'MIME-Version: 1.0\r\nContent-Type: text/plain;\r\n\tcharset="utf-8"\r\nContent-Transfer-Encoding: 8bit',
  "list fields":
    "List-Id: <a.example.com>\r\nList-Unsubscribe: <https://example.com/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click",
  "an older DKIM-Signature":
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x; h=from; bh=aaaa; b=bbbb\r\nSubject: Hello",
  "a Received field below": "Received: from a by b; Tue, 3 Mar 2026 10:00:00 +0000\r\nSubject: Hello",
  "1,000 fields": `${Array.from({ length: 1000 }, (_, n) => `X-${n}: ${n}`).join("\r\n")}\r\nSubject: Hello`,
  "1,000 folds": `Subject: a${"\r\n b".repeat(1000)}`,
  "80,000 spaces in a field": `Subject: a${" ".repeat(80_000)}b`,
  "a group without members": "To: undisclosed-recipients:;",
};

const BODIES: { readonly [name: string]: string | Buffer } = {
  "an empty body": "",
  "a body of one line end": "\r\n",
  "a body of blank lines only": "\r\n".repeat(50),
  "a body of lines of spaces": " \r\n\t\r\n  \r\n",
  "a body of one space": " ",
  "no line end at the end": "Hello",
  "spaces at the end and no line end": "Hello  ",
  "blank lines at the end": "Hello\r\n\r\n\r\n",
  "lines of spaces at the end": "Hello\r\n  \r\n\t\r\n",
  "blank lines at the begin": "\r\n\r\nHello\r\n",
  "spaces at ends of lines": "Hello  \r\nworld\t\r\n",
  "spaces at begins of lines": "  Hello\r\n\tworld\r\n",
  "spaces in a row in lines": "a  b \t c\r\n",
  "UTF-8 in the body": "Grüße à\u00a0bientôt 📧\r\n",
  "invalid UTF-8 in the body": octets("x", 0xff, 0xa0, 0xc3, "\r\n"),
  "all octets but CR, LF and NUL": Buffer.concat([
    Buffer.from(Array.from({ length: 255 }, (_, n) => n + 1).filter((n) => n !== 10 && n !== 13)),
    Buffer.from("\r\n"),
  ]),
  "dots at begins of lines": ".\r\n..\r\n.a\r\n",
  "what looks like a header": "From: x\r\nDKIM-Signature: v=1\r\n\r\nx\r\n",
  "a long line in the body": `${"x".repeat(20_000)}\r\n`,
  "80,000 spaces in a line of the body": `a${" ".repeat(80_000)}b\r\n`,
  "1,000 blank lines and a word": `${"\r\n".repeat(1000)}x\r\n`,
  "100 KB of text": "The quick brown fox jumps over the lazy dog.\r\n".repeat(2200),
};

/** All of them, at least 60. */
export const ODD_MESSAGES: readonly OddMessage[] = [
  ...Object.entries(FIELDS).map(([name, field]) => ({ name, bytes: withField(field) })),
  ...Object.entries(BODIES).map(([name, body]) => ({ name, bytes: withBody(body) })),
  { name: "no empty line and no body", bytes: Buffer.from(HEAD) },
];
