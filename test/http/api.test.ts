import assert from "node:assert/strict";
import { get } from "node:http";
import { test } from "node:test";
import { ask, fakeMailbox, fakeTraces, listen, record, token } from "./fakes.ts";

const plain = "From: A <a@example.com>\r\nSubject: Hello\r\n\r\nThe text.\r\n";

test("GET /api/messages joins traces and mailbox, newest first, and pages through all once", async () => {
  const traces = fakeTraces(record("a1"), record("a3"), record("a5"), record("a6"));
  const listener = await listen(traces, fakeMailbox({ a2: plain, a3: plain, "a3.2": plain, a4: plain }));
  try {
    const seen: string[] = [];
    let path = "/api/messages?limit=2";
    for (let pages = 0; pages < 10; pages++) {
      const page = JSON.parse((await ask(listener, path)).text);
      for (const { id, stored } of page.messages) seen.push(stored ? `${id} stored` : id);
      if (page.next === undefined) break;
      path = `/api/messages?limit=2&before=${page.next}`;
    }
    assert.deepEqual(seen, ["a6", "a5", "a4 stored", "a3 stored", "a2 stored", "a1"]);
    const all = JSON.parse((await ask(listener, "/api/messages")).text);
    assert.equal(all.next, undefined);
    assert.deepEqual(
      [all.messages[2].subject, all.messages[0].receivedAt],
      ["Hello", "2026-01-02T03:04:05.000Z"],
    );
  } finally {
    await listener.close();
  }
});

test("a query out of range is 400 with its name", async () => {
  const listener = await listen(fakeTraces());
  try {
    for (const query of ["limit=0", "limit=201", "limit=x", "before=../x"]) {
      const answer = await ask(listener, `/api/messages?${query}`);
      assert.equal(answer.status, 400, query);
      assert.ok(JSON.parse(answer.text).error.message.startsWith(query.split("=")[0]));
    }
  } finally {
    await listener.close();
  }
});

test("GET /api/messages/ID gives trace, edits and decoded text", async () => {
  const edit = { author: "headers", summary: "added X-Test", reason: "config says so" };
  const listener = await listen(fakeTraces(record("a1", { edits: [edit] })), fakeMailbox({ a1: plain }));
  try {
    const detail = JSON.parse((await ask(listener, "/api/messages/a1")).text);
    assert.deepEqual(detail.edits, [edit]);
    assert.equal(detail.trace.session, "s1");
    assert.equal(detail.text.parts[0].text.trim(), "The text.");
    for (const id of ["none", "..%2f..%2fetc%2fpasswd", "%00", "a".repeat(200)]) {
      assert.equal((await ask(listener, `/api/messages/${id}`)).status, 404, id);
    }
  } finally {
    await listener.close();
  }
});

test("GET /api/messages/ID/raw gives the bytes as delivered, as an attachment", async () => {
  const listener = await listen(fakeTraces(record("a1"), record("a2")), fakeMailbox({ a1: plain }));
  try {
    const raw = await ask(listener, "/api/messages/a1/raw");
    assert.equal(raw.text, plain);
    assert.equal(raw.headers["content-type"], "application/octet-stream");
    assert.equal(raw.headers["content-disposition"], 'attachment; filename="a1.eml"');
    const kept = async (id: string) =>
      JSON.parse((await ask(listener, `/api/messages/${id}/raw`)).text).error.code;
    assert.deepEqual([await kept("a2"), await kept("a3")], ["noContent", "unknownMessage"]);
  } finally {
    await listener.close();
  }
});

test("/api/events tells of new mail, is bounded, and ends with close", async () => {
  const traces = fakeTraces();
  const listener = await listen(traces);
  const headers = { authorization: `Bearer ${token}` };
  const first = await new Promise<import("node:http").IncomingMessage>((resolve) => {
    get({ ...listener.address, path: "/api/events", headers, agent: false }, resolve);
  });
  let text = "";
  first.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    if (text.includes("event: open") && !text.includes("a9")) traces.put(record("a9"));
  });
  first.on("error", () => undefined);
  const others = Array.from(
    { length: 31 },
    () =>
      new Promise<void>((resolve) => {
        get({ ...listener.address, path: "/api/events", headers, agent: false }, (response) => {
          response.on("error", () => undefined).resume();
          resolve();
        });
      }),
  );
  await Promise.all(others);
  assert.equal((await ask(listener, "/api/events")).status, 503);
  const ended = new Promise((resolve) => first.on("close", resolve));
  await listener.close();
  await ended;
  assert.match(text, /event: message\ndata: \{"id":"a9"\}\n\n/);
  assert.equal(traces.listeners.size, 0);
});

test("listenHttp does not replace the global Request and Response", async () => {
  const globals = [globalThis.Request, globalThis.Response];
  const listener = await listen(fakeTraces());
  await listener.close();
  assert.deepEqual([globalThis.Request, globalThis.Response], globals);
});
