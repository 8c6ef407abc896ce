import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type HttpListener, readOrCreateToken } from "../../core/http/mod.ts";
import { ask, fakeTraces, listen, record, token } from "./fakes.ts";

let listener: HttpListener;
before(async () => {
  listener = await listen(fakeTraces(record("a1")));
});
after(() => listener.close());

async function session(): Promise<string> {
  const exchange = await ask(listener, `/?token=${token}`, { authorization: "" });
  return String(exchange.headers["set-cookie"]).split(";", 1)[0] as string;
}

test("/healthz answers ok without a token", async () => {
  const answer = await ask(listener, "/healthz", { authorization: "" });
  assert.deepEqual([answer.status, answer.text], [200, "ok"]);
});

test("everything else needs the token or a session", async () => {
  for (const path of [
    "/",
    "/messages/a1",
    "/api/messages",
    "/api/messages/a1",
    "/api/messages/a1/raw",
    "/api/events",
  ]) {
    for (const authorization of ["", "Bearer wrong", `Basic ${token}`, `Bearer ${token}x`]) {
      const answer = await ask(listener, path, { authorization });
      assert.equal(answer.status, 401, `${path} with ${authorization}`);
      assert.equal(JSON.parse(answer.text).error.code, "notSignedIn");
    }
  }
});

test("only hosts of the list are served", async () => {
  const { port } = listener.address;
  for (const host of [
    `localhost:${port}`,
    `127.0.0.1:${port}`,
    `[::1]:${port}`,
    "mail.example.net",
    `MAIL.example.net:${port}`,
  ]) {
    assert.equal((await ask(listener, "/api/messages", { host })).status, 200, host);
  }
  for (const host of [
    "localhost",
    "localhost:1",
    `evil.example:${port}`,
    `localhost.evil.example:${port}`,
    `x@localhost:${port}`,
  ]) {
    assert.ok([400, 421].includes((await ask(listener, "/api/messages", { host })).status), host);
  }
});

test("the link becomes an HttpOnly SameSite=Strict cookie and leaves the URL", async () => {
  const answer = await ask(listener, `/?token=${token}`, { authorization: "" });
  assert.equal(answer.status, 303);
  assert.equal(answer.headers.location, "/");
  const cookie = String(answer.headers["set-cookie"]);
  assert.match(cookie, /; HttpOnly; SameSite=Strict$/);
  assert.ok(!cookie.includes(token));
  assert.equal(
    (await ask(listener, "/api/messages", { authorization: "", cookie: await session() })).status,
    200,
  );
});

test("a wrong link gives no cookie", async () => {
  const answer = await ask(listener, "/?token=wrong", { authorization: "" });
  assert.equal(answer.status, 401);
  assert.equal(answer.headers["set-cookie"], undefined);
});

test("a changed session cookie is refused", async () => {
  const cookie = await session();
  const [name, value] = cookie.split("=") as [string, string];
  const [nonce, expires, mac] = value.split(".") as [string, string, string];
  const forged = [
    `${nonce}.${Number(expires) + 1}.${mac}`,
    `${nonce}.1.${mac}`,
    `${nonce}.${expires}.${"A".repeat(43)}`,
    token,
  ];
  for (const value of forged) {
    assert.equal(
      (await ask(listener, "/api/messages", { authorization: "", cookie: `${name}=${value}` })).status,
      401,
    );
  }
});

test("a session is of no use to other origins", async () => {
  const cookie = await session();
  const own = `http://127.0.0.1:${listener.address.port}`;
  for (const site of ["cross-site", "same-site"]) {
    const headers = { authorization: "", cookie, "sec-fetch-site": site };
    assert.equal((await ask(listener, "/api/messages", headers)).status, 403);
  }
  const post = (origin: string) =>
    ask(listener, "/api/messages", { authorization: "", cookie, origin }, "POST");
  assert.equal((await post("")).status, 403);
  assert.equal((await post("null")).status, 403);
  assert.equal((await post("http://evil.example")).status, 403);
  assert.equal((await post(own)).status, 405);
});

test("every answer carries the confining header fields", async () => {
  const html = { accept: "text/html" };
  const list = await ask(listener, "/", html);
  assert.match(
    String(list.headers["content-security-policy"]),
    /^default-src 'none'; script-src 'self'; style-src 'self';/,
  );
  const view = await ask(listener, "/messages/a1", html);
  assert.match(String(view.headers["content-security-policy"]), /^default-src 'none'; script-src 'none';/);
  assert.ok(!view.text.includes("<script"));
  for (const path of [
    "/",
    "/messages/a1",
    "/messages/none",
    "/api/messages",
    "/nothing",
    "/style.css",
    "/healthz",
  ]) {
    const { headers } = await ask(listener, path, html);
    assert.equal(headers["x-content-type-options"], "nosniff", path);
    assert.equal(headers["referrer-policy"], "no-referrer", path);
    assert.equal(headers["cache-control"], "no-store", path);
    assert.equal(headers["cross-origin-resource-policy"], "same-origin", path);
    assert.match(String(headers["content-security-policy"]), /frame-ancestors 'none'/, path);
  }
});

test("readOrCreateToken makes a private file once and refuses a damaged one", async () => {
  const parent = await mkdtemp(join(tmpdir(), "postern-http-"));
  try {
    const folder = join(parent, "data");
    const made = await readOrCreateToken(folder);
    assert.match(made, /^[\w-]{43}$/);
    assert.equal(await readOrCreateToken(folder), made);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    assert.equal((await stat(join(folder, "http-token"))).mode & 0o777, 0o600);
    assert.equal((await readFile(join(folder, "http-token"), "utf8")).trim(), made);
    await writeFile(join(folder, "http-token"), "short\n");
    await assert.rejects(readOrCreateToken(folder), /delete the file/);
  } finally {
    await rm(parent, { recursive: true });
  }
});
