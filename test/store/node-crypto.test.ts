/** nodeCrypto against published vectors and the engine on Web standards, and its bounds. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { webCrypto } from "../../core/gateway/mod.ts";
import type { HashName } from "../../core/pipeline/mod.ts";
import { nodeCrypto, systemClock, systemRandom } from "../../core/store/mod.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("nodeCrypto.digest", () => {
  // FIPS 180-4, "abc".
  for (const [name, want] of [
    ["sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"],
    ["sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "sha512",
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ],
  ] as const) {
    it(`gives the ${name} of "abc" fed in pieces`, async () => {
      const digest = nodeCrypto.digest(name);
      for (const piece of ["a", "", "bc"]) digest.update(text(piece));
      assert.equal(hex(await digest.finish()), want);
    });
  }

  it("gives what webCrypto gives", async () => {
    const name = fc.constantFrom<HashName>("sha1", "sha256", "sha512");
    await fc.assert(
      fc.asyncProperty(name, fc.array(fc.uint8Array({ maxLength: 200 })), async (hash, pieces) => {
        const [a, b] = [nodeCrypto.digest(hash), webCrypto.digest(hash)];
        for (const piece of pieces) {
          a.update(piece);
          b.update(piece);
        }
        assert.deepEqual(await a.finish(), await b.finish());
      }),
    );
  });
});

describe("nodeCrypto.scrypt", () => {
  // RFC 7914 12, the first octets of each.
  for (const { password, salt, n, r, p, want } of [
    { password: "", salt: "", n: 16, r: 1, p: 1, want: "77d6576238657b203b19ca42c18a0497" },
    { password: "password", salt: "NaCl", n: 1024, r: 8, p: 16, want: "fdbabe1c9d3472007856e7190d01e9fe" },
    {
      ...{ password: "pleaseletmein", salt: "SodiumChloride" },
      ...{ n: 16_384, r: 8, p: 1, want: "7023bdcb3afd7348461c06cd81fd38eb" },
    },
  ]) {
    it(`gives the vector of RFC 7914 with N ${n}, as webCrypto does`, async () => {
      const parameters = { n, r, p, keyBytes: 64 };
      const key = await nodeCrypto.scrypt(text(password), text(salt), parameters);
      assert.equal(key.length, 64);
      assert.equal(hex(key.subarray(0, 16)), want);
      assert.deepEqual(await webCrypto.scrypt(text(password), text(salt), parameters), key);
    });
  }

  it("takes parameters of smtpAuth that need 64 MB", async () => {
    const key = await nodeCrypto.scrypt(text("p"), text("s"), { n: 2 ** 15, r: 16, p: 4, keyBytes: 32 });
    assert.equal(key.length, 32);
  });

  it("rejects parameters that are none and goes on with the next", async () => {
    const wrong = Array.from({ length: 9 }, () =>
      nodeCrypto.scrypt(text("p"), text("s"), { n: 15, r: 1, p: 1, keyBytes: 8 }),
    );
    for (const outcome of await Promise.allSettled(wrong)) assert.equal(outcome.status, "rejected");
    assert.equal(
      (await nodeCrypto.scrypt(text("p"), text("s"), { n: 16, r: 1, p: 1, keyBytes: 8 })).length,
      8,
    );
  });

  it("refuses more than may wait, and answers all others", async () => {
    const all = Array.from({ length: 1_100 }, () =>
      nodeCrypto.scrypt(text("p"), text("s"), { n: 2, r: 1, p: 1, keyBytes: 8 }),
    );
    const outcomes = await Promise.allSettled(all);
    const refused = outcomes.filter(({ status }) => status === "rejected");
    // Four run and a thousand wait.
    assert.equal(refused.length, 96);
    assert.ok(refused.every((one) => one.status === "rejected" && /at once/.test(String(one.reason))));
  });
});

describe("systemClock.sleep", () => {
  it("rejects with the signal's own reason, at once when it was given before", async () => {
    const reason = new Error("the session is over");
    const later = new AbortController();
    const sleeping = systemClock.sleep(60_000, later.signal);
    later.abort(reason);
    await assert.rejects(sleeping, reason);
    await assert.rejects(systemClock.sleep(60_000, AbortSignal.abort(reason)), reason);
  });

  it("resolves with and without a signal", async () => {
    assert.equal(await systemClock.sleep(0), undefined);
    assert.equal(await systemClock.sleep(0, new AbortController().signal), undefined);
  });
});

it("systemRandom.bytes gives as many octets as asked for, and others each time", () => {
  assert.equal(systemRandom.bytes(0).length, 0);
  const [one, two] = [systemRandom.bytes(32), systemRandom.bytes(32)];
  assert.equal(one.length, 32);
  assert.notDeepEqual(one, two);
});
