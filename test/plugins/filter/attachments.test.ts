import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { definePlugin, type Fact, pipeline } from "postern";
import { Attachments, attachments } from "../../../plugins/filter/attachments.ts";
import { gatewayOf, replyText, toBackend } from "../fakes.ts";
import { CASES, IN_ARCHIVE, KIND, TAKEN, UNCHECKED } from "./attachment-cases.ts";
import { file, message, multipart, text } from "./mail-writer.ts";
import { zipOf } from "./zip-writer.ts";

for (const { name, part, options, want } of CASES) {
  test(`attachments ${want === TAKEN ? "takes" : "refuses"} ${name}`, async () => {
    const inject = await gatewayOf(pipeline(attachments(options), toBackend));
    const outcome = await inject({ content: message(part) });
    assert.equal(replyText(outcome), want);
    assert.equal(outcome.deliveries.length, want === TAKEN ? 1 : 0);
  });
}

test("attachments tells later plugins by its fact what it found", async () => {
  const seen: unknown[] = [];
  const reader = definePlugin({
    name: "reader",
    reads: [Attachments],
    data: (ctx) => void seen.push(ctx.fact(Attachments)),
  });
  const inject = await gatewayOf(pipeline(attachments(), reader, toBackend));
  const parts = [
    text(),
    file("b\u00fccher.pdf", "%PDF-1.7 ..."),
    file("c.txt", zipOf([{ name: "x.txt" }]), "text/plain"),
  ];
  const outcome = await inject({ content: message(multipart(parts)) });
  const want = {
    files: [
      { name: "b\u00fccher.pdf", type: "application/pdf" },
      { name: "c.txt", type: "application/zip" },
    ],
    complete: true,
  };
  assert.deepEqual(seen, [want]);
  assert.deepEqual(outcome.facts.attachments, want);
});

test("the fact of attachments lists at most 100 files, with names cut at 255 characters", async () => {
  const inject = await gatewayOf(pipeline(attachments(), toBackend));
  const long = `${"\u{1F600}".repeat(200)}.pdf`;
  const outcome = await inject({
    content: message(multipart(Array.from({ length: 120 }, () => file(long, "x")))),
  });
  const { files, complete } = outcome.facts.attachments as {
    files: { name: string }[];
    complete: boolean;
  };
  assert.equal(files.length, 100);
  assert.equal(complete, true);
  assert.ok(files.every(({ name }) => name.length === 255 && name.isWellFormed()));
});

test("the fact of attachments says that nothing is known where the plugin did not run", () => {
  const { fallback }: Fact<string, "data", "transaction", { files: object[]; complete: boolean }> =
    Attachments;
  assert.deepEqual(fallback, { files: [], complete: false });
});

test("attachments takes or refuses any octets without a fault", async () => {
  const inject = await gatewayOf(pipeline(attachments(), toBackend));
  const piece = fc.constantFrom(
    "Content-Type: multipart/mixed; boundary=b\n",
    "Content-Type: message/rfc822\n",
    "Content-Type: application/zip\n",
    "Content-Transfer-Encoding: base64\n",
    "Content-Disposition: attachment; filename*0*=utf-8''a%2",
    '; filename="a.eml"\n',
    "\n",
    "\n--b\n",
    "\n--b--\n",
    "UEsDBBQ=",
    "PK\x03\x04\x14",
    "PK\x05\x06",
    "\u00ff\u0000",
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 30 }),
      async (pieces) => {
        // A field first, as the engine refuses content that begins with white space by itself.
        const outcome = await inject({ content: `Subject: any\n${pieces.join("")}` });
        assert.ok([TAKEN, KIND, IN_ARCHIVE, UNCHECKED].includes(replyText(outcome)), replyText(outcome));
      },
    ),
    { numRuns: 200 },
  );
});
