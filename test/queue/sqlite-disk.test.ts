/** The SQLite spool on a disk of its own that is full, or can not be written. Such a disk needs root. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type Spool, SpoolFault } from "../../core/gateway/mod.ts";
import { memoryContent } from "../../core/mail/mod.ts";
import { idOf, message, octetsOf } from "../gateway/spool-fixtures.ts";
import { newFolder, openIn } from "./sqlite-fixtures.ts";

const MB = 1_048_576;

function mount(folder: string, options: string): boolean {
  return spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder]).status === 0;
}
const unmount = (folder: string): void => void spawnSync("umount", ["-l", folder]);

/** A small disk; it goes with the tests of the file. */
function newDisk(size: string): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-disk-"));
  assert.ok(mount(folder, `size=${size}`));
  after(() => {
    unmount(folder);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

function mayMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  const folder = newFolder();
  const did = mount(folder, "size=1m");
  if (did) unmount(folder);
  return did;
}

/** Takes all that is free. */
function fill(folder: string): string {
  const path = join(folder, "filler");
  const file = openSync(path, "w");
  const piece = Buffer.alloc(65_536, 1);
  try {
    for (let size = piece.length; size > 0; ) {
      try {
        writeSync(file, piece, 0, size);
      } catch {
        size = Math.floor(size / 2);
      }
    }
  } finally {
    closeSync(file);
  }
  return path;
}

const free = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
};

/** Puts messages, several at once, until one is refused; gives those that were taken and those that were not. */
async function putUntilFull(spool: Spool, bytesOf: (number: number) => number, from = 1) {
  const taken: number[] = [];
  const refused: number[] = [];
  let next = from;
  const write = async (): Promise<void> => {
    while (refused.length === 0 && next < from + 8_000) {
      const number = next++;
      try {
        await spool.put(message(number, { content: contentOf(number, bytesOf(number)) }));
        taken.push(number);
      } catch (error) {
        assert.ok(error instanceof SpoolFault);
        assert.equal(error.code, "ENOSPC", String(error.cause ?? error));
        refused.push(number);
      }
    }
  };
  await Promise.all([write(), write(), write(), write()]);
  assert.ok(refused.length > 0, "the disk got full");
  return { taken: taken.sort((a, b) => a - b), refused };
}

const contentOf = (number: number, size: number) => memoryContent(new Uint8Array(size).fill(number));

async function checkAll(
  spool: Spool,
  taken: readonly number[],
  bytesOf: (number: number) => number,
): Promise<void> {
  const there: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await spool.list({}, cursor, 1_000);
    there.push(...page.entries.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  assert.deepEqual(there, taken.map(idOf), "0 lost, 0 refused and stored");
  for (const number of taken) {
    const stored = await spool.get(idOf(number));
    assert.ok(stored);
    assert.deepEqual(await octetsOf(stored.content), await octetsOf(contentOf(number, bytesOf(number))));
  }
}

async function takeAll(spool: Spool): Promise<number> {
  for (let count = 0; ; count++) {
    const lease = await spool.lease({ owner: "w", leaseMs: 60_000 });
    if (!lease) return count;
    assert.equal(await spool.settle(lease, [{ recipient: 0, to: "complete" }]), 1);
  }
}

describe("a SQLite spool on a disk of its own", { skip: mayMount() ? false : "only root may mount" }, () => {
  const mixed = (number: number): number => [500, 20_000, 90_000][number % 3]!;
  const kinds: readonly { name: string; bytesOf: (number: number) => number }[] = [
    { name: "small messages", bytesOf: () => 30_000 },
    { name: "messages of all sizes", bytesOf: mixed },
  ];
  for (const { name, bytesOf } of kinds) {
    it(`refuses ${name} below the reserve, and the queue goes on and makes room`, async () => {
      const folder = newDisk("24m");
      const options = { reserveBytes: 4 * MB, ballastBytes: 2 * MB };
      const spool = await openIn(folder, options);
      await spool.sweep();
      const { taken } = await putUntilFull(spool, bytesOf);
      assert.ok(free(folder) > 0, "the reserve is there");
      await checkAll(spool, taken, bytesOf);
      assert.equal(await takeAll(spool), taken.length);
      await spool.close();
      const again = await openIn(folder, options);
      await again.put(message(1));
      await again.close();
    });

    it(`to the last octet loses none of ${name}, stores none that it refused, and still settles`, async () => {
      const folder = newDisk("48m");
      // No reserve: only the ballast is between a full disk and a queue that can not go on.
      const options = { reserveBytes: 0, ballastBytes: 8 * MB };
      const spool = await openIn(folder, options);
      for (let turn = 0; turn < 100 && !existsSync(join(folder, "ballast")); turn++) await spool.sweep();
      const { taken } = await putUntilFull(spool, bytesOf);
      const filler = fill(folder);
      // What there is room for all the same is taken; then it must be there.
      const more = await putUntilFull(spool, bytesOf, 9_000);
      taken.push(...more.taken);
      await checkAll(spool, taken, bytesOf);
      assert.equal(await takeAll(spool), taken.length);
      rmSync(filler);
      await spool.close();
      const again = await openIn(folder, options);
      await again.put(message(1));
      assert.equal((await again.list({}, undefined, 10)).entries.length, 1);
      await again.close();
    });
  }

  it("that can not be written is refused in words", async () => {
    const folder = newDisk("24m");
    await (await openIn(folder)).close();
    assert.equal(spawnSync("mount", ["-o", "remount,ro", folder]).status, 0);
    await assert.rejects(openIn(folder), { name: "SpoolFault", code: "EIO" });
  });
});
