/** What a DSN gives back of the original: RFC 3461 4.3, RFC 6522 4, RFC 6533, RFC 8689 5. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Content, joinContents, memoryContent } from "../../core/mail/mod.ts";
import { composeDsn, type DsnRequest } from "../../core/queue/dsn-message.ts";
import { DSN_HEADER_BYTES_MAX } from "../../core/queue/dsn-original.ts";
import { bytes, chunked, failing } from "../gateway/spool-fixtures.ts";
import { bodyOf, compose, ORIGINAL, request, stored } from "./dsn-bed.ts";

const utf8Header = "Subject: K\u00e4se\r\n\r\n";
const FULL = { ret: "FULL" } as const;
const RETURN_CASES: readonly {
  name: string;
  content?: Content | string | Uint8Array;
  parameters?: DsnRequest["message"]["parameters"];
  given?: Partial<DsnRequest>;
  /** Type, transfer encoding, and what its body has or has not. */
  want: readonly [type: string, encoding: string, has: RegExp, hasNot?: RegExp];
}[] = [
  {
    name: "3461 4.3: who did not say gets the header section",
    parameters: {},
    want: ["text/rfc822-headers", "7bit", /^Subject: Lunch$/m, /At noon/],
  },
  {
    name: "3461 4.3: RET=HDRS",
    parameters: { ret: "HDRS" },
    want: ["text/rfc822-headers", "7bit", /Lunch/, /noon/],
  },
  { name: "3461 4.3: RET=FULL", want: ["message/rfc822", "7bit", /At noon/] },
  {
    name: "3461 4.3: FULL is for failures alone",
    given: { kind: "delayed" },
    want: ["text/rfc822-headers", "7bit", /Lunch/, /noon/],
  },
  {
    name: "8689 5: REQUIRETLS is HDRS",
    parameters: { ret: "FULL", requireTls: true },
    want: ["text/rfc822-headers", "7bit", /Lunch/, /noon/],
  },
  {
    name: "a message above the bound",
    given: { contentBytesMax: ORIGINAL.length },
    want: ["text/rfc822-headers", "7bit", /Lunch/, /noon/],
  },
  {
    name: "a message that comes in small chunks",
    content: chunked(bytes(`${ORIGINAL}${"x\r\n".repeat(99)}`), [1, 2, 3]),
    want: ["message/rfc822", "7bit", /(?:x\r\n){99}$/],
  },
  {
    name: "2046 5.2.1: an 8-bit body",
    content: "A: b\r\n\r\n\u00e4\r\n",
    want: ["message/rfc822", "8bit", /\u00e4/],
  },
  {
    name: "6532 3.7: a header section in UTF-8",
    content: `${utf8Header}b\r\n`,
    want: ["message/global", "8bit", /K\u00e4se/],
  },
  {
    name: "a header section in another charset",
    content: Buffer.from("Subject: K\xe4se\r\n\r\nb\r\n", "latin1"),
    want: ["message/rfc822", "8bit", /Subject/],
  },
  {
    name: "2045 2.8: a bare LF",
    content: "A: b\nB: c\r\n\r\nbody\r\n",
    want: ["text/rfc822-headers", "7bit", /A: b\r\nB: c\r\n/, /body/],
  },
  {
    name: "2045 2.8: a bare CR",
    content: "A: b\rC: d\r\n\r\n",
    want: ["text/rfc822-headers", "7bit", /A: b C: d\r\n/],
  },
  { name: "a CR at the end", content: "A: b\r\n\r\nc\r", want: ["text/rfc822-headers", "7bit", /A: b/] },
  {
    name: "2045 2.8: a NUL",
    content: "A: b\0c\r\n\r\nd\r\n",
    want: ["text/rfc822-headers", "7bit", /A: b c\r\n/],
  },
  {
    name: "5322 2.1.1: a line of 998 octets",
    content: `A: b\r\n\r\n${"c".repeat(998)}\r\n`,
    want: ["message/rfc822", "7bit", /c{998}/],
  },
  {
    name: "5322 2.1.1: a longer line",
    content: `A: b\r\n\r\n${"c".repeat(999)}\r\n`,
    want: ["text/rfc822-headers", "7bit", /A: b/, /ccc/],
  },
  {
    name: "6522 4: a header section with a longer line is encoded",
    content: `A: ${"c".repeat(999)}\r\n\r\n`,
    want: ["text/rfc822-headers", "quoted-printable", /A: c{999}\r\n/],
  },
  {
    name: "6522 4: one beyond ASCII, of a message without SMTPUTF8, is encoded",
    content: utf8Header,
    parameters: {},
    want: ["text/rfc822-headers", "quoted-printable", /K\u00e4se/],
  },
  {
    name: "6533 5: one in UTF-8, of a message with SMTPUTF8, is not",
    content: utf8Header,
    parameters: { smtputf8: true },
    want: ["message/global-headers", "8bit", /K\u00e4se/],
  },
  {
    name: "content without an empty line",
    content: "A: b",
    parameters: {},
    want: ["text/rfc822-headers", "7bit", /A: b\r\n$/],
  },
  {
    name: "a header section that is longer than what is given back is cut at a line",
    content: `${"A: b\r\n".repeat(20_000)}\r\n`,
    want: ["text/rfc822-headers", "7bit", /A: b\r\n$/],
  },
  {
    name: "a body that ends in our kind of boundary",
    content: "A: b\r\n\r\n--=_other--\r\n",
    want: ["message/rfc822", "7bit", /--=_other--\r\n$/],
  },
];

describe("composeDsn, what is given back", () => {
  for (const { name, content = ORIGINAL, parameters = FULL, given, want } of RETURN_CASES) {
    it(name, async () => {
      const octets =
        typeof content === "string"
          ? memoryContent(bytes(content))
          : content instanceof Uint8Array
            ? memoryContent(content)
            : content;
      const made = await compose({ message: stored({ content: octets, parameters }), ...given });
      const part = made.parts[2];
      const [type, encoding, has, hasNot] = want;
      assert.deepEqual([part?.contentType, part?.transferEncoding], [type, encoding]);
      const body = await bodyOf(part);
      assert.match(body, has);
      assert.match(body, /^Received: from client\.example/, "our trace field stands on top");
      if (hasNot) assert.doesNotMatch(body, hasNot);
      assert.ok(body.length <= DSN_HEADER_BYTES_MAX + 1_000 || type.startsWith("message/"));
    });
  }

  it("leaves the part out where there is nothing to give back", async () => {
    const message = stored({ content: memoryContent(bytes("\r\nbody\r\n")), traceField: bytes("") });
    assert.equal((await compose({ message })).parts.length, 2);
  });

  it("streams a large original and holds none of it", async () => {
    const size = 64 * 2 ** 20;
    const chunk = bytes(`${"x".repeat(62)}\r\n`.repeat(1_024));
    let read = 0;
    const body: Content = {
      size,
      async *read(start = 0, end = size) {
        for (let at = start; at < end; at += chunk.length) {
          read += chunk.length;
          yield chunk;
        }
      },
    };
    const content = joinContents([memoryContent(bytes("A: b\r\n\r\n")), body]);
    const message = stored({ content, parameters: { ret: "FULL" } });
    const dsn = await composeDsn(request({ message, contentBytesMax: 2 * size }));
    assert.equal(dsn.content.bytes, undefined);
    assert.ok(dsn.content.size > size);
    assert.ok(read <= size + chunk.length, "the header section, and one look at the lines");
  });

  it("rejects where the original can not be read, and where nobody may be told", async () => {
    const message = stored({ content: failing(9_999, 10) });
    await assert.rejects(composeDsn(request({ message })), /the disk is gone/);
    await assert.rejects(composeDsn(request({ message: stored({ reversePath: null }) })), RangeError);
  });
});
