import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readAll } from "../../core/mail/content.ts";
import { createMailboxDriver } from "../../core/relay/mod.ts";
import { clock, delivery, goOn } from "./relay-fixtures.ts";

async function withMailbox(
  body: (mailbox: ReturnType<typeof createMailboxDriver>, folder: string) => Promise<void>,
) {
  const parent = await mkdtemp(join(tmpdir(), "mailbox-"));
  const folder = join(parent, "box");
  try {
    await body(createMailboxDriver({ name: "local", folder, clock }), folder);
  } finally {
    await rm(parent, { recursive: true });
  }
}

test("createMailboxDriver keeps the content after Return-Path, privately, and is idempotent", () =>
  withMailbox(async (mailbox, folder) => {
    for (const one of [delivery("a\r\n"), delivery("a\r\n")])
      assert.equal((await mailbox.deliver(one, goOn())).recipients[0]?.status, "delivered");
    assert.deepEqual((await readdir(folder)).sort(), ["abc1.eml", "abc1.json"]);
    assert.equal(
      await readFile(join(folder, "abc1.eml"), "latin1"),
      "Return-Path: <alice@a.example>\r\na\r\n",
    );
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    assert.equal((await stat(join(folder, "abc1.eml"))).mode & 0o777, 0o600);
  }));

test("list gives the newest first, below before, and open gives the bytes of each", () =>
  withMailbox(async (mailbox) => {
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        mailbox.deliver(delivery(`${n}\r\n`, { id: `id${10 + n}` }), goOn()),
      ),
    );
    await mailbox.deliver(delivery("second\r\n", { id: "id29", number: 2, reversePath: null }), goOn());
    const ids = (await mailbox.list({ limit: 3 })).map(({ id }) => id);
    assert.deepEqual(ids, ["id29.2", "id29", "id28"]);
    assert.deepEqual(
      (await mailbox.list({ before: "id11", limit: 9 })).map(({ id }) => id),
      ["id10"],
    );
    const kept = await mailbox.open("id29.2");
    assert.equal(kept?.reversePath, "");
    assert.deepEqual(kept?.recipients, ["bob@b.example"]);
    assert.equal(String(await readAll(kept!.content)), "Return-Path: <>\r\nsecond\r\n");
  }));

test("large content is streamed in and read back by ranges", () =>
  withMailbox(async (mailbox) => {
    const body = Buffer.alloc(200_000, "0123456789");
    await mailbox.deliver(delivery(body), goOn());
    const { content } = (await mailbox.open("abc1"))!;
    const head = content.size - body.length;
    assert.ok(body.equals(await readAll(content, head)));
    assert.deepEqual(await readAll(content, head + 3, head + 6), new Uint8Array(Buffer.from("345")));
  }));

test("an id that is no file name is tempfailed and never opened", () =>
  withMailbox(async (mailbox) => {
    for (const id of ["../x", "a/b", "..", "", "A", ".hidden", "x".repeat(200)]) {
      const { recipients } = await mailbox.deliver(delivery("a\r\n", { id }), goOn());
      assert.deepEqual(recipients[0]?.reply.code, 451, id);
      assert.equal(await mailbox.open(id), undefined);
    }
    assert.equal(await mailbox.open("missing"), undefined);
    assert.deepEqual(await mailbox.list({ limit: 5 }), []);
  }));

test("a failing content leaves nothing behind and is 451 4.3.0, a full disk is 452 4.3.1", () =>
  withMailbox(async (mailbox, folder) => {
    const failing = (error: Error) => ({
      size: 9,
      read: async function* () {
        yield Buffer.from("abc");
        throw error;
      },
    });
    const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
    const results = [];
    for (const error of [new Error("gone"), full])
      results.push(await mailbox.deliver(delivery("", { content: failing(error) }), goOn()));
    assert.deepEqual(
      results.map(({ recipients: [first] }) => `${first?.reply.code} ${first?.reply.enhanced}`),
      ["451 4.3.0", "452 4.3.1"],
    );
    assert.match(results[0]?.cause ?? "", /gone/);
    assert.deepEqual(await readdir(folder), []);
  }));

test("a folder that can not be made is a result", () =>
  withMailbox(async (_, folder) => {
    await writeFile(folder, "a file");
    const mailbox = createMailboxDriver({ name: "local", folder: join(folder, "below"), clock });
    const { recipients, cause } = await mailbox.deliver(delivery("a\r\n"), goOn());
    assert.equal(recipients[0]?.status, "tempfailed");
    assert.match(cause ?? "", /ENOTDIR/);
  }));

test("proceed false and an aborted signal keep nothing", () =>
  withMailbox(async (mailbox, folder) => {
    const no = await mailbox.deliver(delivery("a\r\n"), { ...goOn(), proceed: () => false });
    const late = await mailbox.deliver(delivery("a\r\n"), { ...goOn(), signal: AbortSignal.abort() });
    assert.equal(no.recipients[0]?.status, "tempfailed");
    assert.equal(late.recipients[0]?.status, "tempfailed");
    await assert.rejects(stat(folder), { code: "ENOENT" });
  }));
