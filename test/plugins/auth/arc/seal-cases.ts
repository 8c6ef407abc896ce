/** Seals, message signatures and keys that are right and wrong, with what `arc` must say of them. */
import { generateKeyPairSync } from "node:crypto";
import { ED25519, NOW, publicKey, RSA, type Zone } from "../dkim/dkim-bed.ts";
import { type Case, chainOf, damaged, KEYS, LETTER, sealed, textOf } from "./arc-bed.ts";

const seconds = NOW / 1_000;
const short = generateKeyPairSync("rsa", { modulusLength: 1024 });
const tiny = generateKeyPairSync("rsa", { modulusLength: 768 });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = (record: string, domain = "one.example"): Zone => ({
  ...KEYS,
  [`s1._domainkey.${domain}`]: [record],
});
const without = (domain: string): Zone =>
  Object.fromEntries(Object.entries(KEYS).filter(([name]) => !name.endsWith(domain)));

const two = chainOf({}, {});
const three = chainOf({}, {}, {});

export const SEALS: readonly Case[] = [
  ...[1, 2, 3].map(
    (instance): Case => ({
      name: `a damaged seal of i=${instance} of three (6)`,
      message: damaged(three, "ARC-Seal", instance),
      // The newest that does not hold is told: those above it sealed what was there.
      want: ["fail", `the seal of i=3: the header fields were changed`],
    }),
  ),
  {
    name: "a seal that never held",
    message: chainOf({ key: RSA.privateKey, seal: { s: "s2" } }, {}),
    zone: { ...KEYS, "s2._domainkey.one.example": [`p=${publicKey(other)}`] },
    want: ["fail", "the seal of i=1: the header fields were changed"],
  },
  {
    name: "a changed assessment",
    message: two.replace("i=1; one.example; dmarc=pass", "i=1; one.example; dmarc=fail"),
    want: ["fail", "the seal of i=2"],
  },
  {
    name: "an older message signature that was changed",
    message: damaged(three, "ARC-Message-Signature", 1),
    want: ["fail", "the seal of i=3"],
  },
  { name: "h= in a seal (4.1.3)", message: chainOf({ seal: { h: "from" } }), want: ["fail", "it has h="] },
  ...["a", "d", "s"].map(
    (tag): Case => ({
      name: `a seal without ${tag}=`,
      message: chainOf({ seal: { [tag]: null } }),
      want: ["fail", `the tag ${tag}= is missing`],
    }),
  ),
  {
    name: "a seal without b=",
    message: chainOf({}).replace(/(ARC-Seal: [^\r]*); b=[^\r]*(\r\n [^\r]*)*/, "$1"),
    want: ["fail", "the tag b= is missing"],
  },
  {
    name: "an unknown algorithm",
    message: chainOf({ seal: { a: "rsa-md5" } }),
    want: ["fail", "no algorithm"],
  },
  { name: "rsa-sha1 (RFC 8301)", message: chainOf({ seal: { a: "rsa-sha1" } }), want: ["fail", "rsa-sha1"] },
  { name: "t= that is no time", message: chainOf({ seal: { t: "soon" } }), want: ["fail", "t= is no time"] },
  { name: "t= in a seal", message: chainOf({ seal: { t: "1" } }), want: ["pass"] },
  { name: "x= in a seal, which no seal has (4.1.3)", message: chainOf({ seal: { x: "1" } }), want: ["pass"] },
  {
    name: "a tag that nobody knows",
    message: chainOf({ seal: { zz: "1" }, ams: { zz: "2" } }),
    want: ["pass"],
  },
  {
    name: "d= that is no domain",
    message: chainOf({ seal: { d: "a b" } }),
    want: ["fail", "d= is no domain"],
  },
  { name: "a tag twice", message: chainOf({ seal: { t: "1; t=1" } }), want: ["fail", "no instance"] },
];

export const SIGNATURES: readonly Case[] = [
  { name: "a changed body (4)", message: `${two}!\r\n`, want: ["fail", "i=2: the body was changed"] },
  {
    name: "a changed field that is signed",
    message: two.replace("Subject: Words", "Subject: Swords"),
    want: ["fail", "the message signature of i=2: the header fields were changed"],
  },
  { name: "a changed field that is not", message: two.replace("To: b@", "To: c@"), want: ["pass"] },
  {
    name: "a second From above",
    message: two.replace("\r\nFrom:", "\r\nFrom: b@evil.example\r\nFrom:"),
    want: ["fail", "the header fields were changed"],
  },
  {
    name: "a damaged message signature",
    message: damaged(two, "ARC-Message-Signature", 2),
    want: ["fail", "the message signature of i=2: the header fields were changed"],
  },
  ...["a", "d", "s", "h", "bh"].map(
    (tag): Case => ({
      name: `a message signature without ${tag}=`,
      message: chainOf({ ams: { [tag]: null } }),
      want: ["fail", `the tag ${tag}= is missing`],
    }),
  ),
  { name: "v= in a message signature (4.1.2)", message: chainOf({ ams: { v: "7" } }), want: ["pass"] },
  {
    name: "From not signed (RFC 6376 5.4)",
    message: chainOf({ ams: { h: "subject" } }),
    want: ["fail", "From"],
  },
  {
    name: "a seal that is signed (4.1.2)",
    message: chainOf({ ams: { h: "from:arc-seal" } }),
    want: ["fail", "h= names ARC-Seal"],
  },
  {
    name: "x= in the past",
    message: chainOf({ ams: { x: `${seconds - 1}` } }),
    want: ["fail", "i=1: it has expired"],
  },
  {
    name: "x= in the past, of an older set",
    message: chainOf({ ams: { x: `${seconds - 1}` } }, {}),
    want: ["pass", "", 2],
  },
  { name: "x= in the future", message: chainOf({ ams: { x: `${seconds + 1}` } }), want: ["pass"] },
  {
    name: "t= in the future",
    message: chainOf({ ams: { t: `${seconds + 3_600}` } }),
    want: ["fail", "t= is in the future"],
  },
  { name: "l= of the whole body", message: chainOf({ ams: { l: `${LETTER.body.length}` } }), want: ["pass"] },
  { name: "l= of a part (RFC 6376 8.2)", message: part(), want: ["fail", "l= leaves a part"] },
  { name: "c= left out, which is simple", message: chainOf({ ams: { c: null } }), want: ["fail", "changed"] },
];

function part(): string {
  const letter = sealed([{ ams: { l: `${LETTER.body.length}` } }]);
  return textOf({ ...letter, body: `${letter.body}Buy now\r\n` });
}

const one = chainOf({});
export const KEY_CASES: readonly Case[] = [
  { name: "no key", message: one, zone: {}, want: ["fail", "the message signature of i=1: DNS has no key"] },
  {
    name: "no key of an older seal",
    message: two,
    zone: without("one.example"),
    want: ["fail", "the seal of i=1: DNS has no key"],
  },
  { name: "a revoked key", message: one, zone: key("v=DKIM1; p="), want: ["fail", "the key is revoked"] },
  {
    name: "a key with t=y and t=s",
    message: one,
    zone: key(`t=y:s; p=${publicKey(RSA)}`),
    want: ["pass"],
  },
  {
    name: "a key of another kind",
    message: one,
    zone: key(`k=ed25519; p=${publicKey(ED25519)}`),
    want: ["fail", "of another algorithm"],
  },
  {
    name: "a key of 1,024 bits",
    message: chainOf({ key: short.privateKey }),
    zone: key(`p=${publicKey(short)}`),
    want: ["pass"],
  },
  {
    name: "a key of 1,024 bits, where more are asked for",
    message: chainOf({ key: short.privateKey }),
    zone: key(`p=${publicKey(short)}`),
    options: { rsaBitsMin: 2048 },
    want: ["fail", "1024 bits"],
  },
  {
    name: "a key of 768 bits (RFC 8301 3.2)",
    message: chainOf({ key: tiny.privateKey }),
    zone: key(`p=${publicKey(tiny)}`),
    want: ["fail", "768 bits"],
  },
];
