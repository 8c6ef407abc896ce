/** What the SQLite spool does where files are not as they should be, and where one operation of many can not be done. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { type Spool, SpoolFault } from "../../core/gateway/mod.ts";
import { memoryContent } from "../../core/mail/mod.ts";
import {
  bytes,
  chunked,
  failing,
  idOf,
  message,
  octetsOf,
  recipient,
  START,
  TestClock,
} from "../gateway/spool-fixtures.ts";
import { KeptLog, newFolder, openIn } from "./sqlite-fixtures.ts";

const DAY_MS = 86_400_000;

const idsOf = async (spool: Spool): Promise<readonly string[]> =>
  (await spool.list({}, undefined, 1_000)).entries.map(({ id }) => id);

/** A folder with messages 1 to `count`, closed. */
async function filled(count: number): Promise<string> {
  const folder = newFolder();
  const spool = await openIn(folder);
  for (let number = 1; number <= count; number++) await spool.put(message(number));
  await spool.close();
  return folder;
}

const inDatabase = (folder: string, sql: string): unknown => {
  const database = new DatabaseSync(join(folder, "spool.db"));
  try {
    return database.prepare(sql).get();
  } finally {
    database.close();
  }
};

const filesIn = (folder: string): readonly string[] =>
  readdirSync(join(folder, "body"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

describe("openSqliteSpool refuses in words", () => {
  const cases: readonly { name: string; make: () => Promise<string>; want: RegExp }[] = [
    {
      name: "a spool of a newer version",
      make: async () => {
        const folder = await filled(1);
        inDatabase(folder, "PRAGMA user_version = 99");
        return folder;
      },
      want: /version 99/,
    },
    {
      name: "a database of something else",
      make: async () => {
        const folder = newFolder();
        const database = new DatabaseSync(join(folder, "spool.db"));
        database.exec("CREATE TABLE t (x)");
        database.close();
        return folder;
      },
      want: /is not a spool/,
    },
    {
      name: "a file that is no database",
      make: async () => {
        const folder = newFolder();
        writeFileSync(join(folder, "spool.db"), "no database ".repeat(1_000));
        return folder;
      },
      want: /not a database/,
    },
    {
      name: "a place where no folder can be",
      make: async () => {
        const file = join(newFolder(), "file");
        writeFileSync(file, "");
        return join(file, "spool");
      },
      want: /can not be used as a spool/,
    },
  ];
  for (const { name, make, want } of cases) {
    it(name, async () => {
      const folder = await make();
      await assert.rejects(openIn(folder), (error) => {
        assert.ok(error instanceof SpoolFault);
        assert.equal(error.code, "EIO");
        assert.match(error.message, want);
        return true;
      });
    });
  }

  it("a folder that is open in this process, until it is closed", async () => {
    const folder = newFolder();
    const spool = await openIn(folder);
    await assert.rejects(openIn(folder), /open in this process/);
    await spool.close();
    await (await openIn(folder)).close();
  });
});

describe("a SQLite spool that was damaged", () => {
  /** The files of an open spool as a crash leaves them. */
  async function crashed(count: number): Promise<string> {
    const folder = newFolder();
    const spool = await openIn(folder);
    for (let number = 1; number <= count; number++) await spool.put(message(number));
    const left = join(newFolder(), "left");
    cpSync(folder, left, { recursive: true });
    await spool.close();
    return left;
  }

  it("by a cut in its log has all commits before the cut, and goes on", async () => {
    const folder = await crashed(6);
    const wal = join(folder, "spool.db-wal");
    truncateSync(wal, readFileSync(wal).length - 100);
    const spool = await openIn(folder);
    assert.deepEqual(await idsOf(spool), [1, 2, 3, 4, 5].map(idOf));
    await spool.put(message(7));
    assert.deepEqual(await idsOf(spool), [1, 2, 3, 4, 5, 7].map(idOf));
    await spool.close();
  });

  it("by wrong octets in its log has the commits before them, and goes on", async () => {
    const folder = await crashed(6);
    const wal = join(folder, "spool.db-wal");
    const whole = readFileSync(wal);
    const at = Math.floor(whole.length * 0.7);
    whole.fill(0xa5, at, at + 64);
    writeFileSync(wal, whole);
    const spool = await openIn(folder);
    const ids = await idsOf(spool);
    assert.ok(ids.length > 0 && ids.length < 6, String(ids.length));
    assert.deepEqual(ids, [1, 2, 3, 4, 5, 6].slice(0, ids.length).map(idOf));
    await spool.put(message(7));
    await spool.close();
  });

  it("in its tables takes nothing more, says so once, and keeps refusing", async () => {
    const folder = await filled(3);
    const { rootpage } = inDatabase(folder, "SELECT rootpage FROM sqlite_schema WHERE name = 'body'") as {
      rootpage: number;
    };
    const { page_size: size } = inDatabase(folder, "PRAGMA page_size") as { page_size: number };
    const path = join(folder, "spool.db");
    writeFileSync(path, readFileSync(path).fill(0xff, (rootpage - 1) * size, rootpage * size));
    const log = new KeptLog();
    const spool = await openIn(folder, { log });
    for (const number of [4, 5]) await assert.rejects(spool.put(message(number)), { code: "EIO" });
    await assert.rejects(spool.lease({ owner: "w", leaseMs: 1 }), { code: "EIO" });
    assert.deepEqual((await idsOf(spool)).length, 3);
    assert.equal(log.lines.filter((line) => line.startsWith("error spoolFault")).length, 1);
    await spool.close();
  });

  it("by a content file that is gone tells at the reading of it, and leaves the lease to be settled", async () => {
    const folder = newFolder();
    const spool = await openIn(folder);
    await spool.put(message(1, { content: memoryContent(new Uint8Array(100_000)) }));
    const [name = ""] = readdirSync(join(folder, "body"), { recursive: true }).filter((each) =>
      String(each).includes("/"),
    );
    truncateSync(join(folder, "body", String(name)), 10);
    const lease = await spool.lease({ owner: "w", leaseMs: 1 });
    assert.ok(lease);
    await assert.rejects(octetsOf(lease.message.content), { code: "EIO" });
    assert.equal(await spool.settle(lease, [{ recipient: 0, to: "return" }]), 1);
    await spool.close();
  });
});

describe("a SQLite spool", () => {
  it("fails alone what can not be stored, and commits what came with it", async () => {
    const spool = await openIn(newFolder());
    await spool.put(message(5));
    const bad = recipient("a@example.org", { nextAt: Number.NaN });
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, number) =>
        spool.put(number === 9 ? message(9, { recipients: [bad] }) : message(number)),
      ),
    );
    const failed = results.flatMap((result, number) =>
      result.status === "rejected" ? [`${number} ${(result.reason as SpoolFault).code}`] : [],
    );
    assert.deepEqual(failed, ["5 EEXIST", "9 EINVAL"]);
    assert.equal((await idsOf(spool)).length, 19);
    await spool.close();
  });

  it("keeps large contents and large edits in files, and removes them with the message", async () => {
    const folder = newFolder();
    const spool = await openIn(folder);
    const large = bytes("0123456789".repeat(10_000));
    const edit = { start: 0, end: 0, author: "p", reason: "r", summary: "s" };
    const edits = [
      { ...edit, replacement: chunked(large, [50_000]) },
      { ...edit, replacement: memoryContent(large) },
      { ...edit, replacement: memoryContent(bytes("small")) },
    ];
    await spool.put(message(1, { content: chunked(large, [3_000]), edits }));
    assert.equal(filesIn(folder).length, 3);
    const lease = await spool.lease({ owner: "w", leaseMs: 1 });
    assert.ok(lease);
    const given = lease.message.edits.map(({ replacement }) => replacement);
    assert.deepEqual(
      given.map(({ bytes: there }) => there?.length),
      [undefined, 100_000, 5],
    );
    for (const each of [lease.message.content, given[0]!, given[1]!])
      assert.deepEqual(await octetsOf(each), large);
    await spool.settle(lease, [{ recipient: 0, to: "complete" }]);
    await spool.close();
    assert.deepEqual(filesIn(folder), []);
  });

  it("leaves no file of what it refused", async () => {
    const folder = newFolder();
    const spool = await openIn(folder);
    await spool.put(message(1));
    const content = memoryContent(new Uint8Array(100_000));
    await assert.rejects(spool.put(message(1, { content })), { code: "EEXIST" });
    await assert.rejects(spool.put(message(2, { content: failing(200_000, 100_000) })), /the disk is gone/);
    await assert.rejects(spool.put(message(3, { content: { size: 70_000, read: content.read } })), {
      code: "EINVAL",
    });
    assert.deepEqual(filesIn(folder), []);
    await spool.close();
  });

  it("removes after a while what a crash left, and nothing that a message names", async () => {
    const folder = newFolder();
    const first = await openIn(folder);
    await first.put(message(1, { content: memoryContent(new Uint8Array(100_000)) }));
    await first.close();
    const [kept] = filesIn(folder);
    mkdirSync(join(folder, "body", "400000"));
    writeFileSync(join(folder, "body", "400000", `${idOf(2)}-0123456789ab-1`), "");
    writeFileSync(join(folder, "body", "400000", `${idOf(1)}-0123456789ab-7`), "");
    const patient = await openIn(folder, { orphanMs: DAY_MS });
    for (let turn = 0; turn < 3; turn++) await patient.sweep();
    await patient.close();
    assert.equal(filesIn(folder).length, 3);
    const spool = await openIn(folder);
    await spool.sweep();
    await spool.close();
    const again = await openIn(folder);
    await again.sweep();
    await again.close();
    assert.deepEqual(filesIn(folder), [kept]);
  });

  it("loses and doubles nothing where the clock jumps", async () => {
    const clock = new TestClock();
    const spool = await openIn(newFolder(), { clock });
    await spool.put(message(1));
    const lease = await spool.lease({ owner: "w", leaseMs: 60_000 });
    assert.ok(lease);
    clock.forward(-DAY_MS);
    assert.deepEqual(await spool.sweep(), { returned: 0, expired: [] });
    await spool.put(
      message(2, { receivedAt: clock.now(), recipients: [recipient("a@e.org", { nextAt: clock.now() })] }),
    );
    assert.equal((await spool.lease({ owner: "w", leaseMs: 60_000 }))?.id, idOf(2));
    clock.forward(3 * DAY_MS);
    assert.equal((await spool.sweep()).returned, 2);
    clock.forward(-4 * DAY_MS);
    assert.equal(await spool.lease({ owner: "w", leaseMs: 60_000 }), undefined);
    assert.equal((await idsOf(spool)).length, 2);
    clock.forward(2 * DAY_MS);
    assert.deepEqual(
      [
        (await spool.lease({ owner: "w", leaseMs: 1 }))?.id,
        (await spool.lease({ owner: "w", leaseMs: 1 }))?.id,
      ].sort(),
      [idOf(1), idOf(2)],
    );
    await spool.close();
  });

  it("bounds what it has in memory for all messages that come in", async () => {
    const spool = await openIn(newFolder(), { memoryBytesMax: 100_000 });
    let now = 0;
    let most = 0;
    const content = {
      size: 40_000,
      async *read() {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setImmediate(resolve));
        yield new Uint8Array(40_000);
        now--;
      },
    };
    const giveUp = new AbortController();
    const puts = Array.from({ length: 12 }, (_, number) => spool.put(message(number, { content })));
    const late = spool.put(message(99, { content }), { signal: giveUp.signal });
    giveUp.abort(new Error("too late"));
    await assert.rejects(late, /too late/);
    await Promise.all(puts);
    assert.equal(most, 2);
    assert.equal((await idsOf(spool)).length, 12);
    await spool.close();
  });

  it("changes thousands of recipients by hand, in slices", async () => {
    const spool = await openIn(newFolder());
    const many = Array.from({ length: 3_500 }, (_, at) => recipient(`u${at}@example.org`));
    await spool.put(message(1, { recipients: many }));
    await spool.put(message(2));
    assert.equal(await spool.hold({}, "r", START + 1, "admin"), 3_501);
    assert.equal(await spool.release({}, "admin"), 3_501);
    assert.equal(await spool.remove({ destination: "a" }), 3_501);
    assert.deepEqual(await spool.counts(), []);
    await spool.close();
  });

  it("gives room back to the disk when the queue is empty", async () => {
    const folder = newFolder();
    const spool = await openIn(folder);
    const content = memoryContent(new Uint8Array(60_000).fill(7));
    await Promise.all(Array.from({ length: 800 }, (_, number) => spool.put(message(number, { content }))));
    const pages = (): number =>
      Number((inDatabase(folder, "PRAGMA page_count") as { page_count: number }).page_count);
    assert.ok(pages() > 12_000, `${pages()} pages`);
    await spool.remove({ destination: "a" });
    // It is given back a slice at a time, when nobody else wants to write.
    for (let turn = 0; turn < 400 && pages() > 4_100; turn++) {
      await spool.sweep();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.ok(pages() <= 4_100, `${pages()} pages`);
    await spool.close();
  });
});
