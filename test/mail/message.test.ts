/** The piece table: edits, undo, flatten, forks; text added in every encoding; large bodies streamed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { type Content, memoryContent, readAll } from "../../core/mail/content.ts";
import { Message } from "../../core/mail/message.ts";
import type { Part } from "../../core/mail/message-view.ts";

const encoder = new TextEncoder();

async function load(text: string): Promise<Message> {
  return Message.load(memoryContent(encoder.encode(text)));
}

async function textOf(content: Content): Promise<string> {
  return new TextDecoder("latin1").decode(
    await readAll({ size: content.size, read: content.read.bind(content) }),
  );
}

const edit = fc.record({ at: fc.nat(), length: fc.nat(30), bytes: fc.uint8Array({ maxLength: 20 }) });

test("Message gives edits that equal plain replacing, flatten to the same, and undo to the original byte for byte", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(edit, { maxLength: 12 }),
      async (bytes, edits) => {
        const original = memoryContent(bytes);
        const message = await Message.load(original);
        const forms: Uint8Array[] = [bytes];
        for (const { at, length, bytes: put } of edits) {
          const before = forms.at(-1) as Uint8Array;
          const start = at % (before.length + 1);
          const end = Math.min(start + length, before.length);
          const replacement = memoryContent(put);
          message.apply({ start, end, replacement, author: "a", reason: "r", summary: "s" });
          forms.push(Uint8Array.of(...before.subarray(0, start), ...put, ...before.subarray(end)));
          assert.deepEqual(await readAll(message.content), forms.at(-1));
          assert.equal(message.size, forms.at(-1)?.length);
          const headerEnd = message.headerBytes.length;
          assert.deepEqual(message.headerBytes, forms.at(-1)?.subarray(0, headerEnd));
        }
        let flat: number[] = [];
        let from = 0;
        for (const splice of message.flatten()) {
          assert.ok(splice.start >= from);
          flat = [...flat, ...bytes.subarray(from, splice.start), ...(await readAll(splice.replacement))];
          from = splice.end;
        }
        assert.deepEqual(Uint8Array.from([...flat, ...bytes.subarray(from)]), forms.at(-1));
        while (message.edits.length > 0) {
          assert.ok(message.undo());
          forms.pop();
          assert.deepEqual(await readAll(message.content), forms.at(-1));
        }
        assert.equal(message.undo(), false);
        assert.equal(message.content, original);
      },
    ),
    { numRuns: 200 },
  );
});

test("Message without edits gives the very content that was loaded; fork is apart from its source", async () => {
  const original = memoryContent(encoder.encode("A: 1\r\n\r\nbody\r\n"));
  const message = await Message.load(original);
  assert.equal(message.content, original);
  const fork = message.fork();
  assert.ok(fork.sameFormAs(message));
  fork.editor("plugin").addField("X-New", "yes", "because");
  assert.equal(await textOf(fork.content), "X-New: yes\r\nA: 1\r\n\r\nbody\r\n");
  assert.equal(message.content, original);
  assert.ok(!fork.sameFormAs(message));
  assert.equal(fork.edits[0]?.author, "plugin");
  assert.equal(fork.bodyEdited, false);
});

test("addField, replaceField and removeField keep every other byte", async () => {
  const message = await load("A: 1\r\nB:  two\r\n\tfolded\r\nA: 3\r\n\r\nbody");
  const editor = message.editor("p");
  editor.addField("C", "c", "r", { after: "a", n: 0 });
  assert.equal(editor.replaceField("b", "new", "r"), true);
  assert.equal(editor.replaceField("missing", "new", "r"), false);
  assert.equal(await textOf(message.content), "A: 1\r\nC: c\r\nb: new\r\nA: 3\r\n\r\nbody");
  assert.equal(editor.removeField("a", "r"), 2);
  assert.equal(await textOf(message.content), "C: c\r\nb: new\r\n\r\nbody");
});

test("addField on content that begins with white space or lacks its last line end does not join lines", async () => {
  const folded = await load(" stray\r\nA: 1\r\n\r\n");
  folded.editor("p").addField("X", "x", "r");
  assert.equal(folded.header.get("x"), "x");
  const cut = await load("A: 1");
  cut.editor("p").addField("X", "x", "r", { after: "A" });
  assert.equal(await textOf(cut.content), "A: 1\r\nX: x\r\n");
  assert.equal(cut.header.get("x"), "x");
});

const encodings: [name: string, headers: string, body: string, old: string][] = [
  ["7bit", "", "Hello\r\n", "Hello\r\n"],
  ["8bit", "Content-Transfer-Encoding: 8bit\r\nContent-Type: text/plain; charset=utf-8\r\n", "Hi", "Hi"],
  [
    "quoted-printable",
    "Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=utf-8\r\n",
    "a=3D=\r\nb",
    "a=b",
  ],
  [
    "quoted-printable with a soft break at the end",
    "Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=utf-8\r\n",
    "ab=",
    "ab",
  ],
  ...["", "a", "ab", "abc", "abc\r\n", "abcd\r\n"].map((text): [string, string, string, string] => [
    `base64 of ${text.length}`,
    "Content-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=utf-8\r\n",
    btoa(text),
    text,
  ]),
];

for (const [name, headers, body, old] of encodings) {
  test(`appendText and prependText in ${name} decode to the old text with the addition`, async () => {
    const tail = "-- \r\nA = footer.\r\n";
    const appended = await load(`${headers}\r\n${body}`);
    await appended.editor("p").appendText({ plain: tail }, "r");
    const gap = old === "" || old.endsWith("\n") ? "" : "\r\n";
    assert.equal(await (await appended.structure()).text(10_000), old + gap + tail);
    const prepended = await load(`${headers}\r\n${body}`);
    await prepended.editor("p").prependText({ plain: tail }, "r");
    const text = await (await prepended.structure()).text(10_000);
    assert.equal(text.replace(/ *\r\n/g, "\r\n"), (tail + old).replace(/ *\r\n/g, "\r\n"));
    appended.undo();
    assert.equal(await textOf(appended.content), `${headers}\r\n${body}`);
  });
}

test("appendText puts HTML before </body>, in references where the charset lacks a character", async () => {
  for (const base64 of [false, true]) {
    for (const lead of ["", "x", "xy"]) {
      const html = `${lead}<html><BODY class=a><p>Hi</p></BODY></html>\r\n`;
      const coding = base64 ? "base64" : "quoted-printable";
      const body = base64 ? btoa(html) : html.replaceAll("=", "=3D");
      const type = "Content-Type: text/html; charset=iso-8859-1";
      const message = await load(`${type}\r\nContent-Transfer-Encoding: ${coding}\r\n\r\n${body}`);
      await message.editor("p").appendText({ plain: "", html: "<b>\u20ac</b>" }, "r");
      await message.editor("p").prependText({ plain: "", html: "<i>top</i>" }, "r");
      const text = (await (await message.structure()).text(10_000)).replace(/(<\/[bi]>) +/g, "$1");
      assert.equal(text, `${lead}<html><BODY class=a><i>top</i><p>Hi</p><b>&#8364;</b></BODY></html>\r\n`);
    }
  }
});

test("appendText turns a 7bit text to UTF-8 in quoted-printable when the addition needs it", async () => {
  const message = await load("Subject: s\r\n\r\nHello\r\n");
  await message.editor("p").appendText({ plain: "Grüße €" }, "r");
  const root = await message.structure();
  assert.equal(await root.text(1_000), "Hello\r\nGrüße €\r\n");
  assert.equal(root.parameters.get("charset"), "utf-8");
  assert.equal(root.transferEncoding, "quoted-printable");
  while (message.undo());
  assert.equal(await textOf(message.content), "Subject: s\r\n\r\nHello\r\n");
});

const mixed =
  'Content-Type: multipart/mixed; boundary="b"\r\n\r\npre\r\n--b\r\n\r\ntext\r\n--b\r\n' +
  "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nfile\r\n--b--\r\nepilogue\r\n";

test("appendText leaves attachments alone; removePart takes the part with its delimiter; replacePart the whole part", async () => {
  const message = await load(mixed);
  const editor = message.editor("p");
  await editor.appendText({ plain: "foot" }, "r");
  assert.equal(await textOf(message.content), mixed.replace("\r\ntext\r\n", "\r\ntext\r\nfoot\r\n"));
  const stale = (await editor.structure()).children[1] as Part;
  await editor.removePart(stale, "r");
  assert.throws(() => editor.replacePart(stale, memoryContent(encoder.encode("x")), "r"), /earlier form/);
  const [only] = (await editor.structure()).children;
  assert.equal((await editor.structure()).children.length, 1);
  editor.replacePart(only as Part, memoryContent(encoder.encode("\r\nnew")), "r");
  assert.match(await textOf(message.content), /pre\r\n--b\r\n\r\nnew\r\n--b--\r\nepilogue\r\n$/);
  assert.equal(message.bodyEdited, true);
});

test("a 50 MB message with a footer is streamed and never lies whole in memory", async () => {
  const head = encoder.encode(
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
  );
  const chunk = encoder.encode(`${"QUJD".repeat(19)}\r\n`.repeat(800));
  const size = head.length + chunk.length * 800;
  let probe = (): void => {};
  const generated: Content = {
    size,
    async *read(start = 0, end = size) {
      for (let at = start; at < end; ) {
        const source = at < head.length ? head : chunk;
        const from = at < head.length ? at : (at - head.length) % chunk.length;
        const part = source.subarray(from, from + end - at);
        at += part.length;
        probe();
        yield part;
      }
    },
  };
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const held = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  let peak = 0;
  let chunks = 0;
  const before = held();
  // While the edit is planned, its reads of the source show what is held at that time.
  probe = () => {
    if (chunks++ % 100 === 0) peak = Math.max(peak, held() - before);
  };
  const message = await Message.load(generated);
  await message.editor("p").appendText({ plain: "foot" }, "r");
  let seen = 0;
  for await (const part of message.content.read()) {
    seen += part.length;
    assert.ok(part.length <= 65_536);
  }
  assert.ok(seen > 49_000_000 && seen === message.size);
  assert.ok(message.content.bytes === undefined);
  assert.ok(chunks > 2_000, "the source was probed while planned and while sent");
  assert.ok(peak < 8_000_000, `memory held grew by ${peak}`);
});
