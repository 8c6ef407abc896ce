/** What `dkim` says of signatures and keys that are right and wrong, clause by clause. */
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { DnsAnswer, Resolver } from "postern";
import { dkim } from "../../../../plugins/auth/dkim/dkim.ts";
import { assertOptionError } from "../../fakes.ts";
import {
  ED25519,
  NAME,
  NOW,
  publicKey,
  RECORDS,
  RSA,
  type Signatures,
  signed,
  verified,
  type Wish,
  type Zone,
  zoneOf,
} from "./dkim-bed.ts";

const FIELDS = ["From: Ann <ann@sender.example>", "To: b@inside.example", "Subject: Words"];
const BODY = "Hello,\r\nworld\r\n";
const seconds = NOW / 1_000;
const short = generateKeyPairSync("rsa", { modulusLength: 1024 });
const tiny = generateKeyPairSync("rsa", { modulusLength: 768 });
const key = (tags: string, pair: { readonly publicKey: typeof RSA.publicKey } = RSA): Zone => ({
  [NAME]: [`${tags}p=${publicKey(pair)}`],
});
const pkcs1 = RSA.publicKey.export({ type: "pkcs1", format: "der" }).toString("base64");
const hash = (text: string) => createHash("sha256").update(text, "latin1").digest("base64");

interface Case {
  readonly name: string;
  readonly wish?: Wish;
  readonly zone?: Zone;
  readonly options?: Parameters<typeof dkim>[0];
  readonly body?: string;
  readonly fields?: readonly string[];
  /** Result, and words of the reason. */
  readonly want: readonly [result: Signatures["signatures"][number]["result"], reason: string];
}

const PASS = ["pass", ""] as const;
const CASES: readonly Case[] = [
  { name: "a right one by RSA", want: PASS },
  { name: "a right one by Ed25519 (RFC 8463)", wish: { key: ED25519.privateKey }, want: PASS },
  // RFC 6376 3.5
  { name: "v=2", wish: { tags: { v: "2" } }, want: ["neutral", "v= is not 1"] },
  ...["v", "a", "d", "s", "h", "bh"].map((tag): Case => {
    return {
      name: `no ${tag}=`,
      wish: { tags: { [tag]: null } },
      want: ["neutral", `the tag ${tag}= is missing`],
    };
  }),
  {
    name: "a tag twice (RFC 6376 3.2)",
    wish: { tags: { t: "1; t=1" } },
    want: ["neutral", "the tag t= stands there twice"],
  },
  { name: "a tag that nobody knows", wish: { tags: { r: "y" } }, want: PASS },
  { name: "an empty tag", wish: { tags: { t: "1;" } }, want: ["neutral", "it is no list of tags"] },
  {
    name: "rsa-sha1 (RFC 8301 3.1)",
    wish: { tags: { a: "rsa-sha1" } },
    want: ["permerror", "rsa-sha1 proves nothing"],
  },
  {
    name: "an unknown algorithm",
    wish: { tags: { a: "rsa-md5" } },
    want: ["neutral", "a= names no algorithm"],
  },
  { name: "an algorithm in capitals", wish: { tags: { a: "RSA-SHA256" } }, want: PASS },
  {
    name: "an unknown canonical form",
    wish: { tags: { c: "nofws" } },
    want: ["neutral", "c= names no canonical form"],
  },
  { name: "c=relaxed, whose body is simple", wish: { tags: { c: "relaxed" } }, want: PASS },
  {
    name: "d= that is no domain",
    wish: { tags: { d: "sender.example(.evil.example" } },
    want: ["neutral", "d= is no domain"],
  },
  {
    name: "d= that is an address",
    wish: { tags: { d: "[192.0.2.1]" } },
    want: ["neutral", "d= is no domain"],
  },
  {
    name: "d= too long for a name of a key",
    wish: { tags: { d: `${"a.".repeat(120)}example` } },
    want: ["neutral", "make no name for DNS"],
  },
  {
    name: "s= longer than any name, which the fact could not hold",
    wish: { tags: { s: "a".repeat(300) } },
    want: ["neutral", "make no name for DNS"],
  },
  {
    name: "s= with an empty label",
    wish: { tags: { s: "s1..x" } },
    want: ["neutral", "make no name for DNS"],
  },
  {
    name: "s= that would leave its place",
    wish: { tags: { s: "x y" } },
    want: ["neutral", "make no name for DNS"],
  },
  { name: "d= and s= in capitals", wish: { tags: { d: "Sender.EXAMPLE", s: "S1" } }, want: PASS },
  { name: "i= below d=", wish: { tags: { i: "ann@mail.sender.example" } }, want: PASS },
  {
    name: "i= elsewhere",
    wish: { tags: { i: "ann@notsender.example" } },
    want: ["permerror", "i= is not within d="],
  },
  { name: "i= without @", wish: { tags: { i: "sender.example" } }, want: ["neutral", "i= is no identity"] },
  {
    name: "i= with a control in it",
    wish: { tags: { i: "a=0Db@sender.example" } },
    want: ["neutral", "i= is no identity"],
  },
  {
    name: "h= without From (5.4)",
    wish: { tags: { h: "subject:to" } },
    want: ["permerror", "From is not signed"],
  },
  {
    name: "h= with a space in a name",
    wish: { tags: { h: "from:sub ject" } },
    want: ["neutral", "h= is no list"],
  },
  {
    name: "h= of too many names",
    wish: { tags: { h: `from${":a".repeat(5_000)}` } },
    want: ["neutral", "too long"],
  },
  { name: "h= with a name that is not there", wish: { tags: { h: "from:x-gone:subject" } }, want: PASS },
  { name: "q= with dns/txt among others", wish: { tags: { q: "x/y:dns/txt" } }, want: PASS },
  { name: "q= without it", wish: { tags: { q: "x/y" } }, want: ["neutral", "q= does not name"] },
  { name: "bh= that is no SHA-256", wish: { tags: { bh: "AAAA" } }, want: ["neutral", "bh= is no SHA-256"] },
  {
    name: "bh= of another body (6.1.3)",
    wish: { tags: { bh: hash("other") } },
    want: ["fail", "the body was changed"],
  },
  {
    name: "t= in the future",
    wish: { tags: { t: `${seconds + 3_600}` } },
    want: ["policy", "t= is in the future"],
  },
  { name: "t= of a clock that is two minutes fast", wish: { tags: { t: `${seconds + 120}` } }, want: PASS },
  { name: "t= of 13 digits", wish: { tags: { t: "1000000000000" } }, want: ["neutral", "t= is no time"] },
  { name: "x= in the past", wish: { tags: { x: `${seconds}` } }, want: ["policy", "it has expired"] },
  { name: "x= in the future", wish: { tags: { t: `${seconds - 9}`, x: `${seconds + 1}` } }, want: PASS },
  {
    name: "x= before t=",
    wish: { tags: { t: `${seconds}`, x: `${seconds - 1}` } },
    want: ["neutral", "x= is not later"],
  },
  { name: "x= that is no time", wish: { tags: { x: "-1" } }, want: ["neutral", "x= is no time"] },
  // 3.4.5, 8.2
  { name: "l= of the whole body", wish: { tags: { l: `${BODY.length}` } }, want: PASS },
  {
    name: "l= of a part",
    wish: { tags: { l: "5" }, hashedBody: "Hello" },
    want: ["policy", "l= leaves a part"],
  },
  {
    name: "l= of a part, where that counts",
    wish: { tags: { l: "5" }, hashedBody: "Hello" },
    options: { bodyLength: "accept" },
    want: PASS,
  },
  { name: "l=0", wish: { tags: { l: "0" }, hashedBody: "" }, want: ["policy", "l= leaves a part"] },
  { name: "l= of more than there is", wish: { tags: { l: "999" } }, want: ["fail", "shorter than l="] },
  {
    name: "l= of a part that was changed",
    wish: { tags: { l: "5" }, hashedBody: "Hullo" },
    want: ["fail", "the body was changed"],
  },
  { name: "l= of 76 digits", wish: { tags: { l: "9".repeat(76) } }, want: ["fail", "shorter than l="] },
  { name: "l= that is no number", wish: { tags: { l: "1e3" } }, want: ["neutral", "l= is no number"] },
  // 3.6.1
  { name: "a key without v=", zone: key(""), want: PASS },
  {
    name: "a key with g=, n= and what nobody knows",
    zone: key("v=DKIM1; g=nobody; n=no=tes; zz=1; "),
    want: PASS,
  },
  { name: "a key in PKCS #1", zone: { [NAME]: [`v=DKIM1; p=${pkcs1}`] }, want: PASS },
  {
    name: "a key whose base64 has white space",
    zone: { [NAME]: [`p=${publicKey(RSA).replace(/(.{40})/g, "$1 ")}`] },
    want: PASS,
  },
  { name: "a record of 64 KB", zone: key(`v=DKIM1; n=${"x".repeat(65_000)}; `), want: PASS },
  {
    name: "a record of more",
    zone: key(`v=DKIM1; n=${"x".repeat(66_000)}; `),
    want: ["permerror", "its syntax is wrong"],
  },
  { name: "a record of other use", zone: { [NAME]: ["v=spf1 -all"] }, want: ["permerror", "DNS has no key"] },
  { name: "one beside a key", zone: { [NAME]: ["v=spf1 -all", ...RECORDS[NAME]!] }, want: PASS },
  {
    name: "two keys",
    zone: { [NAME]: [...RECORDS[NAME]!, `p=${publicKey(short)}`] },
    want: ["permerror", "DNS has several keys"],
  },
  {
    name: "21 records",
    zone: { [NAME]: [...RECORDS[NAME]!, ...Array<string>(20).fill("x")] },
    want: ["permerror", "too many records"],
  },
  {
    name: "v=DKIM1 behind another tag",
    zone: key("k=rsa; v=DKIM1; "),
    want: ["permerror", "DNS has no key"],
  },
  { name: "v=DKIM2", zone: key("v=DKIM2; "), want: ["permerror", "DNS has no key"] },
  { name: "a revoked key", zone: { [NAME]: ["v=DKIM1; p="] }, want: ["permerror", "the key is revoked"] },
  { name: "no p=", zone: { [NAME]: ["v=DKIM1; k=rsa"] }, want: ["permerror", "it has no p="] },
  {
    name: "a p= that is no key",
    zone: { [NAME]: ["v=DKIM1; p=AAAA"] },
    want: ["permerror", "no key that can be used"],
  },
  { name: "a key for SHA-1 alone", zone: key("v=DKIM1; h=sha1; "), want: ["permerror", "not for SHA-256"] },
  { name: "a key for both", zone: key("v=DKIM1; h=sha1 : sha256; "), want: PASS },
  { name: "a key for other services", zone: key("v=DKIM1; s=tlsrpt; "), want: ["permerror", "not for mail"] },
  { name: "a key for mail", zone: key("v=DKIM1; s=tlsrpt:email; "), want: PASS },
  { name: "a key of an unknown kind", zone: key("v=DKIM1; k=x; "), want: ["permerror", "its kind of key"] },
  {
    name: "a key of the other kind",
    zone: key("k=ed25519; ", ED25519),
    want: ["permerror", "of another algorithm"],
  },
  { name: "another key", zone: key("", short), want: ["fail", "the key is another one"] },
  { name: "a key of 1,024 bits", zone: key("", short), wish: { key: short.privateKey }, want: PASS },
  {
    name: "a key of 1,024 bits, where more are asked for",
    zone: key("", short),
    wish: { key: short.privateKey },
    options: { rsaBitsMin: 2048 },
    want: ["policy", "1024 bits"],
  },
  {
    name: "a key of 768 bits (RFC 8301 3.2)",
    zone: key("", tiny),
    wish: { key: tiny.privateKey },
    want: ["policy", "768 bits"],
  },
  {
    name: "t=s and i= below d=",
    zone: key("t=s; "),
    wish: { tags: { i: "@x.sender.example" } },
    want: ["permerror", "which the key forbids"],
  },
  { name: "t=s and i= of d=", zone: key("t=s; "), wish: { tags: { i: "a@sender.example" } }, want: PASS },
  { name: "t=y", zone: key("t=y:s; "), want: ["pass", "only tests the key"] },
  {
    name: "t=y, where that does not count",
    zone: key("t=y; "),
    options: { testKeys: "policy" },
    want: ["policy", "only tests the key"],
  },
  { name: "no record", zone: {}, want: ["permerror", "DNS has no key"] },
];

for (const { name, wish, zone = RECORDS, options, body = BODY, fields = FIELDS, want } of CASES) {
  test(`dkim: ${name} is ${want[0]}${want[1] && `, '${want[1]}'`}`, async () => {
    const { signatures, unchecked } = await verified(signed(fields, body, wish), zone, options);
    assert.equal(signatures.length, 1);
    assert.equal(signatures[0]!.result, want[0], signatures[0]!.reason);
    assert.ok(signatures[0]!.reason.includes(want[1]), signatures[0]!.reason);
    if (want[1] === "") assert.equal(signatures[0]!.reason, "");
    assert.equal(unchecked, 0);
  });
}

test("dkim tells what l= leaves unsigned, and reads what it can of a signature that is none", async () => {
  const cut = await verified(signed(FIELDS, BODY, { tags: { l: "5" }, hashedBody: "Hello" }), RECORDS);
  assert.equal(cut.signatures[0]!.unsignedBytes, BODY.length - 5);
  const broken = await verified(
    signed(FIELDS, BODY, { tags: { v: "9", i: "Ann=20B@x.sender.example" } }),
    RECORDS,
  );
  const { result, domain, selector, identity, algorithm } = broken.signatures[0]!;
  const want = ["neutral", "sender.example", "s1", "Ann B@x.sender.example", "rsa-sha256"];
  assert.deepEqual([result, domain, selector, identity, algorithm], want);
});

test("dkim tells temperror of a key that DNS does not give, and asks once for a name", async () => {
  for (const status of ["servfail", "timeout"] as const) {
    const { signatures } = await verified(signed(FIELDS, BODY), { resolve: async () => ({ status }) });
    assert.equal(signatures[0]!.result, "temperror");
  }
  const asked: string[] = [];
  const dns: Resolver = {
    resolve: (name, type): Promise<DnsAnswer> => {
      asked.push(`${name} ${type}`);
      return zoneOf(RECORDS).resolve(name, type);
    },
  };
  const one = signed(FIELDS, BODY);
  const header = one.slice(0, one.indexOf("From:"));
  const { signatures } = await verified(header.repeat(4) + one, dns);
  assert.deepEqual(
    signatures.map(({ result }) => result),
    Array(5).fill("pass"),
  );
  assert.deepEqual(asked, [`${NAME} TXT`]);
});

test("dkim asks DNS for no key where the body was changed", async () => {
  const dns: Resolver = { resolve: () => assert.fail("it asked") };
  const { signatures } = await verified(signed(FIELDS, BODY, { tags: { bh: hash("other") } }), dns);
  assert.equal(signatures[0]!.result, "fail");
});

test("dkim looks at ten signatures of two hundred and counts the others", async () => {
  const one = signed(FIELDS, BODY);
  const header = one.slice(0, one.indexOf("From:"));
  const many = await verified(header.repeat(199) + one, RECORDS);
  assert.deepEqual([many.signatures.length, many.unchecked], [10, 190]);
  const few = await verified(header.repeat(199) + one, RECORDS, { signaturesMax: 2 });
  assert.deepEqual([few.signatures.length, few.unchecked], [2, 198]);
});

test("dkim reads the body for two lengths l= and no more", async () => {
  const headers = [5, 6, 7, 5].map((length) => {
    const one = signed(FIELDS, BODY, { tags: { l: `${length}` }, hashedBody: BODY.slice(0, length) });
    return one.slice(0, one.indexOf("From:"));
  });
  const message = `${headers.join("")}${FIELDS.join("\r\n")}\r\n\r\n${BODY}`;
  const { signatures } = await verified(message, RECORDS, { bodyLength: "accept" });
  assert.deepEqual(
    signatures.map(({ result }) => result),
    ["pass", "pass", "policy", "pass"],
  );
});

test("dkim provides no signature where there is none", async () => {
  assert.deepEqual(await verified("From: a@sender.example\r\n\r\nx\r\n", {}), {
    signatures: [],
    unchecked: 0,
  });
});

test("dkim gives some result for any field, and passes none that was not signed", async () => {
  const piece = fc.constantFrom(
    "v=1",
    "a=rsa-sha256",
    "d=sender.example",
    "s=s1",
    "h=from",
    "bh=",
    "b=",
    ";",
    "=",
    " ",
    "\r\n ",
    "é",
    "i=@",
    ":",
    "l=",
    "t=9",
    "\u00a0",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
      const message = `DKIM-Signature: ${pieces.join("")}\r\nFrom: a@sender.example\r\n\r\nx\r\n`;
      const { signatures } = await verified(Buffer.from(message, "latin1"), RECORDS);
      assert.ok(signatures.every(({ result }) => result !== "pass"));
    }),
    { numRuns: 60 },
  );
});

for (const [name, options, want] of [
  [
    "an unknown option",
    { bits: 1 },
    "bits: found an unknown option, expected one of: signaturesMax, rsaBitsMin, bodyLength, testKeys, dnsTime",
  ],
  [
    "bits below RFC 8301",
    { rsaBitsMin: 512 },
    "rsaBitsMin: found 512, expected a whole number from 1024 to 4096",
  ],
  ["no signatures", { signaturesMax: 0 }, "signaturesMax: found 0, expected a whole number from 1 to 50"],
  ["a wrong word", { bodyLength: "pass" }, "bodyLength: found \"pass\", expected 'accept' or 'policy'"],
  ["a wrong word for test keys", { testKeys: 1 }, "testKeys: found 1, expected 'accept' or 'policy'"],
  [
    "a time too short",
    { dnsTime: "1ms" },
    "dnsTime: found \"1ms\", expected milliseconds, or a time as '3s', from 100ms to 9s",
  ],
] as const) {
  test(`dkim tells of ${name}`, () => assertOptionError(() => dkim(options as never), [`dkim: ${want}`]));
}
