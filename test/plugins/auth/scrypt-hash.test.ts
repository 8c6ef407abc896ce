import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { test } from "node:test";
import type { Crypto } from "postern";
import { matchesScrypt, parseScryptHash } from "../../../plugins/auth/scrypt-hash.ts";

const salt = Buffer.alloc(16, 7).toString("base64");
const key = Buffer.alloc(32, 9).toString("base64");

const VALID: readonly string[] = [
  `scrypt$16384$8$1$${salt}$${key}`,
  `scrypt$32768$8$3$${salt}$${key}`,
  `scrypt$65536$8$4$${salt}$${key}`,
  `scrypt$131072$4$1$${salt}$${key}`,
  `scrypt$16384$16$1$${Buffer.alloc(8).toString("base64")}$${Buffer.alloc(64).toString("base64")}`,
];
const INVALID: readonly { name: string; text: string }[] = [
  { name: "nothing", text: "" },
  { name: "a password", text: "secret" },
  { name: "another scheme", text: `bcrypt$16384$8$1$${salt}$${key}` },
  { name: "N that is no power of 2", text: `scrypt$16385$8$1$${salt}$${key}` },
  { name: "N that is too small", text: `scrypt$8192$8$1$${salt}$${key}` },
  { name: "N that is too great", text: `scrypt$262144$1$1$${salt}$${key}` },
  { name: "no r", text: `scrypt$16384$0$1$${salt}$${key}` },
  { name: "r that is too great", text: `scrypt$16384$17$1$${salt}$${key}` },
  { name: "no p", text: `scrypt$16384$8$0$${salt}$${key}` },
  { name: "p that is too great", text: `scrypt$16384$8$5$${salt}$${key}` },
  { name: "more memory than the bound", text: `scrypt$131072$8$1$${salt}$${key}` },
  { name: "a salt that is too short", text: `scrypt$16384$8$1$${Buffer.alloc(7).toString("base64")}$${key}` },
  { name: "a salt that is not base64", text: `scrypt$16384$8$1$!!!!!!!!!!!!$${key}` },
  {
    name: "a hash that is too short",
    text: `scrypt$16384$8$1$${salt}$${Buffer.alloc(15).toString("base64")}`,
  },
  {
    name: "a hash that is too long",
    text: `scrypt$16384$8$1$${salt}$${Buffer.alloc(65).toString("base64")}`,
  },
  { name: "a field more", text: `scrypt$16384$8$1$${salt}$${key}$x` },
  { name: "a line end", text: `scrypt$16384$8$1$${salt}$${key}\n` },
];

for (const text of VALID) {
  test(`parseScryptHash reads ${text.slice(0, 20)}`, () => {
    const [, n, r, p] = text.split("$");
    const hash = parseScryptHash(text);
    assert.deepEqual([hash?.n, hash?.r, hash?.p], [Number(n), Number(r), Number(p)]);
  });
}
for (const { name, text } of INVALID) {
  test(`parseScryptHash takes no ${name}`, () => assert.equal(parseScryptHash(text), undefined));
}

test("matchesScrypt takes the password as UTF-8, of its whole length", async () => {
  const crypto = {
    scrypt: async (
      password: Uint8Array,
      its: Uint8Array,
      { n, r, p, keyBytes }: { n: number; r: number; p: number; keyBytes: number },
    ) => new Uint8Array(scryptSync(password, its, keyBytes, { N: n, r, p })),
  } as unknown as Crypto;
  const made = scryptSync("pa\u00dfword", Buffer.from(salt, "base64"), 32, { N: 16384, r: 8, p: 1 });
  const hash = parseScryptHash(`scrypt$16384$8$1$${salt}$${made.toString("base64")}`);
  assert.ok(hash);
  for (const { password, want } of [
    { password: "pa\u00dfword", want: true },
    { password: "pa\u00dfword ", want: false },
    { password: "pa\u00dfwor", want: false },
    { password: "password", want: false },
    { password: "", want: false },
  ]) {
    assert.equal(await matchesScrypt(crypto, password, hash), want, JSON.stringify(password));
  }
});
