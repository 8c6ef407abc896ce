/** Content of files: read into one buffer again and again, it leaves as it is, and not without its end. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Content } from "../../core/mail/mod.ts";
import { withPrefix } from "../../core/mail/mod.ts";
import { createSmtpDriver } from "../../core/relay/mod.ts";
import { createContentStore } from "../../core/store/mod.ts";
import {
  clock,
  deliverTo,
  delivery,
  goOn,
  nextHop,
  offering,
  recordingLog,
  streamed,
  summary,
} from "./relay-fixtures.ts";
import { startSink } from "./sink-server.ts";

const folder = mkdtempSync(join(tmpdir(), "postern-sender-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const store = createContentStore({ folder, memoryBytesMax: 0 });

/** Content in a file, with its trace field in front. */
async function filed(
  text: string,
): Promise<{ content: Content; whole: string; dispose: () => Promise<void> }> {
  const writer = store.create();
  for (let at = 0; at < text.length; at += 50_000)
    await writer.write(Buffer.from(text.slice(at, at + 50_000)));
  const field = "Received: from a\r\n";
  const content = withPrefix(Buffer.from(field), await writer.finish());
  return { content, whole: field + text, dispose: () => writer.dispose() };
}

/** Lines of one letter, some with a dot at their begin, so that dots stand at the borders of parts too. */
const lines = (letter: string, octets: number): string =>
  Array.from({ length: Math.ceil(octets / 10) }, (_, i) =>
    i % 3 ? `.${letter.repeat(7)}\r\n` : `${letter.repeat(8)}\r\n`,
  ).join("");

/** The content of a file as if its reads gave few octets. */
function inSips({ content }: { content: Content }, octets: number): Content {
  const readInto = async (into: Uint8Array, start: number) =>
    (await content.readInto?.(into.subarray(0, octets), start)) ?? 0;
  return { size: content.size, read: (start, end) => content.read(start, end), readInto };
}

for (const keywords of [
  ["PIPELINING", "8BITMIME"],
  ["PIPELINING", "8BITMIME", "CHUNKING"],
  ["8BITMIME", "CHUNKING"],
]) {
  describe(`content of a file to a next hop that offers ${keywords.join(", ")}`, () => {
    it("leaves as it is, whatever its size and however much a read gives", async () => {
      const sizes = [1, 262_000, 262_144, 700_000];
      const files = await Promise.all(sizes.map((size) => filed(lines("a", size))));
      const deliveries = files.flatMap((file) => [
        delivery("", { content: file.content }),
        delivery("", { content: inSips(file, 9_999) }),
      ]);
      const { results, sink } = await deliverTo(offering(...keywords), deliveries);
      assert.deepEqual(results.map(summary), Array(8).fill(["delivered 250 2.0.0"]));
      assert.equal(sink.connections(), 1);
      for (const [i, { whole }] of files.entries())
        for (const message of [sink.messages[2 * i], sink.messages[2 * i + 1]])
          assert.ok(String(message) === whole, `${sizes[i]} octets`);
      await Promise.all(files.map(({ dispose }) => dispose()));
    });

    it("is no other message's, with ten of them at once, more than once", async () => {
      const sink = await startSink(offering(...keywords));
      const hop = nextHop(sink.port, { connectionsMax: 10 });
      const driver = createSmtpDriver("sink", hop, { hostName: "gw.example", log: recordingLog(), clock });
      const files = await Promise.all([..."abcdefghij"].map((letter) => filed(lines(letter, 600_000))));
      for (let round = 0; round < 3; round++)
        await Promise.all(files.map(({ content }) => driver.deliver(delivery("", { content }), goOn())));
      await driver.close();
      await sink.close();
      const wanted = files.flatMap(({ whole }) => [whole, whole, whole]).sort();
      const got = sink.messages.map(String).sort();
      assert.equal(got.length, 30);
      assert.ok(got.every((text, i) => text === wanted[i]));
      await Promise.all(files.map(({ dispose }) => dispose()));
    });

    it("never gets its end where the file has less than it announces", async () => {
      const file = await filed(lines("a", 300_000));
      const content: Content = { ...inSips(file, 65_536), size: file.content.size + 1 };
      const { first, sink } = await deliverTo(offering(...keywords), [delivery("", { content })]);
      assert.deepEqual(summary(first), ["tempfailed 451 4.3.0"]);
      assert.ok(!sink.commands.some((command) => / LAST$/.test(command)));
      assert.equal(sink.messages.length, 0);
      await file.dispose();
    });
  });
}

it("content of a file with 8-bit octets is not sent to a next hop that takes 7 bits alone", async () => {
  const file = await filed(`${lines("a", 300_000)}\u00e9\r\n`);
  const { first, sink } = await deliverTo(offering("PIPELINING"), [delivery("", { content: file.content })]);
  assert.equal(first.recipients[0]?.status, "rejected");
  assert.equal(sink.messages.length, 0);
  await file.dispose();
});

it("a next hop that goes away in the middle leaves the next message's octets alone", async () => {
  const [lost, kept] = await Promise.all([filed(lines("x", 900_000)), filed(lines("k", 900_000))]);
  let chunks = 0;
  const sink = await startSink((command, connection) => {
    if (command.startsWith("EHLO")) return "250-sink\r\n250-8BITMIME\r\n250 CHUNKING";
    return command.startsWith("BDAT") && connection === 1 && ++chunks === 2 ? null : undefined;
  });
  const driver = createSmtpDriver("sink", nextHop(sink.port), {
    hostName: "gw.example",
    log: recordingLog(),
    clock,
  });
  const first = await driver.deliver(delivery("", { content: lost.content }), goOn());
  assert.equal(first.recipients[0]?.status, "tempfailed");
  await driver.deliver(delivery("", { content: kept.content }), goOn());
  await driver.close();
  await sink.close();
  assert.deepEqual(
    sink.messages.map((message) => String(message) === kept.whole),
    [true],
  );
  await Promise.all([lost.dispose(), kept.dispose()]);
});

it("content in memory that is too large for one piece is read into the buffer as well", async () => {
  const text = lines("m", 100_000);
  const content = withPrefix(Buffer.from("Received: a\r\n"), {
    size: text.length,
    bytes: Buffer.from(text),
    read: streamed(text).read,
  });
  const { first, sink } = await deliverTo(offering("CHUNKING", "8BITMIME"), [delivery("", { content })]);
  assert.deepEqual(summary(first), ["delivered 250 2.0.0"]);
  assert.equal(String(sink.messages[0]), `Received: a\r\n${text}`);
  assert.equal(sink.commands.filter((command) => command.startsWith("BDAT")).length, 1);
});
