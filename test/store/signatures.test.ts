/** The contract of signatures, for each engine: published vectors, forms of keys, what is no key and no signature. */
import assert from "node:assert/strict";
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { webCrypto } from "../../core/gateway/mod.ts";
import { nodeCrypto } from "../../core/store/mod.ts";
import { ED25519_PRIVATE, ED25519_PUBLIC, RFC_8463, RSA_PRIVATE, RSA_PUBLIC } from "./signature-vectors.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const fromBase64 = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, "base64"));
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest());
const der = (key: KeyObject, type: "spki" | "pkcs1"): Uint8Array =>
  new Uint8Array(createPublicKey(key).export({ format: "der", type }));
const pem = (key: KeyObject, type: "pkcs8" | "pkcs1"): string =>
  key.export({ format: "pem", type }).toString();
/** DER of a sequence of two numbers, as they are. */
const rsaKey = (modulus: readonly number[], exponent: readonly number[]): Uint8Array => {
  const value = (tag: number, octets: readonly number[]): readonly number[] => {
    const { length } = octets;
    if (length < 0x80) return [tag, length, ...octets];
    return length < 0x100
      ? [tag, 0x81, length, ...octets]
      : [tag, 0x82, length >> 8, length & 255, ...octets];
  };
  return Uint8Array.from(value(0x30, [...value(2, modulus), ...value(2, exponent)]));
};

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const ed25519 = generateKeyPairSync("ed25519").privateKey;
const modulus = (bits: number): readonly number[] => [0, 0xff, ...Array<number>(bits / 8 - 1).fill(0xff)];
const SPKI = der(rsa, "spki");
const at = (bytes: Uint8Array, index: number, octet: number): Uint8Array => {
  const copy = bytes.slice();
  copy[index] = octet;
  return copy;
};

const KEYS = [
  { name: "RSA as SubjectPublicKeyInfo", type: "rsa", octets: SPKI, bits: 2048 },
  { name: "RSA as RSAPublicKey (RFC 8017 A.1.1)", type: "rsa", octets: der(rsa, "pkcs1"), bits: 2048 },
  { name: "RSA of 1,024 bits", type: "rsa", octets: fromBase64(RSA_PUBLIC), bits: 1024 },
  { name: "RSA with the exponent 3", type: "rsa", octets: rsaKey(modulus(512), [3]), bits: 512 },
  {
    name: "Ed25519 as 32 octets (RFC 8463 4)",
    type: "ed25519",
    octets: fromBase64(ED25519_PUBLIC),
    bits: 256,
  },
  { name: "Ed25519 as SubjectPublicKeyInfo", type: "ed25519", octets: der(ed25519, "spki"), bits: 256 },
] as const;

const NO_KEYS = [
  { name: "nothing", type: "rsa", octets: new Uint8Array() },
  { name: "nothing, for Ed25519", type: "ed25519", octets: new Uint8Array() },
  { name: "text", type: "rsa", octets: text("not a key at all") },
  { name: "RSA where Ed25519 is asked for", type: "ed25519", octets: SPKI },
  { name: "Ed25519 where RSA is asked for", type: "rsa", octets: der(ed25519, "spki") },
  { name: "31 octets of Ed25519", type: "ed25519", octets: new Uint8Array(31).fill(1) },
  { name: "33 octets of Ed25519", type: "ed25519", octets: new Uint8Array(33).fill(1) },
  { name: "a key with an octet behind it", type: "rsa", octets: Uint8Array.of(...SPKI, 0) },
  { name: "a key without its last octet", type: "rsa", octets: SPKI.subarray(0, -1) },
  { name: "another algorithm", type: "rsa", octets: at(SPKI, SPKI.indexOf(0x2a), 0x2b) },
  { name: "an indefinite length", type: "rsa", octets: at(SPKI, 1, 0x80) },
  {
    name: "a length of lengths that overflows",
    type: "rsa",
    octets: Uint8Array.of(0x30, 0x84, 255, 255, 255, 255),
  },
  { name: "a modulus over 8,192 bits", type: "rsa", octets: rsaKey(modulus(8_200), [3]) },
  { name: "a modulus under 512 bits", type: "rsa", octets: rsaKey(modulus(504), [3]) },
  { name: "a negative modulus", type: "rsa", octets: rsaKey(modulus(1_024).slice(1), [3]) },
  { name: "a modulus of zero", type: "rsa", octets: rsaKey([0], [3]) },
  { name: "an exponent over 33 bits", type: "rsa", octets: rsaKey(modulus(1_024), [4, 0, 0, 0, 1]) },
  { name: "an even exponent", type: "rsa", octets: rsaKey(modulus(1_024), [4]) },
  { name: "an exponent of one", type: "rsa", octets: rsaKey(modulus(1_024), [1]) },
  {
    name: "a length with needless octets",
    type: "rsa",
    octets: Uint8Array.of(0x30, 0x81, 6, 2, 1, 3, 2, 1, 3),
  },
  { name: "a number with a needless zero", type: "rsa", octets: rsaKey(modulus(1_024), [0, 3]) },
] as const;

const NO_SIGNING_KEYS = [
  { name: "no text of PEM", pem: "secret", want: "it is no PEM text" },
  { name: "no end", pem: "-----BEGIN PRIVATE KEY-----\nAAAA\n", want: "it is no PEM text" },
  { name: "a public key", pem: rsaPublicPem(), want: "it is a public key" },
  { name: "a passphrase", pem: encrypted(), want: "it needs a passphrase" },
  {
    name: "an old passphrase",
    pem: `${RSA_PRIVATE.replace("\n", "\nProc-Type: 4,ENCRYPTED\n")}`,
    want: "it needs a passphrase",
  },
  { name: "another kind", pem: otherKind("pkcs8"), want: "it holds no RSA or Ed25519 key" },
  { name: "another kind in its own form", pem: otherKind("sec1"), want: "it holds no private key" },
  { name: "broken base64", pem: RSA_PRIVATE.replace("MII", "M*I"), want: "its base64 is broken" },
  {
    name: "a piece of a key",
    pem: RSA_PRIVATE.replace(/\n[^-\n]{64}\n/, "\n"),
    want: "it holds no RSA or Ed25519 key",
  },
  { name: "far too much", pem: `${RSA_PRIVATE}${" ".repeat(70_000)}`, want: "it is no PEM text" },
];

function rsaPublicPem(): string {
  return createPublicKey(rsa).export({ format: "pem", type: "spki" }).toString();
}

function encrypted(): string {
  return ed25519.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "x" }).toString();
}

function otherKind(type: "pkcs8" | "sec1"): string {
  return generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ format: "pem", type })
    .toString();
}

for (const [engine, crypto] of [
  ["nodeCrypto", nodeCrypto],
  ["webCrypto", webCrypto],
] as const) {
  describe(`${engine}: signatures`, () => {
    for (const { name, type, octets, bits } of KEYS) {
      it(`verifyKey takes ${name}`, async () => {
        const key = await crypto.verifyKey(type, octets);
        assert.deepEqual([key?.type, key?.bits], [type, bits]);
      });
    }

    for (const { name, type, octets } of NO_KEYS) {
      it(`verifyKey takes no ${name}`, async () => {
        assert.equal(await crypto.verifyKey(type, octets), undefined);
      });
    }

    for (const { type, publicKey, privateKey, signed, signature } of RFC_8463) {
      it(`gives the ${type} signature of RFC 8463 A.3, and verifies it`, async () => {
        const bytes = type === "ed25519" ? sha256(text(signed)) : text(signed);
        const key = await crypto.verifyKey(type, fromBase64(publicKey));
        assert.equal(await crypto.verify(key!, "sha256", bytes, fromBase64(signature)), true);
        const signing = await crypto.signingKey(privateKey);
        assert.equal(base64(await crypto.sign(signing, "sha256", bytes)), signature);
        assert.deepEqual(signing.publicKey, der(createPrivateKey(privateKey), "spki"));
      });
    }

    for (const [name, key, forms] of [
      ["RSA", rsa, ["pkcs8", "pkcs1"]],
      ["Ed25519", ed25519, ["pkcs8"]],
    ] as const) {
      for (const form of forms) {
        it(`signingKey takes ${name} as ${form} and shows its public half only`, async () => {
          const signing = await crypto.signingKey(`some words\n${pem(key, form)}\nand more`);
          assert.deepEqual(signing.publicKey, der(key, "spki"));
          assert.deepEqual(Object.keys(signing).sort(), ["bits", "publicKey", "type"]);
          const secret = key.export({ format: "jwk" }).d!;
          assert.ok(!inspect(signing, { depth: 9, showHidden: true }).includes(secret.slice(0, 16)));
          const verifying = await crypto.verifyKey(signing.type, signing.publicKey);
          const signature = await crypto.sign(signing, "sha256", text("words"));
          assert.equal(await crypto.verify(verifying!, "sha256", text("words"), signature), true);
          assert.equal(await crypto.verify(verifying!, "sha256", text("other words"), signature), false);
        });
      }
    }

    for (const { name, pem: wrong, want } of NO_SIGNING_KEYS) {
      it(`signingKey tells of ${name}: ${want}`, async () => {
        await assert.rejects(
          crypto.signingKey(wrong),
          (error) => error instanceof TypeError && error.message === want,
        );
      });
    }

    it("verify says no to signatures of any other form", async () => {
      for (const { type, octets } of KEYS) {
        const key = await crypto.verifyKey(type, octets);
        for (const length of [0, 1, 32, 63, 64, 65, 128, 255, 256, 257, 1_024, 10_000]) {
          for (const octet of [0, 1, 0xff]) {
            const signature = new Uint8Array(length).fill(octet);
            assert.equal(
              await crypto.verify(key!, "sha256", text("words"), signature),
              false,
              `${type} ${length}`,
            );
          }
        }
      }
    });

    it("verify and sign take octets that are part of more, also of shared memory", async () => {
      const signing = await crypto.signingKey(ED25519_PRIVATE);
      const key = await crypto.verifyKey("ed25519", signing.publicKey);
      const shared = new Uint8Array(new SharedArrayBuffer(20));
      shared.set(text("words"), 7);
      const signature = await crypto.sign(signing, "sha256", shared.subarray(7, 12));
      assert.equal(await crypto.verify(key!, "sha256", text(">words<").subarray(1, 6), signature), true);
    });

    it("takes no key that another engine made, nor one that nobody made", async () => {
      const other = crypto === nodeCrypto ? webCrypto : nodeCrypto;
      const key = (await other.verifyKey("rsa", SPKI))!;
      const signing = await other.signingKey(RSA_PRIVATE);
      for (const one of [key, { type: "rsa", bits: 2048 } as const])
        await assert.rejects(crypto.verify(one, "sha256", text(""), text("")), /a key of another engine/);
      for (const one of [signing, { ...signing }])
        await assert.rejects(crypto.sign(one, "sha256", text("")), /a key of another engine/);
    });

    it("verifyKey takes or refuses any octets without throwing", async () => {
      const octets = fc.oneof(
        fc.uint8Array({ maxLength: 80 }),
        fc.tuple(fc.nat(SPKI.length - 1), fc.nat(255)).map(([index, octet]) => at(SPKI, index, octet)),
        fc.nat(SPKI.length).map((length) => SPKI.subarray(0, length)),
      );
      await fc.assert(
        fc.asyncProperty(fc.constantFrom("rsa" as const, "ed25519" as const), octets, async (type, bytes) => {
          const key = await crypto.verifyKey(type, bytes);
          if (key)
            assert.equal(await crypto.verify(key, "sha256", text("words"), new Uint8Array(256)), false);
        }),
      );
    });
  });
}

describe("engines", () => {
  it("make the same signatures, and take each other's", async () => {
    for (const key of [pem(rsa, "pkcs8"), pem(ed25519, "pkcs8")]) {
      const [a, b] = [await nodeCrypto.signingKey(key), await webCrypto.signingKey(key)];
      assert.deepEqual({ ...a }, { ...b });
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
          const made = await nodeCrypto.sign(a, "sha256", bytes);
          assert.deepEqual(await webCrypto.sign(b, "sha256", bytes), made);
        }),
        { numRuns: 20 },
      );
    }
  });
});
