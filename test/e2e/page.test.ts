/** The page as a user has it: the default config, mail by SMTP, a real browser. What hostile mail may not do is here too. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import {
  launchBrowser,
  noBrowser,
  type PagedGateway,
  startPaged,
  until,
  type Watched,
  watch,
} from "./page-fixtures.ts";
import { type HostileMail, hostileMail, longLine, manyFields } from "./page-hostile-mail.ts";
import { temporaryFolder } from "./processes.ts";
import { crlf } from "./real-messages.ts";
import { sendOne } from "./smtp-client.ts";

if (noBrowser) console.log(`skipped: the page in a browser: ${noBrowser}`);

const folder = await temporaryFolder();
let gateway: PagedGateway;
before(async () => {
  gateway = await startPaged(folder.path);
});
after(async () => {
  gateway?.process.kill("SIGKILL");
  await gateway?.process.exited;
  await folder.remove();
});

interface Listed {
  readonly messages: readonly { readonly id: string; readonly subject: string; readonly outcome: string }[];
}
const newest = async () => ((await gateway.api("/api/messages")) as Listed).messages;

/** Sends, and gives the id that the reply ends with. */
async function send(content: Buffer, recipients = ["you@example.com"]): Promise<string> {
  const reply = await sendOne(gateway.process.port, content, { recipients });
  assert.match(reply.text, /^250 2\.0\.0 .*\(ref [0-9a-z]+\)$/);
  return /\(ref (\w+)\)$/.exec(reply.text)?.[1] ?? "";
}

describe("postern start", () => {
  it("keeps the data folder and the token to their owner", () => {
    assert.equal(statSync(gateway.data).mode & 0o777, 0o700);
    assert.equal(statSync(join(gateway.data, "http-token")).mode & 0o777, 0o600);
    assert.equal(new URL(gateway.link).searchParams.get("token"), gateway.token);
  });

  it("answers /healthz and nothing else without the token", async () => {
    const ask = async (path: string) => (await fetch(gateway.origin + path)).status;
    assert.equal(await ask("/healthz"), 200);
    for (const path of ["/", "/api/messages", "/api/messages/a/raw", "/api/events"])
      assert.equal(await ask(path), 401, path);
  });
});

describe("the page of postern start", { skip: noBrowser }, () => {
  let browser: Browser;
  let watched: Watched;
  let page: Page;
  before(async () => {
    browser = await launchBrowser();
    watched = await watch(browser, gateway.origin);
    page = watched.page;
  });
  after(() => browser?.close());

  it("exchanges the printed link for a cookie and drops the token from the URL", async () => {
    await page.goto(gateway.link);
    assert.equal(page.url(), `${gateway.origin}/`);
    const cookies = await watched.context.cookies();
    assert.deepEqual(
      cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite })),
      [{ httpOnly: true, sameSite: "Strict" }],
    );
    assert.ok(!cookies[0]?.value.includes(gateway.token));
    assert.equal(await page.evaluate("document.cookie"), "");
    assert.ok(!(await page.content()).includes(gateway.token));
  });

  it("says on an empty list what to do", async () => {
    const empty = page.locator("#messages");
    assert.match((await empty.textContent()) ?? "", /No mail yet\s+New mail appears here by itself/);
    const command = (await empty.locator(".command").textContent()) ?? "";
    const port = gateway.process.port;
    assert.equal(command, `npx postern send --to you@example.com --server 127.0.0.1:${port}`);
    const way = (await page.locator(".way").textContent()) ?? "";
    assert.match(way, new RegExp(`relay 127\\.0\\.0\\.1:${port}\\s`));
    assert.match(way, /smtpAuth → attachments → headers → routes/);
  });

  const greetings = crlf(
    "From: Ann <ann@example.com>\nTo: you@example.com\nDate: Fri, 2 Jan 2026 03:04:05 +0000\nSubject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\n\nThe text, with an <angle> & an ümlaut.\n",
  );
  let id = "";

  it("shows new mail without a reload", async () => {
    await page.waitForSelector(".live.on");
    await page.evaluate("window.notReloaded = true");
    id = await send(greetings, ["you@example.com", "her@example.com"]);
    // The mailbox may know a message an instant before its trace is written: until then the row names no next hop.
    const row = page.locator(`tr[data-id="${id}"]`).filter({ hasText: "backend next hop" });
    await row.waitFor();
    assert.equal(await page.evaluate("window.notReloaded"), true);
    assert.equal(await row.locator(".subject").textContent(), "Grüße");
    const text = ((await row.textContent()) ?? "").replaceAll(/\s+/g, " ");
    const want =
      /delivered .*Ann <ann@example\.com> → you@example\.com and 1 more backend next hop \d+ bytes/;
    assert.match(text, want);
    assert.equal(await page.locator("#news").textContent(), "1 new message");
  });

  it("shows of one message its envelope, text, edits with author and reason, and trace", async () => {
    await page.click(`tr[data-id="${id}"] a`);
    await page.waitForURL(`${gateway.origin}/messages/${id}`);
    assert.equal(await page.locator("h1").textContent(), "Grüße");
    const wanted: readonly [selector: string, want: RegExp][] = [
      [".lead", new RegExp(`delivered by the next hop backend.*${id}`)],
      [
        "#envelope",
        /Reverse-path<sender@example\.com>.*Client127\.0\.0\.1 port \d+, trusted.*EHLOclient\.example/,
      ],
      ["#envelope", /Our reply250 2\.0\.0/],
      ["#recipients", /<you@example\.com> delivered.*<her@example\.com> delivered/],
      ["#text", /The text, with an <angle> & an ümlaut\./],
      ["#edits", /headers added X-Postern.*because: shows that mail came through the gateway/],
      [
        "#trace",
        /data attachments went on.*data headers went on.*edit added X-Postern.*route routes routeTo/,
      ],
      ["#trace", /engine delivery decided.*reply 250/],
    ];
    for (const [selector, want] of wanted) {
      const place = selector.startsWith("#") ? `section[aria-labelledby="${selector.slice(1)}"]` : selector;
      const text = (await page.locator(place).textContent()) ?? "";
      assert.match(text.replaceAll(/\s+/g, " "), want, selector);
    }
    assert.equal(await page.locator(".step.deciding").count(), 1);
    assert.deepEqual(watched.faults, []);
  });

  it("gives for download the bytes that the API gives and the mailbox keeps", async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(".downloads a")]);
    assert.equal(download.suggestedFilename(), `${id}.eml`);
    const downloaded = readFileSync(await download.path());
    const raw = Buffer.from(await (await gateway.fetch(`/api/messages/${id}/raw`)).arrayBuffer());
    const file = readFileSync(join(gateway.data, "mailbox", `${id}.eml`));
    assert.deepEqual(downloaded, file);
    assert.deepEqual(raw, file);
    const head = "Return-Path: <sender@example.com>\r\nReceived: from client.example ([127.0.0.1])";
    assert.ok(file.toString("utf8").startsWith(head), file.toString("utf8").slice(0, 200));
    assert.match(file.toString("utf8"), /\r\nX-Postern: passed\r\n/);
    assert.deepEqual(file.subarray(-greetings.length), greetings);
    assert.deepEqual(watched.faults, []);
  });

  it("has beside it one JSON line in the log for each recipient", async () => {
    const lines = await until("a log line for each recipient", () => {
      const all = gateway.process.output().split("\n");
      const own = all.filter((line) => line.includes(`"ref":"${id}"`));
      return own.length === 2 ? own : undefined;
    });
    for (const [n, forwardPath] of ["you@example.com", "her@example.com"].entries()) {
      const { reply, ms, ...line } = JSON.parse(lines[n] ?? "");
      const want = { event: "delivered", ref: id, client: "127.0.0.1", nextHop: "backend", forwardPath };
      assert.deepEqual({ ...line, ...want, reversePath: "sender@example.com" }, line);
      assert.match(reply, /^250 2\.0\.0 /);
      assert.equal(typeof ms, "number");
    }
  });

  it("shows what came between the making of the list and the opening of its stream", async () => {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    await page.route("**/api/events", async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(`${gateway.origin}/`);
    const id = await send(crlf("Subject: in between\n\ntext\n"));
    assert.equal(await page.locator(`tr[data-id="${id}"]`).count(), 0);
    letGo();
    await page.locator(`tr[data-id="${id}"]`).waitFor();
    await page.unroute("**/api/events");
  });

  it("keeps the keyboard's place in the list while mail comes", async () => {
    await page.goto(`${gateway.origin}/`);
    await page.waitForSelector(".live.on");
    const [{ id: focused } = { id: "" }] = await newest();
    await page.focus(`tr[data-id="${focused}"] a`);
    const id = await send(crlf("Subject: another\n\ntext\n"));
    await page.locator(`tr[data-id="${id}"]`).waitFor();
    assert.equal(await page.evaluate("document.activeElement.closest('tr').dataset.id"), focused);
  });

  it("lists as JSON, newest first", async () => {
    const listed = await newest();
    const ids = listed.map(({ id }) => id);
    assert.deepEqual(ids, ids.toSorted().reverse());
    assert.deepEqual([listed[0]?.subject, listed[0]?.outcome], ["another", "accepted"]);
  });

  it("is served to no other host name, and to no page of another origin", async () => {
    const port = new URL(gateway.origin).port;
    const rebound = await watch(browser, gateway.origin);
    try {
      // As after DNS rebinding: the name of an attacker leads here.
      const answer = await rebound.page.goto(`http://evil.localhost:${port}/`);
      assert.equal(answer?.status(), 421);
      await rebound.page.goto(gateway.link);
      const asked = await rebound.page.evaluate(
        `fetch("http://localhost:${port}/api/messages", { credentials: "include" }).then(() => "read", () => "refused")`,
      );
      assert.equal(asked, "refused");
    } finally {
      await rebound.context.close();
    }
  });

  /** The page without what a message brings: its elements in order, and where the ones around the message stand. */
  const OUTLINE = `JSON.stringify([...document.querySelectorAll("header, header *, main, nav, nav *, h1, h2, .back, .api")].map((e) => {
    const { x, width, height } = e.getBoundingClientRect();
    return [e.tagName, e.className, e.id, e.href ?? "", e.tagName === "MAIN" || e.tagName === "H1" ? "" : [x, width, height], e.closest("header, nav, h2") ? e.textContent : ""];
  }))`;
  const TAGS = `JSON.stringify([...new Set(Array.from(document.querySelectorAll("*"), (e) => e.tagName))].sort())`;
  const known = new Set(
    "A B BDI BODY BR CODE DD DETAILS DIV DL DT H1 H2 H3 HEAD HEADER HTML LI LINK MAIN META NAV OL P PRE SECTION SMALL SPAN SUMMARY TABLE TBODY TD TH THEAD TIME TITLE TR UL".split(
      " ",
    ),
  );

  async function outline(): Promise<string> {
    // The announcement of new mail is there or not by the moment.
    await page.evaluate("document.getElementById('news')?.replaceChildren()");
    return (await page.evaluate<string>(OUTLINE)).replaceAll(new URL(page.url()).pathname, "/here");
  }

  async function open(id: string): Promise<void> {
    await page.goto(`${gateway.origin}/messages/${id}`);
    await page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true");
  }

  async function check({ subject, shows, content }: HostileMail, id: string, plain: string): Promise<void> {
    await open(id);
    assert.equal(await page.locator("h1").textContent(), subject);
    const texts = (await page.locator(".mail").allTextContents()).join("\n");
    assert.ok(texts.includes(shows), texts.slice(0, 300));
    assert.equal(await page.evaluate("window.ran"), undefined);
    const tags = JSON.parse(await page.evaluate(TAGS)) as string[];
    assert.deepEqual(
      tags.filter((tag) => !known.has(tag)),
      [],
    );
    assert.equal(await outline(), plain);
    assert.deepEqual(watched.faults, []);
    const raw = Buffer.from(await (await gateway.fetch(`/api/messages/${id}/raw`)).arrayBuffer());
    assert.deepEqual(raw.subarray(-content.length), content);
  }

  it("shows hostile mail as text: it runs nothing, loads nothing, and moves nothing", async (context) => {
    await open(await send(crlf("From: a@example.com\nTo: b@example.com\nSubject: plain\n\ntext\n")));
    const plainView = await outline();
    await page.goto(`${gateway.origin}/`);
    await page.waitForSelector(".live.on");
    const plainList = await outline();
    const sent: { readonly mail: HostileMail; readonly id: string }[] = [];
    for (const mail of [...hostileMail, longLine, manyFields])
      sent.push({ mail, id: await send(mail.content) });
    for (const { mail, id } of sent) {
      const subject = page.locator(`tr[data-id="${id}"] .subject`);
      await subject.waitFor();
      assert.equal(await subject.textContent(), mail.subject);
    }
    assert.equal(await page.evaluate("window.ran"), undefined);
    assert.equal(await outline(), plainList);
    for (const { mail, id } of sent) await context.test(mail.name, () => check(mail, id, plainView));
  });

  it("has no horizontal scroll at 400 px, on the list and on each message", async () => {
    const narrow = await watch(browser, gateway.origin, { viewport: { width: 400, height: 800 } });
    try {
      await narrow.page.goto(gateway.link);
      const wide = () => narrow.page.evaluate("document.documentElement.scrollWidth") as Promise<number>;
      assert.equal(await wide(), 400);
      for (const { id, subject } of await newest()) {
        await narrow.page.goto(`${gateway.origin}/messages/${id}`);
        await narrow.page.evaluate(
          "for (const fold of document.querySelectorAll('details')) fold.open = true",
        );
        assert.equal(await wide(), 400, subject);
      }
      assert.deepEqual(narrow.faults, []);
    } finally {
      await narrow.context.close();
    }
  });

  it("asked for nothing but what the gateway serves", () => {
    assert.deepEqual(watched.faults, []);
    assert.ok(readdirSync(join(gateway.data, "mailbox")).length > hostileMail.length);
  });
});
