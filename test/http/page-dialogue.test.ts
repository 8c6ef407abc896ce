/** The lines of `trace.dialogue` on the page and in the API, among the steps of the trace. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TraceEntry } from "../../core/pipeline/mod.ts";
import { ask, fakeTraces, listen, record } from "./fakes.ts";

const entries: readonly TraceEntry[] = [
  { at: 3, who: "client", line: "EHLO <script>", opening: true },
  { at: 4, who: "gateway", line: "250 one\nPIPELINING", opening: true },
  { at: 0, who: "client", line: "MAIL FROM:<ann@example.com>" },
  { at: 1, event: "delivery", detail: "smtp 192.0.2.9:25: reply" },
  { at: 2, who: "gateway", line: "RCPT TO:<bob@example.org>", server: "192.0.2.9:25" },
  { at: 3, who: "nextHop", line: "550 5.1.1 No", server: "192.0.2.9:25" },
];

test("the page shows each line of a dialogue escaped, with who said it, those before MAIL with the session", async () => {
  const listener = await listen(fakeTraces(record("a1", { entries })));
  try {
    const { text } = await ask(listener, "/messages/a1", { accept: "text/html" });
    const [session = "", transaction = ""] = text
      .slice(text.indexOf("Session, on its own clock"))
      .split("<h3>Transaction</h3>");
    assert.match(session, /<span class="stage">client<\/span>[\s\S]*<bdi>EHLO &lt;script&gt;<\/bdi>/);
    assert.match(session, /<bdi>250 one<\/bdi><\/div>\n<div class="line own"><bdi>PIPELINING<\/bdi>/);
    assert.match(transaction, /<bdi>MAIL FROM:&lt;ann@example\.com&gt;<\/bdi>/);
    assert.match(
      transaction,
      /<b>to 192\.0\.2\.9:25<\/b>[\s\S]*<bdi>RCPT TO:&lt;bob@example\.org&gt;<\/bdi>/,
    );
    assert.match(
      transaction,
      /next hop<\/span> <b>from 192\.0\.2\.9:25<\/b>[\s\S]*<bdi>550 5\.1\.1 No<\/bdi>/,
    );
    assert.doesNotMatch(text, /<script>/);
  } finally {
    await listener.close();
  }
});

test("GET /api/messages/ID has the lines of a dialogue as they are in the trace", async () => {
  const listener = await listen(fakeTraces(record("a1", { entries })));
  try {
    const { trace } = JSON.parse((await ask(listener, "/api/messages/a1")).text);
    assert.deepEqual(trace.entries, entries);
  } finally {
    await listener.close();
  }
});
