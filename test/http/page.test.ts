/** The page in headless Chromium: POSTERN_CHROMIUM names the binary, else /usr/bin/chromium. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { fakeMailbox, fakeTraces, listen, record } from "./fakes.ts";

const executablePath = process.env.POSTERN_CHROMIUM ?? "/usr/bin/chromium";
const skip = existsSync(executablePath) ? false : `no Chromium at ${executablePath}; set POSTERN_CHROMIUM`;
const args =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

const hostile = `"><script>window.ran=1</script><img src=x onerror="window.ran=1"><a href="javascript:window.ran=1">x</a>`;
const content = [
  `From: ${hostile} <a@example.com>`,
  `Subject: ${hostile}`,
  "MIME-Version: 1.0",
  "Content-Type: text/html; charset=utf-8",
  "",
  `<body onload="window.ran=1">${hostile}</pre></textarea><iframe srcdoc="<script>top.ran=1</script>"></iframe></body>`,
  "",
].join("\r\n");

test("the page lists mail, shows new mail without a reload, and hostile mail runs nothing", {
  skip,
  timeout: 60_000,
}, async () => {
  const bad = record("a1", {
    subject: hostile,
    headerFrom: hostile,
    reversePath: hostile,
    recipients: [{ forwardPath: hostile, outcome: "refused", reason: hostile }],
    edits: [{ author: "headers", summary: hostile, reason: hostile }],
    entries: [
      { at: 0.1, event: "rcpt", detail: hostile },
      {
        stage: "data",
        plugin: "attachments",
        at: 1,
        ms: 0.5,
        facts: { sniffed: hostile },
        fallbacks: ["spf"],
        verdict: { verdict: "reject", enhanced: "5.7.1", text: hostile },
        fault: { message: hostile, onError: "tempfail" },
      },
    ],
  });
  const traces = fakeTraces(bad);
  const listener = await listen(traces, fakeMailbox({ a1: content }));
  const browser = await chromium.launch({ executablePath, args: args.split(" ") });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    const faults: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("dialog", (dialog) => {
      faults.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(listener.url);
    assert.equal(new URL(page.url()).search, "");
    await page.waitForSelector(".live.on");
    assert.equal(await page.locator("tr[data-id]").count(), 1);
    assert.ok(((await page.locator("tr[data-id=a1] .subject").textContent()) ?? "").includes("<script>"));

    await page.evaluate("window.notReloaded = true");
    traces.put(record("a2", { subject: "Fresh mail" }));
    await page.waitForSelector("tr[data-id=a2]", { timeout: 5_000 });
    assert.equal(await page.evaluate("window.notReloaded"), true);
    assert.equal(await page.evaluate("window.ran"), undefined);
    if (process.env.POSTERN_SHOTS) await page.screenshot({ path: `${process.env.POSTERN_SHOTS}/list.png` });

    await page.click("tr[data-id=a1] a");
    await page.waitForSelector(".mail");
    assert.ok(((await page.locator(".mail").textContent()) ?? "").includes('<body onload="window.ran=1">'));
    for (const element of [
      "script",
      "img",
      "iframe",
      "a[href^=javascript]",
      "[onload]",
      "[onerror]",
      "[style]",
    ]) {
      assert.equal(await page.locator(element).count(), 0, element);
    }
    assert.equal(await page.evaluate("window.ran"), undefined);
    if (process.env.POSTERN_SHOTS)
      await page.screenshot({ path: `${process.env.POSTERN_SHOTS}/view.png`, fullPage: true });
    assert.deepEqual(faults, []);
  } finally {
    await browser.close();
    await listener.close();
  }
});
