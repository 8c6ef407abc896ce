/** What every spool keeps of a message that is put, and when it takes none. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { SpoolMessage } from "../../core/gateway/mod.ts";
import { restoreMessage } from "../../core/gateway/spool-message.ts";
import { Message, memoryContent } from "../../core/mail/mod.ts";
import { faultOf, type SpoolBed } from "./spool-bed.ts";
import {
  address,
  bytes,
  chunked,
  failing,
  idOf,
  later,
  message,
  octetsOf,
  recipient,
} from "./spool-fixtures.ts";

export function describePut(bed: SpoolBed): void {
  describe("put", () => {
    it("keeps content byte for byte, in whatever chunks it comes", async () => {
      let number = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ maxLength: 5_000 }),
          fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 8 }),
          async (whole, sizes) => {
            const id = ++number;
            await bed.spool.put(message(id, { content: chunked(whole, sizes) }));
            const stored = await bed.spool.get(idOf(id));
            assert.deepEqual(stored && (await octetsOf(stored.content)), new Uint8Array(whole));
          },
        ),
        { numRuns: 40 },
      );
    });

    it("keeps 1 MB, read again from any octet on", async () => {
      const whole = new Uint8Array(1_048_576);
      for (let i = 0; i < whole.length; i++) whole[i] = (i * 31) ^ (i >> 8);
      await bed.spool.put(message(1, { content: chunked(whole, [65_536, 1, 4_096, 70_000]) }));
      const content = (await bed.spool.get(idOf(1)))?.content;
      assert.ok(content);
      for (let turn = 0; turn < 2; turn++) assert.deepEqual(await octetsOf(content), whole);
      const part: Uint8Array[] = [];
      for await (const chunk of content.read(100_000, 300_001)) part.push(chunk);
      assert.deepEqual(new Uint8Array(Buffer.concat(part)), whole.slice(100_000, 300_001));
    });

    it("keeps envelope, facts, trace and parameters as they were, for `get` and `lease` alike", async () => {
      const given: SpoolMessage = {
        ...message(1),
        tls: { protocol: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" },
        identity: { user: "ann", maySendAs: ["@example.com"] },
        reversePath: null,
        parameters: { size: 10, body: "8BITMIME", ret: "HDRS", envid: "q=1", requireTls: true },
        facts: { spf: { version: 2, value: { result: "pass", list: [1, "ü", null] } } },
        trace: [{ at: 1.5, event: "fold", detail: "all go on" }],
        deliveries: 2,
        recipients: [
          recipient("bob@example.org", {
            original: address("info@bücher.example"),
            parameters: { notify: ["FAILURE", "DELAY"], orcpt: "rfc822;info@bücher.example" },
            lineage: ["info@xn--bcher-kva.example"],
            stage: "data",
            facts: { known: { version: 1, value: true } },
            copies: ["journal@example.net"],
            refusal: later,
            lastReply: later,
          }),
        ],
      };
      await bed.spool.put(given);
      const { recipients, content, ...rest } = given;
      const stored = await bed.spool.get(idOf(1));
      assert.ok(stored);
      const { content: got, ...others } = stored;
      assert.deepEqual(others, rest);
      assert.deepEqual(await octetsOf(got), await octetsOf(content));
      const { message: leased, recipients: given2 } = await bed.leaseOne();
      assert.deepEqual({ ...leased, content: undefined }, { ...stored, content: undefined });
      const { state: _, ...kept } = recipients[0]!;
      assert.deepEqual(given2, [{ ...kept, recipient: 0, attempt: 1, lapsed: false }]);
    });

    it("keeps edits so that restoreMessage gives the same form, which undo takes back", async () => {
      const original = bytes("Subject: hello\r\nX-Old: 1\r\n\r\nbody\r\n");
      const edited = await Message.load(memoryContent(original));
      const editor = edited.editor("writer");
      editor.addField("X-New", "2", "because");
      editor.removeField("X-Old", "old");
      edited.apply({
        start: edited.size,
        end: edited.size,
        replacement: chunked(bytes("-- \r\nfooter\r\n"), [3]),
        author: "footer",
        reason: "law",
        summary: "appended a footer",
      });
      await bed.spool.put(message(1, { content: memoryContent(original), edits: edited.edits }));
      for (const stored of [await bed.spool.get(idOf(1)), (await bed.leaseOne()).message]) {
        assert.ok(stored);
        const restored = await restoreMessage(stored);
        assert.deepEqual(await octetsOf(restored.content), await octetsOf(edited.content));
        assert.equal(restored.header.get("X-New"), "2");
        const told = ({ author, reason, summary }: (typeof restored.edits)[number]) =>
          `${author} ${reason} ${summary}`;
        assert.deepEqual(restored.edits.map(told), edited.edits.map(told));
        while (restored.undo());
        assert.deepEqual(await octetsOf(restored.content), original);
      }
    });

    it("does not follow what the caller changes afterwards", async () => {
      const value = { list: [1] };
      const content = bytes("Subject: a\r\n\r\n");
      await bed.spool.put(
        message(1, { content: memoryContent(content), facts: { f: { version: 1, value } } }),
      );
      value.list.push(2);
      content.fill(0);
      const stored = await bed.spool.get(idOf(1));
      assert.deepEqual(stored?.facts, { f: { version: 1, value: { list: [1] } } });
      assert.deepEqual(stored && (await octetsOf(stored.content)), bytes("Subject: a\r\n\r\n"));
    });

    const refused: readonly { name: string; given: SpoolMessage; want: (error: unknown) => boolean }[] = [
      {
        name: "content that breaks off",
        given: message(2, { content: failing(100, 50) }),
        want: (error) => /the disk is gone/.test(String(error)),
      },
      {
        name: "content that is shorter than it said",
        given: message(2, { content: { ...chunked(bytes("abc"), [1]), size: 4 } }),
        want: faultOf("EINVAL"),
      },
      {
        name: "content that is longer than it said",
        given: message(2, { content: { size: 2, read: () => chunked(bytes("abc"), [1]).read() } }),
        want: faultOf("EINVAL"),
      },
      {
        name: "an edit whose replacement breaks off",
        given: message(2, {
          edits: [{ start: 0, end: 0, replacement: failing(9, 3), author: "p", reason: "r", summary: "s" }],
        }),
        want: (error) => /the disk is gone/.test(String(error)),
      },
      { name: "no recipients", given: message(2, { recipients: [] }), want: faultOf("EINVAL") },
      { name: "an id that is there", given: message(1), want: faultOf("EEXIST") },
    ];
    for (const { name, given, want } of refused) {
      it(`rejects ${name}, and nothing of it is stored`, async () => {
        await bed.spool.put(message(1));
        await assert.rejects(bed.spool.put(given), want);
        assert.deepEqual(await bed.briefs(), ["1.0 due"]);
        assert.equal(await bed.spool.get(idOf(2)), undefined);
        await bed.spool.put(message(2));
        assert.deepEqual(await bed.briefs(), ["1.0 due", "2.0 due"]);
      });
    }

    it("stores one of two messages of the same id that come at once", async () => {
      const both = await Promise.allSettled([bed.spool.put(message(1)), bed.spool.put(message(1))]);
      assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
      assert.deepEqual(await bed.briefs(), ["1.0 due"]);
    });

    it("gives up at its signal while content still comes, and stores nothing", async () => {
      const giveUp = new AbortController();
      const content = {
        size: 2,
        async *read() {
          yield bytes("a");
          giveUp.abort(new Error("too late"));
          yield bytes("b");
        },
      };
      await assert.rejects(bed.spool.put(message(1, { content }), { signal: giveUp.signal }), /too late/);
      await assert.rejects(bed.spool.put(message(1), { signal: giveUp.signal }), /too late/);
      const atTheEnd = new AbortController();
      const last = {
        size: 1,
        async *read() {
          yield bytes("a");
          atTheEnd.abort(new Error("too late"));
        },
      };
      await assert.rejects(
        bed.spool.put(message(1, { content: last }), { signal: atTheEnd.signal }),
        /too late/,
      );
      assert.deepEqual(await bed.listed(), []);
    });
  });
}
