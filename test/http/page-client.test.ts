/** Who sent a message, on its page: the client, by way of whom it came, and what was said of it by XFORWARD. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, fakeTraces, listen, record } from "./fakes.ts";

const rows = {
  via: { client: { ip: "192.0.2.1", port: 0, trusted: false, via: "10.0.0.1" } },
  said: { forwarded: { ip: "203.0.113.9", port: 4711, name: "a<b", ehlo: "spike", ident: "4Z2x" } },
  local: { forwarded: { source: "LOCAL" as const } },
};

test("the page of a message names the peer that its client came through, and whom XFORWARD named", async () => {
  const listener = await listen(
    fakeTraces(...Object.entries(rows).map(([id, change]) => record(id, change))),
  );
  try {
    const page = async (id: string) => (await ask(listener, `/messages/${id}`, { accept: "text/html" })).text;
    assert.match(await page("via"), /<bdi>192\.0\.2\.1, by way of 10\.0\.0\.1<\/bdi>/);
    assert.match(
      await page("said"),
      /Forwarded for<\/dt><dd><bdi>203\.0\.113\.9 port 4711, a&lt;b, EHLO spike, as 4Z2x<\/bdi>/,
    );
    assert.match(await page("local"), /<bdi>nobody, it began at the client, local<\/bdi>/);
    assert.doesNotMatch(await page("via"), /Forwarded for/);
  } finally {
    await listener.close();
  }
});
