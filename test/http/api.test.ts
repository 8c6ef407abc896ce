import assert from "node:assert/strict";
import { get } from "node:http";
import { test } from "node:test";
import { createEventStreams } from "../../core/http/events.ts";
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

test("pages are bounded, and say where they go on", async () => {
  const ids = Array.from({ length: 205 }, (_, n) => `a${1000 + n}`);
  const listener = await listen(fakeTraces(...ids.map((id) => record(id))));
  try {
    for (const [query, count] of [
      ["", 50],
      ["?limit=200", 200],
      ["?limit=1", 1],
    ] as const) {
      const page = JSON.parse((await ask(listener, `/api/messages${query}`)).text);
      assert.equal(page.messages.length, count);
      assert.equal(page.next, page.messages.at(-1).id);
    }
    const last = JSON.parse((await ask(listener, "/api/messages?limit=200&before=a1005")).text);
    assert.deepEqual([last.messages.length, last.next], [5, undefined]);
    const html = { accept: "text/html" };
    assert.match((await ask(listener, "/", html)).text, /<a href="\/\?before=a1155" rel="next">Older<\/a>/);
    const older = await ask(listener, "/?before=a1000", html);
    assert.match(older.text, /No older messages\./);
    assert.match(older.text, /<a href="\/">Newest<\/a>/);
  } finally {
    await listener.close();
  }
});

test("GET /api/messages lists 20 recipients of each message, GET /api/messages/ID all", async () => {
  const recipients = Array.from({ length: 600 }, (_, n) => ({
    forwardPath: `r${n}@example.org`,
    outcome: n === 599 ? ("refused" as const) : ("delivered" as const),
  }));
  const listener = await listen(fakeTraces(record("a1", { recipients })));
  try {
    const [item] = JSON.parse((await ask(listener, "/api/messages")).text).messages;
    assert.deepEqual([item.recipients.length, item.recipientCount], [20, 600]);
    const detail = JSON.parse((await ask(listener, "/api/messages/a1")).text);
    assert.equal(detail.recipients.length, 600);
    const html = { accept: "text/html" };
    assert.match((await ask(listener, "/", html)).text, /and 599 more<\/span>/);
    assert.match(
      (await ask(listener, "/messages/a1", html)).text,
      /and 100 more recipients, which the JSON has\./,
    );
  } finally {
    await listener.close();
  }
});

test("a query out of range is 400 with its name", async () => {
  const listener = await listen(fakeTraces());
  try {
    const wrong =
      "limit=0 limit=201 limit=x limit= limit=-1 limit=1e1 limit=1.5 before= before=../x before=%00";
    for (const query of [...wrong.split(" "), `before=${"a".repeat(101)}`]) {
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

test("no path of a message leads out of its folder", async () => {
  const asked: string[] = [];
  const traces = fakeTraces(record("a1"));
  const mailbox = fakeMailbox({ a1: plain });
  const spied = {
    ...mailbox,
    open: (id: string) => {
      asked.push(id);
      return mailbox.open(id);
    },
  };
  const listener = await listen(traces, spied);
  try {
    for (const id of [
      "..",
      "../http-token",
      "..%2fhttp-token",
      "%2e%2e%2fhttp-token",
      "..%5chttp-token",
      "%252e%252e",
      "a1%00.eml",
      "a1%2f..%2f..%2fhttp-token",
      "-",
      "a1%0d%0aSet-Cookie:x",
      "%",
      "%ff",
    ]) {
      for (const path of [`/api/messages/${id}`, `/api/messages/${id}/raw`, `/messages/${id}`]) {
        const answer = await ask(listener, path);
        // A client's dots are resolved before there is a path: this one is the list.
        const wanted = path === "/messages/.." ? [200] : [400, 404];
        assert.ok(wanted.includes(answer.status), `${path}: ${answer.status}`);
        assert.ok(!answer.text.includes(token));
        assert.equal(answer.headers["set-cookie"], undefined);
      }
    }
    assert.deepEqual(
      asked.filter((id) => !/^[0-9a-z]+(?:\.\d+)?$/i.test(id)),
      [],
    );
  } finally {
    await listener.close();
  }
});

test("HEAD answers as GET does, without a body", async () => {
  const listener = await listen(fakeTraces(record("a1")), fakeMailbox({ a1: plain }));
  try {
    for (const path of [
      "/",
      "/messages/a1",
      "/api/messages",
      "/api/messages/a1",
      "/api/messages/a1/raw",
      "/api/messages/none",
      "/style.css",
      "/healthz",
    ]) {
      const [get, head] = [await ask(listener, path), await ask(listener, path, {}, "HEAD")];
      assert.deepEqual([head.status, head.text], [get.status, ""], path);
      for (const name of ["content-type", "content-security-policy", "content-disposition"])
        assert.equal(head.headers[name], get.headers[name], `${path} ${name}`);
    }
    const head = await ask(listener, "/api/messages/a1/raw", {}, "HEAD");
    assert.equal(head.headers["content-length"], String(plain.length));
    const events = await ask(listener, "/api/events", {}, "HEAD");
    assert.deepEqual([events.status, events.text], [200, ""]);
  } finally {
    await listener.close();
  }
});

test("a trouble of the stores is 500 with a word, and its cause is in the log only", async () => {
  const said: string[] = [];
  const broken = () => Promise.reject(new Error("EIO: /var/lib/secret"));
  const listener = await listen({ ...fakeTraces(), get: broken, list: broken }, undefined, said);
  try {
    for (const path of ["/api/messages", "/api/messages/a1", "/messages/a1", "/"]) {
      const answer = await ask(listener, path);
      assert.equal(answer.status, 500, path);
      assert.equal(JSON.parse(answer.text).error.code, "internal");
      assert.ok(!answer.text.includes("secret"));
    }
    assert.equal(said.filter((line) => line === "httpFault EIO: /var/lib/secret").length, 4);
  } finally {
    await listener.close();
  }
});

for (const { name, good } of [
  { name: "from the start", good: 0 },
  { name: "after the first chunk", good: 1 },
  { name: "after many", good: 30 },
]) {
  test(`GET /api/messages/ID/raw that can not read ${name} does not look whole, nor tells why`, async () => {
    const content = {
      size: 100_000 * (good + 1),
      async *read() {
        for (let n = 0; n < good; n++) yield new Uint8Array(100_000);
        throw new Error("EIO: /var/lib/secret");
      },
    };
    const envelope = { reversePath: "", recipients: [], receivedAt: 1 };
    const mailbox = { open: async () => ({ ...envelope, content }), list: async () => [] };
    const said: string[] = [];
    const listener = await listen(fakeTraces(record("a1")), mailbox, said);
    try {
      if (good > 0)
        await assert.rejects(ask(listener, "/api/messages/a1/raw"), /aborted|ECONNRESET|socket hang up/);
      else {
        const answer = await ask(listener, "/api/messages/a1/raw");
        assert.deepEqual([answer.status, JSON.parse(answer.text).error.code], [500, "internal"]);
        assert.equal(answer.headers["x-content-type-options"], "nosniff");
      }
      assert.deepEqual(said, [`${good > 0 ? "rawBrokenOff" : "httpFault"} EIO: /var/lib/secret`]);
      assert.equal((await ask(listener, "/healthz")).status, 200);
    } finally {
      await listener.close();
    }
  });
}

test("a message that only the mailbox still knows is listed and shown with its text", async () => {
  const listener = await listen(fakeTraces(), fakeMailbox({ a1: plain, "a1.2": plain }));
  try {
    const detail = JSON.parse((await ask(listener, "/api/messages/a1")).text);
    assert.deepEqual(
      [detail.subject, detail.trace, detail.text.header],
      ["Hello", undefined, "From: A <a@example.com>\r\nSubject: Hello\r\n\r\n"],
    );
    assert.deepEqual(
      detail.copies.map(({ id }: { id: string }) => id),
      ["a1", "a1.2"],
    );
    const view = await ask(listener, "/messages/a1", { accept: "text/html" });
    assert.match(view.text, /The trace has expired\./);
    assert.match(view.text, /href="\/api\/messages\/a1\.2\/raw"/);
  } finally {
    await listener.close();
  }
});

test("the text of a message is bounded, and says where it was cut", async () => {
  const long = `Subject: x\r\nX-Long: ${"h".repeat(70_000)}\r\n\r\n${"ä".repeat(300_000)}`;
  const listener = await listen(fakeTraces(record("a1")), fakeMailbox({ a1: long }));
  try {
    const answer = await ask(listener, "/api/messages/a1");
    const { text } = JSON.parse(Buffer.from(answer.text, "latin1").toString("utf8"));
    assert.deepEqual([text.header.length, text.headerTruncated], [65_536, true]);
    assert.deepEqual([text.parts[0].text.length, text.parts[0].truncated], [262_144, true]);
  } finally {
    await listener.close();
  }
});

test("a stream of events that nobody reads keeps nothing but the last id", async () => {
  const traces = fakeTraces();
  const streams = createEventStreams(traces);
  const reader = streams.open()!.getReader();
  for (let n = 0; n < 10_000; n++) traces.put(record(`a${n}`));
  streams.close();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read())
    text += new TextDecoder().decode(part.value);
  assert.ok(text.split("\n\n").length <= 12, text);
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
