/** What answerOf makes of messages, hostile ones too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { answerOf, questionMessage } from "../../core/dns/wire-message.ts";
import { nameBytes, stringBytes, TYPES } from "./fake-dns-server.ts";

const u16 = (n: number) => Buffer.of(n >> 8, n & 255);
const u32 = (n: number) => Buffer.concat([u16(n >>> 16), u16(n & 0xffff)]);

function rr(owner: string | Uint8Array, type: number, data: Uint8Array, ttl = 300): Uint8Array {
  const name = typeof owner === "string" ? nameBytes(owner) : owner;
  return Buffer.concat([name, u16(type), u16(1), u32(ttl), u16(data.length), data]);
}
const cname = (from: string, to: string) => rr(from, TYPES.CNAME, nameBytes(to), 50);
const a = (owner: string, ttl?: number) => rr(owner, TYPES.A, Buffer.of(192, 0, 2, 1), ttl);
const soa = (ttl: number, minimum: number) =>
  rr(
    "example",
    TYPES.SOA,
    Buffer.concat([nameBytes("ns"), nameBytes("root"), ...[1, 2, 3, 4, minimum].map(u32)]),
    ttl,
  );

function reply(
  answers: Uint8Array[],
  { flags = 0x8180, authority = [] as Uint8Array[], name = "a.example" } = {},
) {
  const question = Buffer.from(questionMessage(name, "A"));
  question.writeUInt16BE(flags, 2);
  question.writeUInt16BE(answers.length, 6);
  question.writeUInt16BE(authority.length, 8);
  return Buffer.concat([question, ...answers, ...authority]);
}
const chain = (length: number) => [
  ...Array.from({ length }, (_, n) => cname(n === 0 ? "a.example" : `c${n}.example`, `c${n + 1}.example`)),
  a(`c${length}.example`),
];
const found = (ttlSeconds: number) => ({ status: "found", records: ["192.0.2.1"], ttlSeconds });
const servfail = { status: "servfail" };

for (const { name, input, want } of [
  {
    name: "takes the least TTL",
    input: reply([a("A.example", 9), a("a.example")]),
    want: { ...found(9), records: ["192.0.2.1", "192.0.2.1"] },
  },
  {
    name: "counts a TTL with its top bit as 0 (RFC 2181 8)",
    input: reply([a("a.example", 2 ** 31)]),
    want: found(0),
  },
  { name: "follows an alias, with its TTL (RFC 1034 3.6.2)", input: reply(chain(1)), want: found(50) },
  { name: "follows 16 aliases", input: reply(chain(16)), want: found(50) },
  { name: "does not follow 17", input: reply(chain(17)), want: servfail },
  {
    name: "takes a loop of aliases for a fault",
    input: reply([cname("a.example", "b.example"), cname("b.example", "a.example")]),
    want: servfail,
  },
  { name: "does not take records of others", input: reply([a("b.example")]), want: { status: "nodata" } },
  {
    name: "tells the TTL of nxdomain (RFC 2308 5)",
    input: reply([], { flags: 0x8183, authority: [soa(900, 60)] }),
    want: { status: "nxdomain", ttlSeconds: 60 },
  },
  {
    name: "tells the TTL of nodata (RFC 2308 5)",
    input: reply([], { authority: [soa(30, 60)] }),
    want: { status: "nodata", ttlSeconds: 30 },
  },
  {
    name: "takes a referral for no answer (RFC 2308 2.2)",
    input: reply([], { authority: [rr("example", TYPES.NS, nameBytes("ns"))] }),
    want: servfail,
  },
  { name: "takes a cut answer for none", input: reply([a("a.example")], { flags: 0x8380 }), want: servfail },
  {
    name: "takes a question for no answer",
    input: reply([a("a.example")], { flags: 0x0100 }),
    want: servfail,
  },
  {
    name: "takes records of a name that is not there for a fault",
    input: reply([a("a.example")], { flags: 0x8183 }),
    want: servfail,
  },
  {
    name: "takes another question's answer for none",
    input: reply([a("a.example")], { name: "b.example" }),
    want: servfail,
  },
  {
    name: "refuses an address of 3 octets",
    input: reply([rr("a.example", TYPES.A, Buffer.of(1, 2, 3))]),
    want: servfail,
  },
  {
    name: "refuses a pointer to itself (RFC 1035 4.1.4)",
    input: reply([rr(Buffer.of(0xc0, 27), TYPES.A, Buffer.of(1, 2, 3, 4))]),
    want: servfail,
  },
  {
    name: "refuses more than 65,535 octets",
    input: Buffer.concat([reply([a("a.example")]), Buffer.alloc(65_535)]),
    want: servfail,
  },
]) {
  test(`answerOf ${name}`, () => assert.deepEqual(answerOf(input, "a.example", "A"), want));
}

test("answerOf reads a TXT record of 64 KB whole", () => {
  const message = Buffer.from(questionMessage("a.example", "TXT"));
  message.writeUInt16BE(0x8180, 2);
  message.writeUInt16BE(1, 6);
  const data = Buffer.concat(Array.from({ length: 255 }, () => stringBytes("k".repeat(255))));
  const answer = answerOf(Buffer.concat([message, rr("a.example", TYPES.TXT, data)]), "a.example", "TXT");
  assert.equal(answer.status === "found" && answer.records[0]?.length, 255 * 255);
});

test("answerOf gives an outcome for any octets, and for any damage to an answer", () => {
  const whole = reply([...chain(3), a("a.example")], { authority: [soa(1, 2)] });
  const known = ["found", "nodata", "nxdomain", "servfail"];
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600 }),
      fc.nat(whole.length - 1),
      fc.nat(255),
      (octets, at, octet) => {
        const damaged = Buffer.from(whole);
        damaged[at] = octet;
        assert.ok(known.includes(answerOf(octets, "a.example", "A").status));
        assert.ok(known.includes(answerOf(damaged, "a.example", "A").status));
        assert.equal(answerOf(whole.subarray(0, at), "a.example", "A").status, "servfail");
      },
    ),
  );
});
