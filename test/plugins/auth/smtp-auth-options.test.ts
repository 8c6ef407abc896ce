import { scryptSync } from "node:crypto";
import { test } from "node:test";
import { type SmtpAuthOptions, smtpAuth } from "../../../plugins/auth/smtp-auth.ts";
import { assertOptionError } from "../fakes.ts";

const salt = Buffer.alloc(16, 7);
const key = scryptSync("secret", salt, 32, { N: 16384, r: 8, p: 1 });
const hash = `scrypt$16384$8$1$${salt.toString("base64")}$${key.toString("base64")}`;
const SECRET = "scrypt$1$8$1$c2FsdHNhbHQ=$aHVzaGh1c2hodXNo";
const OPTION_ERRORS: readonly { name: string; options: unknown; want: readonly string[] }[] = [
  {
    name: "no options",
    options: undefined,
    want: ["smtpAuth: options: found nothing, expected an object with users, verify, checksMax, waitingMax"],
  },
  {
    name: "a hash in place of options",
    options: SECRET,
    want: [
      "smtpAuth: options: found a value that is not shown, expected an object with users, verify, checksMax, waitingMax",
    ],
  },
  {
    name: "neither users nor verify",
    options: {},
    want: ["smtpAuth: options: found an object, expected 'users' or 'verify'"],
  },
  {
    name: "an unknown option",
    options: { users: {}, user: "x" },
    want: ["smtpAuth: user: found an unknown option, expected one of: users, verify, checksMax, waitingMax"],
  },
  {
    name: "users as a list",
    options: { users: ["ann"] },
    want: ["smtpAuth: users: found a list, expected an object with a user's name and hash for each user"],
  },
  {
    name: "a password for a hash",
    options: { users: { "a@one.example": SECRET } },
    want: [
      'smtpAuth: users["a@one.example"].hash: found a value that is not shown, expected scrypt$N$r$p$salt$hash with N a power of 2 from 16384 to 131072, r up to 16, p up to 4, base64 salt and hash; or SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey with 4096 to 1000000 iterations',
    ],
  },
  {
    name: "a number for a user",
    options: { users: { "a@one.example": 7 } },
    want: [
      'smtpAuth: users["a@one.example"]: found a value that is not shown, expected an object with hash, scram, maySendAs',
    ],
  },
  {
    name: "a user without a hash",
    options: { users: { "a@one.example": { password: SECRET } } },
    want: [
      'smtpAuth: users["a@one.example"].password: found an unknown option, expected one of: hash, scram, maySendAs',
      `smtpAuth: users["a@one.example"]: found an object, expected 'hash' or 'scram'`,
    ],
  },
  {
    name: "a user with nothing",
    options: { users: { "a@one.example": {} } },
    want: [`smtpAuth: users["a@one.example"]: found an object, expected 'hash' or 'scram'`],
  },
  {
    name: "a password for SCRAM keys",
    options: { users: { "a@one.example": { hash, scram: SECRET } } },
    want: [
      'smtpAuth: users["a@one.example"].scram: found a value that is not shown, expected SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey with 4096 to 1000000 iterations',
    ],
  },
  {
    name: "a user in two spellings",
    options: { users: { "a@one.example": hash, "\uff41@one.example": hash } },
    want: [
      'smtpAuth: users["\uff41@one.example"]: found a value that is not shown, expected a name that no other user has, in any spelling',
    ],
  },
  {
    name: "a user without a name",
    options: { users: { "": hash } },
    want: ['smtpAuth: users[""]: found a value that is not shown, expected a name that is not empty'],
  },
  {
    name: "a user that could send nothing",
    options: { users: { ann: { hash } } },
    want: [
      "smtpAuth: users.ann.maySendAs: found nothing, expected a list of addresses, because the user's name is no address itself",
    ],
  },
  {
    name: "an address that is none",
    options: { users: { ann: { hash, maySendAs: ["one.example"] } } },
    want: [
      "smtpAuth: users.ann.maySendAs[0]: found a value that is not shown, expected an address, or @domain for a whole domain",
    ],
  },
  {
    name: "a domain that is none",
    options: { users: { ann: { hash, maySendAs: ["a@one.example", "@one..example"] } } },
    want: [
      "smtpAuth: users.ann.maySendAs[1]: found a value that is not shown, expected an address, or @domain for a whole domain",
    ],
  },
  {
    name: "one address where a list belongs",
    options: { users: { ann: { hash, maySendAs: "a@one.example" } } },
    want: ["smtpAuth: users.ann.maySendAs: found a value that is not shown, expected a list of addresses"],
  },
  {
    name: "a verify that is no function",
    options: { verify: "ldap://user:secret@directory" },
    want: [
      "smtpAuth: verify: found a value that is not shown, expected a function (attempt, ctx) => identity or undefined",
    ],
  },
  {
    name: "no check at all",
    options: { users: {}, checksMax: 0 },
    want: ["smtpAuth: checksMax: found 0, expected a whole number from 1 to 64"],
  },
  {
    name: "half a place to wait",
    options: { users: {}, waitingMax: 0.5 },
    want: ["smtpAuth: waitingMax: found 0.5, expected a whole number from 0 to 10000"],
  },
];
for (const { name, options, want } of OPTION_ERRORS) {
  test(`smtpAuth tells ${name} in ${want.length === 1 ? "a line" : "lines"} without secrets`, () => {
    assertOptionError(() => smtpAuth(options as SmtpAuthOptions), want);
  });
}
