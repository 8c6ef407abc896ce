import assert from "node:assert/strict";
import { scryptSync } from "node:crypto";
import { test } from "node:test";
import { smtpAuth } from "../../../plugins/auth/smtp-auth.ts";
import { path, runHook } from "../fakes.ts";

const salt = new Uint8Array(16).fill(7);
const key = (password: string | Uint8Array) => scryptSync(password, salt, 32, { N: 16384, r: 8, p: 1 });
const hash = `scrypt$16384$8$1$${Buffer.from(salt).toString("base64")}$${key("secret").toString("base64")}`;
const crypto = { scrypt: async (password: Uint8Array) => new Uint8Array(key(password)) };
const plugin = smtpAuth({ users: { "a@one.example": hash } });
const login = (user: string, password: string) =>
  runHook(plugin, "auth", { crypto, attempt: { mechanism: "PLAIN", user, password } });

test("smtpAuth identifies a user by the password and refuses others with 5.7.8", async () => {
  assert.deepEqual(await login("a@one.example", "secret"), {
    verdict: "identify",
    identity: { user: "a@one.example" },
  });
  for (const [user, password] of [
    ["a@one.example", "wrong"],
    ["b@one.example", "secret"],
  ] as const) {
    assert.equal(((await login(user, password)) as { enhanced: string }).enhanced, "5.7.8");
  }
});

test("smtpAuth holds an identity to its own address in MAIL", async () => {
  const mail = (local: string) =>
    runHook(plugin, "mail", {
      identity: { user: "a@one.example" },
      envelope: { reversePath: path(local, "one.example") },
    });
  assert.equal(await mail("a"), undefined);
  assert.equal(((await mail("b")) as { enhanced: string }).enhanced, "5.7.1");
});

test("smtpAuth names a wrong hash without showing it", () => {
  assert.throws(
    () => smtpAuth({ users: { x: "plain-password" } }),
    (error: Error) => {
      return /smtpAuth: users\.x/.test(error.message) && !error.message.includes("plain-password");
    },
  );
});
