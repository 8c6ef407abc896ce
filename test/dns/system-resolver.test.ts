/** systemResolver against a server on loopback that says what the tests want. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { after, before, test } from "node:test";
import { systemResolver } from "../../core/dns/mod.ts";
import type { DnsAnswer, DnsType, Resolver } from "../../core/mod.ts";
import { type FakeDnsServer, nameBytes, startFakeDns, stringBytes, TYPES } from "./fake-dns-server.ts";

const u16 = (value: number): Uint8Array => Buffer.of(value >> 8, value & 255);
const record = (type: keyof typeof TYPES, ...data: readonly Uint8Array[]) => ({
  type: TYPES[type],
  data: Buffer.concat(data),
});

let server: FakeDnsServer;
let dns: Resolver;
before(async () => {
  server = await startFakeDns({
    [`addresses.example ${TYPES.A}`]: [
      { ...record("A", Buffer.of(192, 0, 2, 1)), ttl: 120 },
      { ...record("A", Buffer.of(192, 0, 2, 2)), ttl: 30 },
    ],
    [`addresses.example ${TYPES.AAAA}`]: [
      record("AAAA", Buffer.from("20010db8000000000000000000000001", "hex")),
    ],
    [`mail.example ${TYPES.MX}`]: [
      record("MX", u16(20), nameBytes("mx2.mail.example")),
      record("MX", u16(10), nameBytes("MX1.mail.example")),
    ],
    [`null-mx.example ${TYPES.MX}`]: [record("MX", u16(0), nameBytes(""))],
    [`_dmarc.mail.example ${TYPES.TXT}`]: [
      record("TXT", stringBytes("v=DMARC1;"), stringBytes(" p=reject"), stringBytes("; sp=none")),
      record("TXT", stringBytes("Z\xfcrich")),
    ],
    [`long.example ${TYPES.TXT}`]: [
      record("TXT", ...Array.from({ length: 4 }, () => stringBytes("k".repeat(255)))),
    ],
    [`1.2.0.192.in-addr.arpa ${TYPES.PTR}`]: [record("PTR", nameBytes("host.example"))],
    [`alias.example ${TYPES.CNAME}`]: [record("CNAME", nameBytes("target.example"))],
    [`mail.example ${TYPES.NS}`]: [record("NS", nameBytes("ns.mail.example"))],
    [`mail.example ${TYPES.SOA}`]: [
      record(
        "SOA",
        nameBytes("ns.mail.example"),
        nameBytes("root.mail.example"),
        Buffer.from("0000000100000002000000030000000400000005", "hex"),
      ),
    ],
    [`_25._tcp.mx1.mail.example ${TYPES.TLSA}`]: [record("TLSA", Buffer.of(3, 1, 1, 0xde, 0xad, 0x0b))],
    [`_dmarc.xn--zrich-kva.example ${TYPES.TXT}`]: [record("TXT", stringBytes("v=DMARC1"))],
    "empty.example": [],
    [`alias.example ${TYPES.A}`]: [record("CNAME", nameBytes("target.example"))],
    "failing.example": "servfail",
    "refusing.example": "refused",
    "silent.example": "silent",
    "garbled.example": "garbage",
  });
  dns = systemResolver({ servers: [server.address], tryMs: 100, triesMax: 1 });
});
after(() => server.close());

interface Case {
  readonly name: string;
  readonly input: readonly [name: string, type: DnsType];
  readonly want: readonly string[] | DnsAnswer["status"];
}

const CASES: readonly Case[] = [
  { name: "gives all addresses of A", input: ["addresses.example", "A"], want: ["192.0.2.1", "192.0.2.2"] },
  {
    name: "takes a name with its final dot",
    input: ["addresses.example.", "A"],
    want: ["192.0.2.1", "192.0.2.2"],
  },
  { name: "asks for U-labels as A-labels", input: ["_dmarc.zürich.example", "TXT"], want: ["v=DMARC1"] },
  { name: "gives AAAA", input: ["addresses.example", "AAAA"], want: ["2001:db8::1"] },
  {
    name: "gives MX as a zone file has it",
    input: ["mail.example", "MX"],
    want: ["20 mx2.mail.example.", "10 MX1.mail.example."],
  },
  { name: "gives the root for a null MX (RFC 7505)", input: ["null-mx.example", "MX"], want: ["0 ."] },
  {
    name: "joins the strings of TXT without spaces, an octet a character",
    input: ["_dmarc.mail.example", "TXT"],
    want: ["v=DMARC1; p=reject; sp=none", "Z\xfcrich"],
  },
  { name: "joins strings of 255 octets", input: ["long.example", "TXT"], want: ["k".repeat(4 * 255)] },
  { name: "gives PTR", input: ["1.2.0.192.in-addr.arpa", "PTR"], want: ["host.example."] },
  { name: "gives CNAME", input: ["alias.example", "CNAME"], want: ["target.example."] },
  { name: "gives NS", input: ["mail.example", "NS"], want: ["ns.mail.example."] },
  {
    name: "gives SOA",
    input: ["mail.example", "SOA"],
    want: ["ns.mail.example. root.mail.example. 1 2 3 4 5"],
  },
  {
    name: "gives TLSA with its data in hex",
    input: ["_25._tcp.mx1.mail.example", "TLSA"],
    want: ["3 1 1 dead0b"],
  },
  { name: "says nxdomain where there is no such name", input: ["none.example", "A"], want: "nxdomain" },
  { name: "says nxdomain for every type of such a name", input: ["none.example", "TXT"], want: "nxdomain" },
  { name: "says nodata where the name has no such records", input: ["empty.example", "MX"], want: "nodata" },
  {
    name: "says nodata where an alias leads to no such record",
    input: ["alias.example", "A"],
    want: "nodata",
  },
  { name: "says servfail where the server fails", input: ["failing.example", "A"], want: "servfail" },
  { name: "says servfail where the server refuses", input: ["refusing.example", "TXT"], want: "servfail" },
  { name: "says timeout where the server is silent", input: ["silent.example", "MX"], want: "timeout" },
  { name: "does not take half an answer for none", input: ["garbled.example", "A"], want: "servfail" },
];
for (const { name, input, want } of CASES) {
  test(`systemResolver ${name}`, async () => {
    const answer = await dns.resolve(...input);
    assert.deepEqual(answer.status === "found" ? answer.records : answer.status, want);
  });
}

test("systemResolver gives the least TTL of addresses, and 60 s for what Node tells none of", async () => {
  const ttlOf = async (name: string, type: DnsType) => {
    const answer = await dns.resolve(name, type);
    return answer.status === "found" ? answer.ttlSeconds : answer.status;
  };
  assert.equal(await ttlOf("addresses.example", "A"), 30);
  assert.equal(await ttlOf("mail.example", "MX"), 60);
  assert.equal(await ttlOf("mail.example", "SOA"), 60);
});

test("systemResolver says nxdomain for what is no name, and asks nobody", async () => {
  const names = [
    "",
    ".",
    "a..example",
    ".example",
    "a b.example",
    "a\u200bb.example",
    `${"a".repeat(64)}.example`,
  ];
  const long = `${"a.".repeat(127)}example`;
  const before = server.questions.length;
  for (const name of [...names, long]) {
    assert.deepEqual(await dns.resolve(name, "A"), { status: "nxdomain" }, name);
  }
  assert.equal(server.questions.length, before);
});

test("systemResolver says servfail where no server can be reached", async () => {
  const gone = await startFakeDns({});
  await gone.close();
  const nobody = systemResolver({ servers: [gone.address], tryMs: 100, triesMax: 1 });
  assert.deepEqual(await nobody.resolve("mail.example", "MX"), { status: "servfail" });
});

test("systemResolver asks the next server when one is silent", async () => {
  const mute = await startFakeDns({ "addresses.example": "silent" });
  try {
    const both = systemResolver({ servers: [mute.address, server.address], tryMs: 100, triesMax: 1 });
    assert.equal((await both.resolve("addresses.example", "A")).status, "found");
    assert.deepEqual(mute.questions, [`addresses.example ${TYPES.A}`]);
  } finally {
    await mute.close();
  }
});

test("systemResolver rejects with the signal's reason when it is aborted, before or during a look-up", async () => {
  const reason = new Error("the message is over its deadline");
  const before = server.questions.length;
  await assert.rejects(dns.resolve("mail.example", "MX", AbortSignal.abort(reason)), reason);
  assert.equal(server.questions.length, before);

  const patient = systemResolver({ servers: [server.address], tryMs: 250, triesMax: 1 });
  const controller = new AbortController();
  const look = patient.resolve("silent.example", "A", controller.signal);
  controller.abort(reason);
  await assert.rejects(look, reason);
  assert.equal(getEventListeners(controller.signal, "abort").length, 0);
});

test("systemResolver leaves no listener on the signal of a look-up that ended", async () => {
  const controller = new AbortController();
  for (const name of ["addresses.example", "failing.example", "none.example"]) {
    await dns.resolve(name, "A", controller.signal);
  }
  assert.equal(getEventListeners(controller.signal, "abort").length, 0);
});

test("systemResolver does not start with a server that is no address", () => {
  assert.throws(() => systemResolver({ servers: ["ns.example"] }), TypeError);
});
