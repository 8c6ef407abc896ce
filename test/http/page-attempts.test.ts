/** What the queue did for a recipient, on the page and in the API. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TraceRecipient } from "../../core/pipeline/mod.ts";
import { ask, fakeTraces, listen, record } from "./fakes.ts";

const recipients: readonly TraceRecipient[] = [
  { number: 0, forwardPath: "a@example.org", outcome: "delivered", attempts: 1 },
  {
    number: 1,
    forwardPath: "b@example.org",
    outcome: "deferred",
    reply: { code: 450, enhanced: "4.2.0", text: "Later" },
    attempts: 2,
    nextAt: Date.UTC(2026, 0, 5, 10, 0, 0),
  },
];
const entries = [{ at: 9_000_000, event: "attempt", detail: "number 2, of 1 recipient" }];

test("the page tells the attempts for each recipient, when the next is made, and hours of the trace as hours", async () => {
  const listener = await listen(fakeTraces(record("a1", { recipients, entries })));
  try {
    const { text } = await ask(listener, "/messages/a1", { accept: "text/html" });
    const [, first = "", second = ""] = text.slice(text.indexOf("<tbody>")).split("<tr>");
    assert.match(first, /<div class="quiet">1 attempt<\/div>/);
    assert.match(
      second,
      /450 4\.2\.0 Later[\s\S]*2 attempts, the next at [\s\S]*2026-01-05[\s\S]*10:00[\s\S]*UTC/,
    );
    assert.match(text, /<span class="at">2 h 30 min<\/span>/);
  } finally {
    await listener.close();
  }
});

test("GET /api/messages/ID has attempts and next times as they are in the trace", async () => {
  const listener = await listen(fakeTraces(record("a1", { recipients })));
  try {
    const detail = JSON.parse((await ask(listener, "/api/messages/a1")).text);
    assert.deepEqual(detail.recipients, recipients);
  } finally {
    await listener.close();
  }
});
