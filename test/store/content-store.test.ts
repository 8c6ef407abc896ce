/** Content while a transaction runs: in memory or in a file, bounded, gone with `dispose`, and never wrong in silence. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import type { Content } from "../../core/mail/mod.ts";
import { createContentStore } from "../../core/store/mod.ts";

const STORE = new URL("../../core/store/mod.ts", import.meta.url).href;

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-content-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function bytesOf(content: Content, start?: number, end?: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read(start, end)) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

describe("createContentStore", () => {
  it("gives back 20 MB from a file of mode 0600, and removes it at dispose", async () => {
    const folder = temporaryFolder();
    const writer = createContentStore({ folder }).create();
    for (let i = 0; i < 320; i++) await writer.write(new Uint8Array(65_536).fill(i % 251));
    const content = await writer.finish();
    assert.equal(content.size, 20_971_520);
    assert.equal(content.bytes, undefined);
    const [name = ""] = readdirSync(folder);
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
    let at = 0;
    for await (const chunk of content.read(1)) {
      assert.equal(chunk[0], Math.floor((at + 1) / 65_536) % 251);
      at += chunk.length;
    }
    assert.equal(at, 20_971_519);
    await writer.dispose();
    await writer.dispose();
    assert.deepEqual(readdirSync(folder), []);
  });

  it("gives back what was written, in any pieces, in memory or not, whole and in part, again and again", async () => {
    const folder = temporaryFolder();
    const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        pieces,
        fc.nat({ max: 300 }),
        fc.nat(500),
        fc.nat(500),
        async (written, limit, a, b) => {
          const store = createContentStore({ folder, memoryBytesMax: limit, totalBytesMax: 200 });
          const writer = store.create();
          for (const piece of written) await writer.write(piece);
          const whole = Buffer.concat(written);
          const content = await writer.finish();
          const [start, end] = [Math.min(a, b, whole.length), Math.min(Math.max(a, b), whole.length)];
          assert.equal(content.size, whole.length);
          assert.deepEqual(await bytesOf(content), whole);
          assert.deepEqual(await bytesOf(content, start, end), whole.subarray(start, end));
          assert.deepEqual(await bytesOf(content), whole);
          await writer.dispose();
        },
      ),
      { numRuns: 60 },
    );
    assert.deepEqual(readdirSync(folder), []);
  });

  it("copies what it is given: the caller may overwrite it at once", async () => {
    for (const memoryBytesMax of [10_000_000, 100_000, 0]) {
      const writer = createContentStore({ folder: temporaryFolder(), memoryBytesMax }).create();
      const chunk = new Uint8Array(65_536);
      for (let i = 1; i <= 20; i++) {
        const wait = writer.write(chunk.fill(i));
        chunk.fill(255);
        await wait;
      }
      const whole = await bytesOf(await writer.finish());
      for (let i = 1; i <= 20; i++) assert.equal(whole.indexOf(i), (i - 1) * 65_536);
      assert.equal(whole.indexOf(255), -1);
      await writer.dispose();
    }
  });

  it("keeps the octets of a hundred messages apart that are written at once and stall, more than it has buffers for", async () => {
    const folder = temporaryFolder();
    const store = createContentStore({ folder, memoryBytesMax: 0 });
    const writers = Array.from({ length: 100 }, () => store.create());
    for (let round = 0; round < 3; round++)
      await Promise.all(writers.map((writer, i) => writer.write(new Uint8Array(150_001).fill(i))));
    const contents = await Promise.all(writers.map((writer) => writer.finish()));
    for (const [i, content] of contents.entries())
      assert.ok((await bytesOf(content)).equals(Buffer.alloc(450_003, i)), `message ${i}`);
    await Promise.all(writers.map((writer) => writer.dispose()));
    assert.deepEqual(readdirSync(folder), []);
  });

  it("keeps memoryBytesMax of one message in memory, and one octet more in a file", async () => {
    const store = createContentStore({ folder: temporaryFolder(), memoryBytesMax: 10 });
    const [fits, over] = [store.create(), store.create()];
    await fits.write(new Uint8Array(10));
    await over.write(new Uint8Array(10));
    await over.write(new Uint8Array(1));
    assert.equal((await fits.finish()).bytes?.length, 10);
    assert.equal((await over.finish()).bytes, undefined);
    await Promise.all([fits.dispose(), over.dispose()]);
  });

  it("goes to files when totalBytesMax is used up, and back to memory when some is given back", async () => {
    const store = createContentStore({ folder: temporaryFolder(), totalBytesMax: 10 });
    const inMemory = async () => {
      const writer = store.create();
      await writer.write(new Uint8Array(8));
      return { writer, kept: (await writer.finish()).bytes !== undefined };
    };
    const [first, second] = [await inMemory(), await inMemory()];
    assert.deepEqual([first.kept, second.kept], [true, false]);
    await second.writer.dispose();
    const third = await inMemory();
    assert.equal(third.kept, false);
    await first.writer.dispose();
    await first.writer.dispose();
    const fourth = await inMemory();
    const fifth = await inMemory();
    // Given back once, though disposed twice.
    assert.deepEqual([fourth.kept, fifth.kept], [true, false]);
    await Promise.all([third, fourth, fifth].map(({ writer }) => writer.dispose()));
  });

  it("asks a writer to wait once half a megabyte is not yet in the file", async () => {
    const writer = createContentStore({ folder: temporaryFolder(), memoryBytesMax: 0 }).create();
    const waits = Array.from({ length: 20 }, () => writer.write(new Uint8Array(65_536)));
    assert.equal(waits[0], undefined);
    assert.ok(waits.at(-1) instanceof Promise);
    await Promise.all(waits);
    assert.equal((await writer.finish()).size, 20 * 65_536);
    await writer.dispose();
  });

  it("clears away what an earlier process left, and nothing else", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "99-1.content"), "left");
    writeFileSync(join(folder, "other"), "kept");
    createContentStore({ folder });
    assert.deepEqual(readdirSync(folder), ["other"]);
  });

  it("makes its folder closed to others", () => {
    const folder = join(temporaryFolder(), "content");
    createContentStore({ folder });
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });
});

describe("a writer of createContentStore that is disposed", () => {
  it("takes no more, and finishes nothing: an empty message is not what was sent", async () => {
    for (const memoryBytesMax of [100, 0]) {
      const folder = temporaryFolder();
      const writer = createContentStore({ folder, memoryBytesMax }).create();
      await writer.write(new Uint8Array(5));
      await writer.dispose();
      await assert.rejects(async () => writer.write(new Uint8Array(1)), /disposed/);
      await assert.rejects(writer.finish(), /disposed/);
      assert.deepEqual(readdirSync(folder), []);
    }
  });

  it("leaves no file when that happens while it writes", async () => {
    const folder = temporaryFolder();
    const writer = createContentStore({ folder, memoryBytesMax: 0 }).create();
    const waits = Array.from({ length: 40 }, () => writer.write(new Uint8Array(65_536)));
    const refused = assert.rejects(writer.finish(), /disposed/);
    await writer.dispose();
    await Promise.allSettled(waits);
    await refused;
    assert.deepEqual(readdirSync(folder), []);
  });

  it("has its readers fail and not end early", async () => {
    const writer = createContentStore({ folder: temporaryFolder(), memoryBytesMax: 0 }).create();
    await writer.write(new Uint8Array(200_000));
    const content = await writer.finish();
    const reader = content.read()[Symbol.asyncIterator]();
    await reader.next();
    await writer.dispose();
    await assert.rejects(reader.next());
  });
});

describe("createContentStore, when the disk gives no more,", () => {
  /** Writes a megabyte under a limit of 64 KB for each file, in a process of its own, and tells what happened. */
  const CHILD = `
    import { createContentStore } from ${JSON.stringify(STORE)};
    import { readdirSync } from "node:fs";
    const folder = process.argv[1];
    const writer = createContentStore({ folder, memoryBytesMax: 0 }).create();
    const said = { write: "taken", finish: "taken" };
    for (let i = 0; i < 40; i++) {
      try { await writer.write(new Uint8Array(65_536)); } catch (error) { said.write = error.code; }
    }
    try { await writer.finish(); } catch (error) { said.finish = error.code; }
    await writer.dispose();
    console.log(JSON.stringify({ ...said, left: readdirSync(folder) }));
  `;

  it("rejects write and finish with the system's error, and leaves no file", (t) => {
    const folder = temporaryFolder();
    const run = spawnSync(
      "sh",
      [
        "-c",
        'ulimit -f 128 && exec "$0" --input-type=module -e "$1" "$2"',
        ...[process.execPath, CHILD, folder],
      ],
      { encoding: "utf8", env: { PATH: process.env.PATH } },
    );
    if (run.error !== undefined) return t.skip(`no shell to set a limit with: ${run.error.message}`);
    assert.equal(run.status, 0, run.stderr);
    assert.deepEqual(JSON.parse(run.stdout), { write: "EFBIG", finish: "EFBIG", left: [] });
  });

  it("rejects when the folder is gone, and can be disposed", async () => {
    const folder = join(temporaryFolder(), "content");
    const writer = createContentStore({ folder, memoryBytesMax: 0 }).create();
    rmSync(folder, { recursive: true });
    await writer.write(new Uint8Array(5));
    await assert.rejects(writer.finish(), { code: "ENOENT" });
    await assert.rejects(async () => writer.write(new Uint8Array(5)), { code: "ENOENT" });
    await writer.dispose();
  });

  it("rejects when the folder can only be read", async (t) => {
    if (process.getuid?.() === 0) return t.skip("root may write to every folder");
    const folder = join(temporaryFolder(), "content");
    mkdirSync(folder);
    const writer = createContentStore({ folder, memoryBytesMax: 0 }).create();
    chmodSync(folder, 0o500);
    await writer.write(new Uint8Array(5));
    await assert.rejects(writer.finish(), { code: "EACCES" });
    await writer.dispose();
    chmodSync(folder, 0o700);
  });

  it("does not touch other messages", async () => {
    const folder = temporaryFolder();
    const store = createContentStore({ folder, memoryBytesMax: 4 });
    const small = store.create();
    await small.write(new Uint8Array(4));
    rmSync(folder, { recursive: true });
    const large = store.create();
    await large.write(new Uint8Array(5));
    await assert.rejects(large.finish(), { code: "ENOENT" });
    assert.equal((await small.finish()).size, 4);
    await Promise.all([small.dispose(), large.dispose()]);
  });
});
