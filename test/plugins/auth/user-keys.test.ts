/** SCRAM keys in smtpAuth: beside scrypt and in its place. */
import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { describe, it } from "node:test";
import { formatScramKeys, parseScramKeys, type ScryptParameters, scramKeysOf } from "postern";
import { type SmtpAuthOptions, smtpAuth } from "../../../plugins/auth/smtp-auth.ts";
import { dummyOf, matchesUser, parseUserKeys, scramCostOf } from "../../../plugins/auth/user-keys.ts";
import { runHook } from "../fakes.ts";

const salt = new Uint8Array(16).fill(7);
const keysOf = async (password: string, iterations = 4096, its = salt) =>
  formatScramKeys(await scramKeysOf(password, { salt: its, iterations }));
const SCRAM = await keysOf("secret");
const DEAR = await keysOf("secret", 8192);
const hashOf = (password: string) => {
  const key = scryptSync(password, salt, 32, { N: 16384, r: 8, p: 1 });
  return `scrypt$16384$8$1$${Buffer.from(salt).toString("base64")}$${key.toString("base64")}`;
};
const SCRYPT = hashOf("secret");

/** Runs the auth hook; tells its verdict and how often scrypt was used. */
async function login(options: SmtpAuthOptions, mechanism: string, user: string, password: string) {
  let scrypts = 0;
  const crypto = {
    scrypt: async (given: Uint8Array, its: Uint8Array, { n, r, p, keyBytes }: ScryptParameters) => {
      scrypts += 1;
      return new Uint8Array(scryptSync(given, its, keyBytes, { N: n, r, p }));
    },
  };
  const ctx = { crypto, attempt: { mechanism, user, password }, signal: new AbortController().signal };
  const verdict = (await runHook(smtpAuth(options), "auth", ctx)) as { verdict: string };
  return { verdict, scrypts };
}

const ANN = "ann@one.example";

describe("smtpAuth with SCRAM keys", () => {
  for (const { name, user, scrypts } of [
    { name: "keys as a string", user: SCRAM, scrypts: 0 },
    { name: "keys as hash", user: { hash: SCRAM }, scrypts: 0 },
    { name: "keys as scram", user: { scram: SCRAM }, scrypts: 0 },
    { name: "keys beside a scrypt hash", user: { hash: SCRYPT, scram: SCRAM }, scrypts: 1 },
  ]) {
    it(`checks a password that was sent by ${name}`, async () => {
      const options = { users: { [ANN]: user } };
      const right = await login(options, "PLAIN", ANN, "secret");
      assert.deepEqual(right, { verdict: { verdict: "identify", identity: { user: ANN } }, scrypts });
      for (const [who, password] of [
        [ANN, "Secret"],
        [ANN, ""],
        ["bob@one.example", "secret"],
      ] as const)
        assert.deepEqual(await login(options, "LOGIN", who, password), {
          verdict: { verdict: "reject", enhanced: "5.7.8", text: "Wrong user or password" },
          scrypts,
        });
    });

    it(`has SCRAM proved against ${name}`, async () => {
      const { verdict } = await login({ users: { [ANN]: user } }, "SCRAM-SHA-256", ANN, "");
      assert.deepEqual(verdict, {
        verdict: "identifyByProof",
        keys: parseScramKeys(SCRAM),
        identity: { user: ANN },
      });
    });
  }

  it("gives no keys for a user that is not there, or that has none", async () => {
    const users = { [ANN]: SCRAM, "bob@one.example": SCRYPT };
    for (const user of ["carl@one.example", "bob@one.example"])
      assert.equal((await login({ users }, "SCRAM-SHA-256", user, "")).verdict.verdict, "reject");
  });

  it("gives each user the addresses of its own", async () => {
    const users = { ann: { scram: SCRAM, maySendAs: ["@one.example"] } };
    const { verdict } = await login({ users }, "SCRAM-SHA-256", "ann", "");
    assert.deepEqual((verdict as { identity?: object }).identity, {
      user: "ann",
      maySendAs: ["@one.example"],
    });
  });

  it("knows a user by each spelling of its name, and calls it as the config does", async () => {
    const users = { "andr\u00e9@one.example": SCRAM };
    for (const mechanism of ["PLAIN", "SCRAM-SHA-256"]) {
      const { verdict } = await login({ users }, mechanism, "andre\u0301@one.example", "secret");
      assert.deepEqual((verdict as { identity?: object }).identity, { user: "andr\u00e9@one.example" });
    }
  });

  const OFFERS: readonly { name: string; options: SmtpAuthOptions; want: object | undefined }[] = [
    {
      name: "all have keys",
      options: { users: { a: { scram: SCRAM, maySendAs: [] } } },
      want: { iterations: 4096, saltBytes: 16 },
    },
    {
      name: "one has a scrypt hash only",
      options: { users: { [ANN]: SCRAM, "b@one.example": SCRYPT } },
      want: undefined,
    },
    { name: "there is nobody", options: { users: {} }, want: undefined },
    {
      name: "verify knows others",
      options: { users: { [ANN]: SCRAM }, verify: () => undefined },
      want: undefined,
    },
    { name: "verify knows all", options: { verify: () => undefined }, want: undefined },
  ];
  for (const { name, options, want } of OFFERS)
    it(`${want ? "offers" : "does not offer"} SCRAM where ${name}`, () =>
      assert.deepEqual(smtpAuth(options).definition.scram, want));
});

describe("scramCostOf", () => {
  it("is the cost of most users", async () => {
    const long = await keysOf("secret", 8192, new Uint8Array(24));
    const of = (...texts: string[]) => scramCostOf(texts.map((text) => parseUserKeys(text, undefined)!));
    assert.deepEqual(of(SCRAM, DEAR, DEAR), { iterations: 8192, saltBytes: 16 });
    assert.deepEqual(of(SCRAM, DEAR), { iterations: 4096, saltBytes: 16 });
    assert.deepEqual(of(long, SCRAM, long), { iterations: 8192, saltBytes: 24 });
  });
});

describe("dummyOf", () => {
  const of = (...texts: string[]) => dummyOf(texts.map((text) => parseUserKeys(text, undefined)!));
  it("costs what the dearest hash of the config costs, by scrypt where there is one", () => {
    assert.equal(of(SCRAM, SCRYPT).scrypt?.n, 16384);
    assert.deepEqual([of(SCRAM, DEAR).scrypt, of(SCRAM, DEAR).scram?.iterations], [undefined, 8192]);
    assert.equal(of().scrypt?.n, 16384);
  });
});

describe("matchesUser", () => {
  it("takes no password for a user without anything", async () => {
    const none = { scrypt: undefined, scram: undefined };
    assert.equal(await matchesUser({} as Parameters<typeof matchesUser>[0], "", none), false);
  });
});

describe("parseUserKeys", () => {
  for (const [name, hash, scram] of [
    ["nothing", undefined, undefined],
    ["a malformed hash beside keys", "secret", SCRAM],
    ["malformed keys beside a hash", SCRYPT, "secret"],
    ["a scrypt hash for keys", undefined, SCRYPT],
    ["an empty hash", "", undefined],
  ] as const)
    it(`takes no ${name}`, () => assert.equal(parseUserKeys(hash, scram), undefined));
});
