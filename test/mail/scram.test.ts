import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  acceptScramProof,
  equalInConstantTime,
  formatScramKeys,
  fromBase64,
  isScramKeys,
  matchesScram,
  parseScramKeys,
  scramKeysOf,
  scramProof,
  toBase64,
} from "postern";

// RFC 7677 3.
const SALT = "W22ZaJ0SNY7soEsUEjb6gQ==";
const AUTH_MESSAGE = [
  "n=user,r=rOprNGfwEbeRWgbNEkqO",
  `r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=${SALT},i=4096`,
  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
].join(",");
const PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SIGNATURE = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
const cost = { salt: fromBase64(SALT) ?? assert.fail(), iterations: 4096 };
const bytes = (text: string): Uint8Array => fromBase64(text) ?? assert.fail(text);

describe("scramProof", () => {
  it("gives the proof and the signature of RFC 7677 3", async () => {
    const { proof, serverSignature } = await scramProof("pencil", cost, AUTH_MESSAGE);
    assert.deepEqual([toBase64(proof), toBase64(serverSignature)], [PROOF, SIGNATURE]);
  });
});

describe("acceptScramProof", () => {
  const accept = async (proof: Uint8Array, message = AUTH_MESSAGE, password = "pencil") =>
    acceptScramProof(await scramKeysOf(password, cost), message, proof);

  it("answers the proof of RFC 7677 3 with the signature there", async () => {
    const signature = await accept(bytes(PROOF));
    assert.equal(signature && toBase64(signature), SIGNATURE);
  });

  it("takes no proof of another password, of another exchange, or of another length", async () => {
    const proof = bytes(PROOF);
    assert.equal(await accept(proof, AUTH_MESSAGE, "pencil2"), undefined);
    assert.equal(await accept(proof, `${AUTH_MESSAGE}0`), undefined);
    for (const wrong of [
      new Uint8Array(0),
      new Uint8Array(32),
      proof.slice(0, 31),
      Uint8Array.from([...proof, 0]),
      proof.map((octet, i) => (i === 31 ? octet ^ 1 : octet)),
    ])
      assert.equal(await accept(wrong), undefined);
  });

  it("agrees with a plain reference on any password, salt and message", async () => {
    const property = fc.asyncProperty(
      fc.string({ unit: fc.constantFrom("a", "\u00e9", "\u{1f600}", " ", "=", ",") }),
      fc.uint8Array({ minLength: 8, maxLength: 64 }),
      fc.string(),
      async (password, salt, message) => {
        const salted = pbkdf2Sync(password, salt, 4096, 32, "sha256");
        const mac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();
        const clientKey = mac(salted, "Client Key");
        const storedKey = createHash("sha256").update(clientKey).digest();
        const clientSignature = mac(storedKey, message);
        const keys = await scramKeysOf(password, { salt, iterations: 4096 });
        assert.deepEqual(Buffer.from(keys.storedKey), storedKey);
        const signature = await acceptScramProof(
          keys,
          message,
          clientKey.map((octet, i) => octet ^ (clientSignature[i] ?? 0)),
        );
        assert.deepEqual(Buffer.from(signature ?? []), mac(mac(salted, "Server Key"), message));
      },
    );
    await fc.assert(property, { numRuns: 30 });
  });
});

describe("matchesScram", () => {
  it("knows the password in each of its spellings, and no other", async () => {
    const keys = await scramKeysOf("caf\u00e9 \u2168", cost);
    for (const [password, want] of [
      ["caf\u00e9 \u2168", true],
      ["cafe\u0301\u00a0IX", true],
      ["cafe IX", false],
      ["", false],
    ] as const)
      assert.equal(await matchesScram(password, keys), want, password);
  });

  it("takes a password that SASLprep can not prepare as it is", async () => {
    const keys = await scramKeysOf("a\u0007", cost);
    assert.equal(await matchesScram("a\u0007", keys), true);
    assert.equal(await matchesScram("a", keys), false);
  });

  it("takes an empty password for what it is", async () => {
    assert.equal(await matchesScram("", await scramKeysOf("", cost)), true);
  });
});

describe("parseScramKeys", () => {
  const key = Buffer.alloc(32, 9).toString("base64");
  const text = (iterations: string, salt = SALT, stored = key, server = key) =>
    `SCRAM-SHA-256$${iterations}:${salt}$${stored}:${server}`;
  const salted = (octets: number) => Buffer.alloc(octets, 7).toString("base64");

  for (const valid of [text("4096"), text("1000000"), text("60000", salted(8)), text("60000", salted(64))])
    it(`reads ${valid.slice(0, 24)} and formatScramKeys writes the same`, () => {
      const keys = parseScramKeys(valid);
      assert.equal(keys && formatScramKeys(keys), valid);
    });

  for (const { name, given } of [
    { name: "nothing", given: "" },
    { name: "a password", given: "secret" },
    { name: "another mechanism", given: text("4096").replace("256", "512") },
    { name: "too few iterations", given: text("4095") },
    { name: "too many iterations", given: text("1000001") },
    { name: "iterations with a zero before", given: text("04096") },
    { name: "iterations that are no whole number", given: text("4096.5") },
    { name: "a salt that is too short", given: text("4096", salted(7)) },
    { name: "a salt that is too long", given: text("4096", salted(65)) },
    { name: "a salt that is no base64", given: text("4096", "=".repeat(16)) },
    { name: "a stored key that is too short", given: text("4096", SALT, salted(31)) },
    { name: "a stored key that is too long", given: text("4096", SALT, salted(33)) },
    { name: "a server key that is too short", given: text("4096", SALT, key, salted(31)) },
    { name: "no server key", given: text("4096").replace(/:[^:]*$/, "") },
    { name: "a field more", given: `${text("4096")}:x` },
    { name: "a line end", given: `${text("4096")}\n` },
  ])
    it(`takes no ${name}`, () => assert.equal(parseScramKeys(given), undefined));
});

describe("isScramKeys", () => {
  const keys = { ...cost, storedKey: new Uint8Array(32), serverKey: new Uint8Array(32) };
  it("takes keys", () => assert.equal(isScramKeys(keys), true));
  for (const [name, given] of [
    ["nothing", undefined],
    ["null", null],
    ["their text", text()],
    ["a number as text", { ...keys, iterations: "4096" }],
    ["keys as text", { ...keys, storedKey: "x".repeat(32) }],
    ["a list as salt", { ...keys, salt: [1, 2, 3, 4, 5, 6, 7, 8] }],
    ["no server key", { ...cost, storedKey: keys.storedKey }],
  ] as const)
    it(`takes no ${name}`, () => assert.equal(isScramKeys(given), false));

  function text(): string {
    return formatScramKeys(keys);
  }
});

describe("equalInConstantTime", () => {
  it("agrees with an ordinary comparison", () => {
    const few = fc.uint8Array({ maxLength: 4 });
    fc.assert(
      fc.property(few, few, (a, b) => {
        assert.equal(equalInConstantTime(a, b), Buffer.compare(a, b) === 0);
        assert.equal(equalInConstantTime(a, a.slice()), true);
      }),
    );
  });
});

describe("fromBase64", () => {
  it("reads what toBase64 writes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (octets) =>
        assert.deepEqual(fromBase64(toBase64(octets)), octets),
      ),
    );
  });
  for (const wrong of [
    "a",
    "ab",
    "abc",
    "ab=c",
    "====",
    "=",
    "ab==\n",
    "a b=",
    "\u00e9\u00e9\u00e9\u00e9",
    "ab__",
  ])
    it(`takes no ${JSON.stringify(wrong)}`, () => assert.equal(fromBase64(wrong), undefined));
});
