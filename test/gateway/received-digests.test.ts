/** Body digests made while receiving: they equal those read back, whatever the body and wherever chunks end. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { definePlugin, type HashName, type Pipeline, pipeline, routeTo } from "postern";
import { webCrypto } from "../../core/gateway/mod.ts";
import { BodyDigests } from "../../core/gateway/original-message.ts";
import { BodyDigester, type DeclaredDigest, digestKey } from "../../core/gateway/received-digests.ts";
import type { Content } from "../../core/mail/mod.ts";
import { Message, memoryContent } from "../../core/mail/mod.ts";
import { octets, openBed, short } from "./engine-bed.ts";

const ALL: readonly DeclaredDigest[] = (["simple", "relaxed"] as const).flatMap((canonical) =>
  (["sha1", "sha256", "sha512"] as const).map((hash) => ({ canonical, hash })),
);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Cryptography that tells which digests were begun. */
const countingCrypto = (made: HashName[]) => ({
  ...webCrypto,
  digest(hash: HashName) {
    made.push(hash);
    return webCrypto.digest(hash);
  },
});

function digestInChunks(bytes: Uint8Array, cuts: readonly number[]) {
  const digester = new BodyDigester(ALL, webCrypto);
  let at = 0;
  for (const cut of [...cuts, bytes.length].map((n) => Math.min(n, bytes.length)).sort((a, b) => a - b)) {
    digester.update(bytes.subarray(at, cut));
    at = cut;
  }
  return digester.finish();
}

/** Octets in which line ends, empty lines, spaces and their halves are frequent. */
const mailish = fc
  .array(fc.constantFrom("\r\n", "\r", "\n", " ", "\t", "a", "Ab: c", "\r\n\r\n", "\0", "é", ".", "  \r\n"), {
    maxLength: 40,
  })
  .map((parts) => octets(parts.join("")));

describe("BodyDigester", () => {
  it("equals the digests read back from the content, for any message cut anywhere", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(mailish, fc.uint8Array({ maxLength: 200 })),
        fc.array(fc.nat(300), { maxLength: 12 }),
        async (bytes, cuts) => {
          const received = digestInChunks(bytes, cuts);
          const message = await Message.load(memoryContent(bytes));
          assert.equal(received.bodyStart, message.headerBytes.length);
          const readBack = new BodyDigests(message, webCrypto);
          for (const one of ALL) {
            const made = await received.digests.get(digestKey(one));
            assert.equal(hex(made!), hex(await readBack.original(one.canonical, one.hash)), digestKey(one));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("equals them for every place a chunk can end, octet by octet", async () => {
    const bytes = octets("A: b\r\n c\r\n\r\nbody \t x\r\n\r\n \r\n\r\n");
    const whole = digestInChunks(bytes, []);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const parted = digestInChunks(bytes, [cut]);
      assert.equal(parted.bodyStart, whole.bodyStart);
      for (const [key, digest] of parted.digests)
        assert.equal(hex(await digest), hex((await whole.digests.get(key))!));
    }
    const single = digestInChunks(bytes, [...bytes.keys()]);
    for (const [key, digest] of single.digests)
      assert.equal(hex(await digest), hex((await whole.digests.get(key))!));
  });

  it("hashes each canonical form once for several hash functions, and doubles not at all", () => {
    const made: HashName[] = [];
    const counting = countingCrypto(made);
    new BodyDigester([...ALL, ...ALL], counting);
    assert.equal(made.length, ALL.length);
  });
});

describe("ctx.original.bodyDigest", () => {
  /** A content that counts how often it is read. */
  const watched = (bytes: Uint8Array) => {
    const reads: number[] = [];
    const inner = memoryContent(bytes);
    // Without `bytes`, so that every look at the body is a read, as of a file.
    const content: Content = {
      size: inner.size,
      read(start, end) {
        reads.push(start ?? 0);
        return inner.read(start, end);
      },
    };
    return { content, reads };
  };
  const bytes = octets("From: a@b.example\r\n\r\nbody \r\n\r\n");
  const sha256 = { canonical: "relaxed", hash: "sha256" } as const;

  const bedWith = async (pipe: Pipeline) => {
    const { content, reads } = watched(bytes);
    const contents = {
      create: () => ({ write: () => undefined, finish: async () => content, dispose: async () => {} }),
    };
    const made: HashName[] = [];
    const crypto = countingCrypto(made);
    return { bed: await openBed({ pipeline: pipe, services: { contents, crypto } }), reads, made };
  };
  const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
  const asker = (declared: readonly DeclaredDigest[], seen: string[], digests: DeclaredDigest[]) =>
    definePlugin({
      name: "asker",
      digests: declared,
      async data(ctx) {
        for (const { canonical, hash } of digests)
          seen.push(hex(await ctx.original.bodyDigest(canonical, hash)));
      },
    });

  it("is at hand without another read when a plugin declared it", async () => {
    const seen: string[] = [];
    const { bed, reads } = await bedWith(pipeline(asker([sha256], seen, [sha256, sha256]), routes));
    assert.equal(short(await bed.send(["bob@example.org"], { content: bytes })), "250 2.0.0");
    // The header section once, and the whole once for the next hop.
    assert.equal(reads.filter((start) => start > 0).length, 0);
    assert.equal(new Set(seen).size, 1);
  });

  it("reads the body once for one that no plugin declared, and gives the same", async () => {
    const [declared, lazy]: [string[], string[]] = [[], []];
    const first = await bedWith(pipeline(asker([sha256], declared, [sha256]), routes));
    await first.bed.send(["bob@example.org"], { content: bytes });
    const second = await bedWith(pipeline(asker([], lazy, [sha256, sha256]), routes));
    await second.bed.send(["bob@example.org"], { content: bytes });
    assert.deepEqual(lazy, [declared[0], declared[0]]);
    assert.equal(second.reads.filter((start) => start > 0).length, 1);
  });

  it("costs no hashing where no plugin declares a digest", async () => {
    const { bed, made } = await bedWith(pipeline(routes));
    await bed.send(["bob@example.org"], { content: bytes });
    assert.deepEqual(made, []);
  });

  it("hashes what lies in memory only when asked, and in that form alone", async () => {
    const made: HashName[] = [];
    const crypto = countingCrypto(made);
    const bed = await openBed({ pipeline: pipeline(asker(ALL, [], []), routes), services: { crypto } });
    await bed.send(["bob@example.org"], { content: bytes });
    assert.deepEqual(made, []);
    const seen: string[] = [];
    const asking = await openBed({
      pipeline: pipeline(asker(ALL, seen, [sha256, sha256]), routes),
      services: { crypto },
    });
    await asking.send(["bob@example.org"], { content: bytes });
    assert.deepEqual(made, ["sha256"]);
    assert.equal(seen[0], seen[1]);
  });

  it("hashes a longer one while it comes in, in all forms that were declared", async () => {
    const made: HashName[] = [];
    const crypto = countingCrypto(made);
    const bed = await openBed({ pipeline: pipeline(asker(ALL, [], []), routes), services: { crypto } });
    const long = octets(`From: a@b.example\r\n\r\n${"a line of it\r\n".repeat(10_000)}`);
    await bed.send(["bob@example.org"], { content: long });
    assert.equal(made.length, ALL.length);
  });

  it("gives each plugin its own array: what one does to it the next does not see", async () => {
    const seen: string[] = [];
    const spoiler = definePlugin({
      name: "spoiler",
      digests: [sha256],
      data: async (ctx) => void (await ctx.original.bodyDigest("relaxed", "sha256")).fill(0),
    });
    const { bed } = await bedWith(pipeline(spoiler, asker([], seen, [sha256]), routes));
    await bed.send(["bob@example.org"], { content: bytes });
    assert.notEqual(seen[0], hex(new Uint8Array(32)));
  });

  it("is of the message as it came, also after a plugin edited the body; ctx.bodyDigest is of what leaves", async () => {
    const seen: string[] = [];
    const editor = definePlugin({
      name: "editor",
      edits: ["body"],
      data: async (ctx) => void (await ctx.message.appendText({ plain: "\r\nfooter\r\n" }, "for the test")),
    });
    const signer = definePlugin({
      name: "signer",
      digests: [sha256],
      async delivery(ctx) {
        seen.push(hex(await ctx.original.bodyDigest("relaxed", "sha256")));
        seen.push(hex(await ctx.bodyDigest("relaxed", "sha256")));
      },
    });
    const { bed } = await bedWith(pipeline(editor, routes, signer));
    assert.equal(short(await bed.send(["bob@example.org"], { content: bytes })), "250 2.0.0");
    const original = await Message.load(memoryContent(bytes));
    assert.equal(seen[0], hex(await new BodyDigests(original, webCrypto).original("relaxed", "sha256")));
    assert.notEqual(seen[1], seen[0]);
  });
});

describe("BodyDigests.of", () => {
  const insert = (message: Message, at: number, text: string): Message => {
    const form = message.fork();
    const replacement = memoryContent(octets(text));
    form.apply({ start: at, end: at, replacement, author: "test", reason: "test", summary: "test" });
    return form;
  };

  it("shares one digest among forms whose bodies were edited alike, and keeps the others apart", async () => {
    const message = await Message.load(memoryContent(octets("A: b\r\n\r\nbody\r\n")));
    const digests = new BodyDigests(message, webCrypto);
    const end = message.size;
    const one = digests.of(insert(message, end, "more\r\n"));
    assert.equal(digests.of(insert(message, end, "more\r\n")), one);
    assert.equal(digests.of(insert(insert(message, end, "more\r\n"), 0, "X: y\r\n")), one);
    assert.notEqual(digests.of(insert(message, end, "less\r\n")), one);
    assert.equal(digests.of(insert(message, 0, "X: y\r\n")), digests.original);
    const wanted = await Message.load(memoryContent(octets("A: b\r\n\r\nbody\r\nmore\r\n")));
    const want = await new BodyDigests(wanted, webCrypto).original("simple", "sha256");
    assert.equal(hex(await one("simple", "sha256")), hex(want));
  });

  it("does not trust digests whose header section ended elsewhere than the message's", async () => {
    const message = await Message.load(memoryContent(octets("A: b\r\n\r\nbody\r\n")));
    const digests = new Map([["simple sha256", Promise.resolve(new Uint8Array(32))]]);
    const made = await new BodyDigests(message, webCrypto, { bodyStart: 3, digests }).original(
      "simple",
      "sha256",
    );
    assert.notEqual(hex(made), hex(new Uint8Array(32)));
  });
});
