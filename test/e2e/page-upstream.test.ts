/** The page of a gateway in front of a server: transactions and traces alike, and nothing kept of what mail says. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import {
  launchBrowser,
  noBrowser,
  type PagedGateway,
  startPaged,
  until,
  type Watched,
  watch,
} from "./page-fixtures.ts";
import { type Sink, startSink, temporaryFolder } from "./processes.ts";
import { crlf } from "./real-messages.ts";
import { type ClientReply, sendOne } from "./smtp-client.ts";

if (noBrowser) console.log(`skipped: the page in a browser: ${noBrowser}`);

const SECRET = "the-words-of-the-mail";
const folder = await temporaryFolder();
let sink: Sink;
let gateway: PagedGateway;

/** The default pipeline with plugins before it that refuse, put off, take away and break, by the subject. */
async function moodyConfig(): Promise<string> {
  const file = join(folder.path, "moody.config.mjs");
  const from = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  await writeFile(
    file,
    `import { defineGateway, definePlugin, discard, pipeline, reject, smtp, tempfail } from ${from("../../core/mod.ts")};
import { attachments, headers, routes } from ${from("../../plugins/mod.ts")};
const bySubject = (name, word, answer) => definePlugin({
  name, data: (ctx) => ((ctx.message.header.text("subject") ?? "").includes(word) ? answer() : undefined),
});
const doorman = definePlugin({
  name: "doorman", rcpt: (ctx) => (ctx.recipient.forwardPath.localPart === "nobody" ? reject("5.1.1", "Nobody lives here") : undefined),
});
export default defineGateway((env) => ({
  listeners: [{ address: env.POSTERN_SMTP, greetingDelay: 0 }],
  http: env.POSTERN_HTTP,
  data: env.POSTERN_DATA,
  pipeline: pipeline(
    doorman,
    bySubject("greylist", "later", () => tempfail("4.7.1", "Please come again in a minute")),
    bySubject("blackhole", "nowhere", () => discard("nobody wants this")),
    bySubject("broken", "broken", () => { throw new Error("the plugin's own trouble"); }),
    attachments({ refuse: { extensions: ["exe"] } }),
    headers({ add: [{ name: "X-Postern", value: "passed", reason: "shows the way" }] }),
    routes([{ recipient: "*", nextHop: "backend" }]),
  ),
  nextHops: { backend: smtp(env.POSTERN_UPSTREAM) },
}));
`,
  );
  return file;
}

before(async () => {
  sink = await startSink(join(folder.path, "sink"));
  gateway = await startPaged(folder.path, {
    config: await moodyConfig(),
    env: { POSTERN_UPSTREAM: sink.address },
  });
});
after(async () => {
  gateway?.process.kill("SIGKILL");
  await gateway?.process.exited;
  await sink?.stop();
  await folder.remove();
});

const text = (subject: string): Buffer =>
  crlf(`From: Ann <ann@example.com>\nSubject: ${subject}\n\n${SECRET}\n`);
const executable = crlf(
  `Subject: a program\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n${SECRET}\n--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=run.exe\n\nMZ\n--b--\n`,
);

interface Case {
  readonly name: string;
  readonly content: Buffer;
  readonly recipient?: string;
  readonly reply: RegExp;
  readonly outcome: string;
  readonly decidedBy: object;
  /** What the list says of it, and the deciding step of its trace. */
  readonly row: RegExp;
  readonly step: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: "one that the next hop took",
    content: text("hello"),
    reply: /^250 /,
    outcome: "accepted",
    decidedBy: { nextHop: "backend" },
    row: /^delivered hello Ann <ann@example\.com> → you@example\.com backend next hop \d+ bytes /,
    step: /engine delivery decided smtp 127\.0\.0\.1:\d+ at 127\.0\.0\.1:\d+: reply$/,
  },
  {
    name: "one that a plugin refused",
    content: executable,
    reply: /^550 5\.7\.1 /,
    outcome: "refused",
    decidedBy: { plugin: "attachments", stage: "data" },
    row: /^refused a program sender@example\.com → you@example\.com attachments in data 550 5\.7\.1 We do not take this kind of attachment \(ref /,
    step: /data attachments reject decided took .* verdict 5\.7\.1 We do not take this kind of attachment /,
  },
  {
    name: "one that a plugin put off",
    content: text("later"),
    reply: /^451 4\.7\.1 /,
    outcome: "deferred",
    decidedBy: { plugin: "greylist", stage: "data" },
    row: /^deferred later .* greylist in data 451 4\.7\.1 Please come again in a minute \(ref /,
    step: /data greylist tempfail decided took .* verdict 4\.7\.1 Please come again in a minute$/,
  },
  {
    name: "one that met a plugin's fault",
    content: text("broken"),
    reply: /^451 4\.3\.0 /,
    outcome: "deferred",
    decidedBy: { plugin: "broken", stage: "data" },
    row: /^deferred broken .* broken in data 451 4\.3\.0 /,
    step: /data broken fault decided took .* fault the plugin's own trouble \(onError: tempfail\)$/,
  },
  {
    name: "one that a plugin took away",
    content: text("nowhere"),
    reply: /^250 /,
    outcome: "accepted",
    decidedBy: { plugin: "blackhole", stage: "data" },
    row: /^discarded nowhere .* blackhole in data \d+ bytes /,
    step: /data blackhole discard decided took .* verdict nobody wants this$/,
  },
  {
    name: "one that the next hop refused",
    content: text("refused there"),
    recipient: "refuse.me@example.com",
    reply: /^550 5\.1\.1 Nobody of that name lives here /,
    outcome: "refused",
    decidedBy: { nextHop: "backend" },
    row: /^refused refused there .* backend next hop 550 5\.1\.1 Nobody of that name lives here \(ref /,
    step: /engine delivery decided /,
  },
  {
    name: "one that the next hop put off",
    content: text("busy there"),
    recipient: "busy.me@example.com",
    reply: /^450 4\.2\.1 That mailbox is busy /,
    outcome: "deferred",
    decidedBy: { nextHop: "backend" },
    row: /^deferred busy there .* backend next hop 450 4\.2\.1 That mailbox is busy \(ref /,
    step: /engine delivery decided /,
  },
  {
    name: "one whose only recipient a plugin refused",
    content: text("never sent"),
    recipient: "nobody@example.com",
    reply: /^550 5\.1\.1 Nobody lives here /,
    outcome: "aborted",
    decidedBy: { plugin: "doorman", stage: "rcpt" },
    row: /^refused \(no content came\) sender@example\.com → nobody@example\.com doorman in rcpt 550 5\.1\.1 Nobody lives here \(ref \w+\) – /,
    step: /rcpt doorman reject decided /,
  },
];

interface Item {
  readonly id: string;
  readonly outcome: string;
  readonly decidedBy?: object;
  readonly stored: boolean;
  readonly trace?: object;
  readonly copies?: readonly object[];
  readonly text?: object;
}

describe("the page of postern start with POSTERN_UPSTREAM", () => {
  const sent = new Map<string, { readonly id: string; readonly reply: ClientReply }>();
  let browser: Browser | undefined;
  let watched: Watched;
  before(async () => {
    for (const { name, content, recipient = "you@example.com" } of CASES) {
      const reply = await sendOne(gateway.process.port, content, { recipients: [recipient] });
      sent.set(name, { reply, id: /\(ref (\w+)\)$/.exec(reply.text)?.[1] ?? "" });
    }
    await until("the last transaction", async () => {
      const { messages } = (await gateway.api("/api/messages")) as { readonly messages: readonly Item[] };
      return messages.length === CASES.length ? messages : undefined;
    });
    if (noBrowser) return;
    browser = await launchBrowser();
    watched = await watch(browser, gateway.origin);
    await watched.page.goto(gateway.link);
  });
  after(() => browser?.close());

  for (const { name, reply, outcome, decidedBy, row, step } of CASES) {
    it(`tells of ${name}, with who decided and without content`, async () => {
      const { id, reply: got } = sent.get(name)!;
      assert.match(got.text, reply);
      const item = (await gateway.api(`/api/messages/${id}`)) as Item;
      assert.deepEqual([item.outcome, item.decidedBy, item.stored], [outcome, decidedBy, false]);
      assert.ok(item.trace);
      assert.deepEqual([item.copies, item.text], [[], undefined]);
      const raw = await gateway.fetch(`/api/messages/${id}/raw`);
      assert.equal(raw.status, 404);
      assert.equal(((await raw.json()) as { error: { code: string } }).error.code, "noContent");
      if (!browser) return;
      const { page } = watched;
      const shown = async (selector: string) =>
        ((await page.locator(selector).textContent()) ?? "").replaceAll(/\s+/g, " ").trim();
      await page.goto(`${gateway.origin}/`);
      assert.match(await shown(`tr[data-id="${id}"]`), row);
      await page.click(`tr[data-id="${id}"] a`);
      assert.match(
        await shown('section[aria-labelledby="text"]'),
        /^Text No content is kept of this message\.$/,
      );
      assert.match((await shown(".step.deciding")).replace(/^[\d.]+ ms /, ""), step);
      assert.equal(await page.locator(".downloads").count(), 0);
      assert.deepEqual(watched.faults, []);
    });
  }

  it("keeps no content in the data folder", () => {
    assert.equal(sink.ledger().length, 1);
    const files = readdirSync(gateway.data, { recursive: true, withFileTypes: true }).filter((file) =>
      file.isFile(),
    );
    assert.ok(files.some(({ parentPath }) => parentPath.endsWith("traces")));
    for (const { parentPath, name } of files)
      assert.ok(!readFileSync(join(parentPath, name)).includes(SECRET), join(parentPath, name));
    assert.ok(!existsSync(join(gateway.data, "mailbox")));
  });

  it("goes on taking mail, and showing it, when the traces' folder is removed", async () => {
    rmSync(join(gateway.data, "traces"), { recursive: true });
    const reply = await sendOne(gateway.process.port, text("after the removal"));
    assert.match(reply.text, /^250 /);
    const id = /\(ref (\w+)\)$/.exec(reply.text)?.[1];
    const item = (await gateway.api(`/api/messages/${id}`)) as Item;
    assert.equal(item.outcome, "accepted");
    await until("the folder, made again", () =>
      existsSync(join(gateway.data, "traces")) && readdirSync(join(gateway.data, "traces")).length > 0
        ? true
        : undefined,
    );
  });
});
