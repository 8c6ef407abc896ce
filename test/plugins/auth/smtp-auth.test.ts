import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { test } from "node:test";
import { type Identity, pipeline, type ScryptParameters } from "postern";
import { type SmtpAuthOptions, smtpAuth } from "../../../plugins/auth/smtp-auth.ts";
import { gatewayOf, hastyClock, path, replyText, runHook, toBackend } from "../fakes.ts";

const salt = new Uint8Array(16).fill(7);
const hashOf = (password: string, n = 16384, p = 1): string => {
  const key = scryptSync(password, salt, 32, { N: n, r: 8, p });
  return `scrypt$${n}$8$${p}$${Buffer.from(salt).toString("base64")}$${key.toString("base64")}`;
};
const hash = hashOf("secret");

/** Logs in by the hook alone, and tells which hashes that cost. */
async function login(
  options: SmtpAuthOptions,
  attempt: { mechanism?: string; user: string; password: string },
) {
  const costs: ScryptParameters[] = [];
  const crypto = {
    scrypt: async (password: Uint8Array, its: Uint8Array, cost: ScryptParameters) => {
      costs.push(cost);
      return new Uint8Array(scryptSync(password, its, cost.keyBytes, { N: cost.n, r: cost.r, p: cost.p }));
    },
  };
  const ctx = { crypto, attempt: { mechanism: "PLAIN", ...attempt }, signal: new AbortController().signal };
  return { verdict: await runHook(smtpAuth(options), "auth", ctx), costs };
}

const wrong = { verdict: "reject", enhanced: "5.7.8", text: "Wrong user or password" };
const mail = (from: string) => `From: ${from}\nSubject: x\n\nHello\n`;

const LOGINS: readonly {
  name: string;
  mechanism?: string;
  user: string;
  password: string;
  want: unknown;
  hashes: number;
}[] = [
  {
    name: "the right password",
    user: "a@one.example",
    password: "secret",
    want: { verdict: "identify", identity: { user: "a@one.example" } },
    hashes: 1,
  },
  {
    name: "the right password with LOGIN",
    mechanism: "LOGIN",
    user: "a@one.example",
    password: "secret",
    want: { verdict: "identify", identity: { user: "a@one.example" } },
    hashes: 1,
  },
  {
    name: "a user with addresses of its own",
    user: "ann",
    password: "secret",
    want: { verdict: "identify", identity: { user: "ann", maySendAs: ["ann@one.example", "@two.example"] } },
    hashes: 1,
  },
  { name: "a wrong password", user: "a@one.example", password: "Secret", want: wrong, hashes: 1 },
  { name: "an empty password", user: "a@one.example", password: "", want: wrong, hashes: 1 },
  {
    name: "an unknown user, at the cost of a known one",
    user: "b@one.example",
    password: "secret",
    want: wrong,
    hashes: 1,
  },
  {
    name: "another letter case of a user",
    user: "A@one.example",
    password: "secret",
    want: wrong,
    hashes: 1,
  },
  { name: "a name that objects have", user: "constructor", password: "secret", want: wrong, hashes: 1 },
  { name: "a name of objects' making", user: "__proto__", password: "secret", want: wrong, hashes: 1 },
  { name: "no user", user: "", password: "secret", want: wrong, hashes: 0 },
  { name: "a user that is too long", user: "a".repeat(321), password: "secret", want: wrong, hashes: 0 },
  {
    name: "a password that is too long",
    user: "a@one.example",
    password: "s".repeat(1025),
    want: wrong,
    hashes: 0,
  },
  {
    name: "a mechanism of somebody else's",
    mechanism: "XOAUTH2",
    user: "a@one.example",
    password: "secret",
    want: undefined,
    hashes: 0,
  },
];

for (const { name, want, hashes, ...attempt } of LOGINS) {
  test(`smtpAuth answers ${name}`, async () => {
    const users = { "a@one.example": hash, ann: { hash, maySendAs: ["ann@one.example", "@two.example"] } };
    const { verdict, costs } = await login({ users }, attempt);
    assert.deepEqual(verdict, want);
    assert.equal(costs.length, hashes);
  });
}

test("smtpAuth spends on an unknown user what the dearest hash of the config costs", async () => {
  const users = { "a@one.example": hash, "b@one.example": hashOf("other", 16384, 2) };
  const known = await login({ users }, { user: "b@one.example", password: "wrong" });
  const unknown = await login({ users }, { user: "c@one.example", password: "wrong" });
  assert.deepEqual(unknown.costs, known.costs);
  assert.deepEqual(unknown.costs, [{ n: 16384, r: 8, p: 2, keyBytes: 32 }]);
});

test("smtpAuth never identifies by the hash that it spends on unknown users", async () => {
  for (const password of ["", "\0".repeat(32)]) {
    assert.deepEqual((await login({ users: {} }, { user: "x@one.example", password })).verdict, wrong);
  }
});

test("smtpAuth asks verify for the users that it does not know, and for no others", async () => {
  const asked: string[] = [];
  const options: SmtpAuthOptions = {
    users: { "a@one.example": hash },
    verify: ({ user, password }) => {
      asked.push(user);
      return password === "other" ? { user, maySendAs: ["@two.example"] } : undefined;
    },
  };
  assert.deepEqual((await login(options, { user: "a@one.example", password: "other" })).verdict, wrong);
  assert.deepEqual((await login(options, { user: "b", password: "secret" })).verdict, wrong);
  assert.deepEqual((await login(options, { user: "b", password: "other" })).verdict, {
    verdict: "identify",
    identity: { user: "b", maySendAs: ["@two.example"] },
  });
  assert.deepEqual(asked, ["b", "b"]);
});

test("smtpAuth runs no more hashes at once than checksMax, lets waitingMax wait and puts off the rest", async () => {
  const plugin = smtpAuth({ users: { "a@one.example": hash }, checksMax: 2, waitingMax: 1 });
  const ends: (() => void)[] = [];
  const crypto = {
    scrypt: () => new Promise<Uint8Array>((resolve) => ends.push(() => resolve(new Uint8Array(32)))),
  };
  const attempt = { mechanism: "PLAIN", user: "a@one.example", password: "x" };
  const one = () => runHook(plugin, "auth", { crypto, attempt, signal: new AbortController().signal });
  const running = [one(), one(), one()];
  assert.deepEqual(await one(), {
    verdict: "tempfail",
    enhanced: "4.7.0",
    text: "Too many logins at once, try again later",
  });
  assert.equal(ends.length, 2);
  ends[0]?.();
  assert.deepEqual(await running[0], wrong);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(ends.length, 3);
  for (const end of ends) end();
  assert.deepEqual(await Promise.all(running), [wrong, wrong, wrong]);
});

const REVERSE_PATHS: readonly {
  name: string;
  identity?: Identity;
  reversePath: object | null;
  want: boolean;
}[] = [
  { name: "no identity", reversePath: path("x", "outside.example"), want: true },
  { name: "the null reverse-path", identity: { user: "a@one.example" }, reversePath: null, want: true },
  {
    name: "the own address",
    identity: { user: "a@one.example" },
    reversePath: path("a", "one.example"),
    want: true,
  },
  {
    name: "another's address",
    identity: { user: "a@one.example" },
    reversePath: path("b", "one.example"),
    want: false,
  },
];
for (const { name, identity, reversePath, want } of REVERSE_PATHS) {
  test(`smtpAuth ${want ? "takes" : "refuses"} MAIL with ${name}`, async () => {
    const verdict = await runHook(smtpAuth({ users: {} }), "mail", { identity, envelope: { reversePath } });
    assert.deepEqual(
      verdict,
      want ? undefined : { verdict: "reject", enhanced: "5.7.1", text: "You may not send as this address" },
    );
  });
}

const NOT_YOURS = "550 5.7.1 You may not write as an address of the From field";
const UNREADABLE = "550 5.7.1 The From field can not be read";
const HEADER_FROMS: readonly { name: string; head: string; want?: string }[] = [
  { name: "the own address", head: "From: Ann <a@one.example>" },
  { name: "the own address in another letter case", head: "From: A@ONE.example" },
  {
    name: "the own address with comments and folds",
    head: "From: (x) Ann\n <a(y)@one.example> (z@two.example)",
  },
  { name: "another address as display name only", head: 'From: "b@two.example" <a@one.example>' },
  { name: "two own addresses", head: "From: a@one.example, x@own.example" },
  { name: "another address", head: "From: b@two.example", want: NOT_YOURS },
  {
    name: "the own address as display name only",
    head: 'From: "a@one.example" <b@two.example>',
    want: NOT_YOURS,
  },
  { name: "another address beside the own", head: "From: a@one.example, b@two.example", want: NOT_YOURS },
  {
    name: "another address in a second From",
    head: "From: a@one.example\nFrom: b@two.example",
    want: NOT_YOURS,
  },
  {
    name: "another address in a From above",
    head: "From: b@two.example\nfRoM: a@one.example",
    want: NOT_YOURS,
  },
  {
    name: "another address after white space before the colon",
    head: "From: a@one.example\nFrom : b@two.example",
    want: NOT_YOURS,
  },
  {
    name: "another address in a group",
    head: "From: a@one.example, friends: b@two.example;",
    want: NOT_YOURS,
  },
  { name: "another address behind a route", head: "From: <@one.example:b@two.example>", want: NOT_YOURS },
  {
    name: "a quoted local part that holds the own address",
    head: 'From: "a@one.example"@two.example',
    want: NOT_YOURS,
  },
  { name: "an empty group", head: "From: undisclosed:;", want: UNREADABLE },
  { name: "no From", head: "X-From: a@one.example", want: UNREADABLE },
  { name: "an empty From", head: "From:", want: UNREADABLE },
  { name: "rubbish beside the own address", head: "From: a@one.example, <<b@two.example", want: UNREADABLE },
  { name: "two addresses in one", head: "From: a@one.example b@two.example", want: UNREADABLE },
  { name: "an address that encoded words hide", head: "From: =?utf-8?q?a=40one.example?=", want: UNREADABLE },
];
for (const { name, head, want } of HEADER_FROMS) {
  test(`smtpAuth ${want ? "refuses" : "takes"} a message with ${name}`, async () => {
    const verify = () => ({ user: "a@one.example", maySendAs: ["a@one.example", "@own.example"] });
    const inject = await gatewayOf(pipeline(smtpAuth({ verify }), toBackend));
    const outcome = await inject({
      client: { ip: "192.0.2.1" },
      login: { user: "a@one.example", password: "x" },
      reversePath: "a@one.example",
      recipients: ["b@outside.example"],
      content: `${head}\nSubject: x\n\nHello\n`,
    });
    assert.equal(replyText(outcome), want ?? "250 2.0.0 Message accepted");
    assert.equal(outcome.deliveries.length, want ? 0 : 1);
  });
}

test("smtpAuth looks at no From and no reverse-path of clients that did not log in", async () => {
  const inject = await gatewayOf(pipeline(smtpAuth({ users: {} }), toBackend));
  const outcome = await inject({ client: { ip: "192.0.2.1" }, content: "Subject: no From\n\nHello\n" });
  assert.equal(replyText(outcome), "250 2.0.0 Message accepted");
});

test("smtpAuth logs in with the config's hash through the whole gateway, and refuses a wrong password with 535", async () => {
  const inject = await gatewayOf(pipeline(smtpAuth({ users: { "a@one.example": hash } }), toBackend));
  const injection = {
    client: { ip: "192.0.2.1" },
    reversePath: "a@one.example",
    recipients: ["b@outside.example"],
    content: mail("a@one.example"),
  };
  const right = await inject({ ...injection, login: { user: "a@one.example", password: "secret" } });
  assert.equal(replyText(right), "250 2.0.0 Message accepted");
  assert.equal(right.trace?.user, "a@one.example");
  const refused = await inject({ ...injection, login: { user: "a@one.example", password: "wrong" } });
  assert.match(replyText(refused), /^5\d\d 5\.7\.8 Wrong user or password$/);
  assert.equal(refused.deliveries.length, 0);
  assert.equal(JSON.stringify(right).includes("secret"), false, "no password in what is told of it");
});

const RUBBISH: readonly { name: string; verify: () => unknown }[] = [
  { name: "throws", verify: () => assert.fail("directory down") },
  { name: "rejects", verify: async () => assert.fail("directory down") },
  { name: "hangs", verify: () => new Promise(() => {}) },
  { name: "returns true", verify: () => true },
  { name: "returns a text", verify: () => "no such user" },
  { name: "returns an empty object", verify: () => ({}) },
  { name: "returns an empty user", verify: () => ({ user: "" }) },
  { name: "returns a user that is no text", verify: () => ({ user: 7 }) },
  {
    name: "returns an address where a list belongs",
    verify: () => ({ user: "a", maySendAs: "@one.example" }),
  },
  { name: "returns rubbish in the list", verify: () => ({ user: "a", maySendAs: [null] }) },
  {
    name: "returns an object that throws when it is read",
    verify: () => ({
      get user() {
        return assert.fail("boom");
      },
    }),
  },
  { name: "returns an error instead of throwing it", verify: () => new Error("no such user") },
];
for (const { name, verify } of RUBBISH) {
  test(`smtpAuth puts a login off when verify ${name}, and opens nothing`, async () => {
    const auth = smtpAuth({ verify: verify as NonNullable<SmtpAuthOptions["verify"]> });
    const inject = await gatewayOf(pipeline(auth, toBackend), { clock: hastyClock() });
    const outcome = await inject({
      client: { ip: "192.0.2.1" },
      login: { user: "a@one.example", password: "secret" },
      reversePath: "a@one.example",
      recipients: ["b@outside.example"],
      content: mail("a@one.example"),
    });
    assert.match(replyText(outcome), /^45\d 4\.3\.0 /);
    assert.equal(outcome.trace, undefined, "it ended at AUTH: nobody got to MAIL");
  });
}

test("smtpAuth is not locked up by calls of verify that never return", async () => {
  const verify: SmtpAuthOptions["verify"] = ({ user }) =>
    user === "hang" ? new Promise(() => {}) : { user, maySendAs: ["@one.example"] };
  const auth = smtpAuth({ verify, checksMax: 2, waitingMax: 2 });
  const inject = await gatewayOf(pipeline(auth, toBackend), { clock: hastyClock() });
  const tryIt = (user: string) =>
    inject({
      login: { user, password: "x" },
      reversePath: "a@one.example",
      content: mail("a@one.example"),
    });
  const hanging = await Promise.all(["hang", "hang", "hang", "hang"].map(tryIt));
  assert.deepEqual(
    hanging.map(({ reply }) => reply.enhanced),
    ["4.3.0", "4.3.0", "4.3.0", "4.3.0"],
  );
  assert.equal(replyText(await tryIt("a")), "250 2.0.0 Message accepted");
});
