import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createAccess } from "../../core/http/access.ts";
import { type HttpListener, readOrCreateToken } from "../../core/http/mod.ts";
import { ask, fakeTraces, listen, record, sayRaw, token } from "./fakes.ts";

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
    `localhost.:${port}`,
    `127.0.0.1:${port}, evil.example`,
    "evil.example",
  ]) {
    for (const path of ["/", "/api/messages", "/style.css", `/?token=${token}`]) {
      const answer = await ask(listener, path, { host });
      assert.ok([400, 421].includes(answer.status), `${host} ${path}`);
      assert.equal(answer.headers["set-cookie"], undefined);
    }
  }
});

test("a request that names its host in another way is served by the Host list all the same", async () => {
  const own = `127.0.0.1:${listener.address.port}`;
  const bearer = `Authorization: Bearer ${token}\r\nConnection: close\r\n\r\n`;
  const cases = [
    [`GET /api/messages HTTP/1.1\r\nHost: ${own}\r\n${bearer}`, 200],
    [`GET /api/messages HTTP/1.0\r\n${bearer}`, 421],
    [`GET /api/messages HTTP/1.1\r\n${bearer}`, 400],
    [`GET /api/messages HTTP/1.1\r\nHost: evil.example\r\nHost: ${own}\r\n${bearer}`, 421],
    [`GET http://${own}/api/messages HTTP/1.1\r\nHost: evil.example\r\n${bearer}`, 421],
  ] as const;
  for (const [octets, want] of cases) {
    const line = await sayRaw(listener, octets);
    // Refusing to read it is as good.
    const wanted = want === 421 ? / (?:421|400) / : new RegExp(` ${want} `);
    assert.match(line, wanted, octets);
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

const wrongTokens = [
  "",
  token.slice(0, -1),
  `${token}0`,
  ` ${token}`,
  token.toUpperCase(),
  "%00",
  "%F0%9F%94%91",
  "x".repeat(8000),
];
for (const wrong of wrongTokens) {
  test(`the token ${JSON.stringify(wrong.slice(0, 50))} is refused, whatever its length`, async () => {
    const link = await ask(listener, `/?token=${wrong.replace(" ", "%20")}`, { authorization: "" });
    assert.deepEqual([link.status, link.headers["set-cookie"]], [401, undefined]);
    const bearer = await ask(listener, "/api/messages", { authorization: `Bearer ${wrong}` });
    // One space more belongs to the scheme (RFC 9110 11.4), not to the token.
    assert.equal(bearer.status, wrong === ` ${token}` ? 200 : 401);
  });
}

test("a wrong bearer is not saved by a session", async () => {
  const cookie = await session();
  for (const authorization of ["Bearer wrong", "Basic eDp5"])
    assert.equal((await ask(listener, "/api/messages", { authorization, cookie })).status, 401);
});

test("the page of a refusal says what to do and gives the way on", async () => {
  const answer = await ask(listener, "/", { authorization: "", accept: "text/html" });
  assert.equal(answer.status, 401);
  assert.match(
    answer.text,
    /Open the link that `postern start` printed[\s\S]*<a href="\/">go on to the list<\/a>/,
  );
  assert.ok(!answer.text.includes("Subject of a1"));
});

test("a session cookie is found among others, and not under another name", async () => {
  const cookie = await session();
  const value = cookie.slice(cookie.indexOf("=") + 1);
  const many = Array.from({ length: 150 }, (_, n) => `c${n}=v`).join("; ");
  const cases: readonly [string, number][] = [
    [`a=b; ${cookie}; c=d`, 200],
    [`postern-1=${value}`, 401],
    [`postern=${value}`, 401],
    [`${cookie}; ${cookie.split("=")[0]}=forged`, 401],
    // Looked for in the first hundred only.
    [`${many}; ${cookie}`, 401],
  ];
  for (const [field, want] of cases)
    assert.equal(
      (await ask(listener, "/api/messages", { authorization: "", cookie: field })).status,
      want,
      field,
    );
});

test("a session ends after 30 days, and with its token", async (context) => {
  const cookie = await session();
  const status = async () => (await ask(listener, "/api/messages", { authorization: "", cookie })).status;
  context.mock.timers.enable({ apis: ["Date"], now: Date.now() + 30 * 86_400_000 - 60_000 });
  assert.equal(await status(), 200);
  context.mock.timers.setTime(Date.now() + 120_000);
  assert.equal(await status(), 401);
  context.mock.timers.reset();
  const { address } = listener;
  const another = createAccess(address, [], "another-token-of-at-least-32-characters");
  const headers = new Headers({ cookie });
  assert.equal(another.admission(headers), undefined);
  assert.equal(createAccess(address, [], token).admission(headers), "session");
});

test("a changed session cookie is refused", async () => {
  const cookie = await session();
  const [name, value] = cookie.split("=") as [string, string];
  const [nonce, expires, mac] = value.split(".") as [string, string, string];
  const forged = [
    `${nonce}.${Number(expires) + 1}.${mac}`,
    `${nonce}.1.${mac}`,
    `${nonce}.${expires}.${"A".repeat(43)}`,
    `${"A".repeat(22)}.${expires}.${mac}`,
    `${nonce}.${expires}.${mac}A`,
    `${nonce}.${expires}.`,
    `${nonce}.99999999999999.${mac}`,
    `${nonce}..${mac}`,
    "",
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

test("a page may be opened from elsewhere, and nothing else may be asked from there", async () => {
  const cookie = await session();
  const from = (site: string, dest: string, mode: string) => ({
    authorization: "",
    cookie,
    accept: "text/html",
    "sec-fetch-site": site,
    "sec-fetch-dest": dest,
    "sec-fetch-mode": mode,
  });
  const cases: readonly [string, ReturnType<typeof from>, number][] = [
    ["/", from("none", "document", "navigate"), 200],
    ["/messages/a1", from("cross-site", "document", "navigate"), 200],
    ["/messages/a1", from("cross-site", "iframe", "navigate"), 403],
    ["/messages/a1", from("same-site", "empty", "cors"), 403],
    ["/api/messages/a1", from("cross-site", "document", "navigate"), 403],
    ["/api/events", from("cross-site", "empty", "cors"), 403],
    ["/messages/a1", from("same-origin", "document", "navigate"), 200],
  ];
  for (const [path, headers, want] of cases)
    assert.equal((await ask(listener, path, headers)).status, want, `${path} ${JSON.stringify(headers)}`);
  const answer = await ask(listener, "/messages/a1", from("same-origin", "document", "navigate"));
  assert.equal(answer.headers["access-control-allow-origin"], undefined);
});

test("only GET and HEAD are answered, and only those who may ask are told so", async () => {
  const cookie = await session();
  const own = `http://127.0.0.1:${listener.address.port}`;
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
    for (const path of ["/", "/messages/a1", "/api/messages", "/api/messages/a1", "/api/messages/a1/raw"]) {
      const bearer = await ask(listener, path, {}, method);
      assert.deepEqual([bearer.status, bearer.headers.allow], [405, "GET, HEAD"], `${method} ${path}`);
      const headers = { authorization: "", cookie, origin: own, "sec-fetch-site": "same-origin" };
      assert.equal((await ask(listener, path, headers, method)).status, 405);
      const foreign = { ...headers, origin: "http://evil.example", "sec-fetch-site": "cross-site" };
      assert.equal((await ask(listener, path, foreign, method)).status, 403);
      assert.equal((await ask(listener, path, { authorization: "" }, method)).status, 401);
    }
  }
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
