/** Who the client behind an upstream is, by its Received fields: each server's form, what is hostile, how far it walks. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Message, memoryContent, networkMatcher } from "postern";
import { clientOfReceived, trueClientOf, UPSTREAM_FIELDS_MAX } from "../../core/gateway/true-client.ts";
import { octets } from "./engine-bed.ts";

const FORMS = [
  {
    name: "Postfix",
    input: "from mail.example (spike.example [192.0.2.1])\r\n\tby mx.example (Postfix) with ESMTPS id X",
  },
  {
    name: "Postfix with smtpd_client_port_logging",
    input: "from mail.example (spike.example [192.0.2.1]:40000) by mx.example",
  },
  { name: "Postfix without a name", input: "from mail.example (unknown [192.0.2.1]) by mx.example" },
  { name: "Postern", input: "from mail.example ([192.0.2.1])\r\n\tby mx.example (Postern) with ESMTP id X" },
  { name: "Exim with a name", input: "from spike.example ([192.0.2.1] helo=mail.example) by mx.example" },
  {
    name: "Exim with a name and a port",
    input: "from spike.example ([192.0.2.1]:40000 helo=[9.9.9.9]) by mx.example",
  },
  { name: "Exim without a name", input: "from [192.0.2.1] (helo=[9.9.9.9]) by mx.example with esmtp" },
  {
    name: "Exim without a name and with a port",
    input: "from [192.0.2.1]:40000 (port=9 helo=x) by mx.example",
  },
  {
    name: "Sendmail",
    input: "from mail.example (root@spike.example [192.0.2.1] (may be forged)) by mx.example (8.17)",
  },
  { name: "Google", input: "from mail.example (spike.example. [192.0.2.1]) by mx.google.com with ESMTPS" },
  { name: "Exchange", input: "from MAIL.EXAMPLE (192.0.2.1) by MX (10.0.0.1) with Microsoft SMTP Server" },
  { name: "qmail", input: "from unknown (HELO mail.example) (192.0.2.1) by 0 with SMTP" },
  { name: "qmail with an ident", input: "from spike.example (HELO mail) (joe@192.0.2.1) by 0 with SMTP" },
  { name: "a literal after HELO", input: "from unknown (EHLO mail.example) ([192.0.2.1]) by mx.example" },
  { name: "an address for a HELO name", input: "from [9.9.9.9] (spike.example [192.0.2.1]) by mx.example" },
  { name: "no space before the address", input: "FROM mail.example(spike.example[192.0.2.1]) by mx.example" },
  {
    name: "IPv6",
    input: "from mail.example (spike.example [IPv6:2001:DB8:0::1]) by mx.example",
    want: "2001:db8::1",
  },
  { name: "IPv6 without its lead", input: "from a (b [2001:db8::1]) by c", want: "2001:db8::1" },
  { name: "IPv4-mapped IPv6", input: "from a (b [IPv6:::ffff:192.0.2.1]) by c" },
  { name: "folds", input: "from\r\n\ta\r\n (b\r\n\t[192.0.2.1])\r\n\tby c" },
];

const NAMELESS = [
  { name: "mail that began there", input: "by mx.example (Postfix, from userid 0) id X" },
  { name: "no address", input: "from a by b" },
  { name: "a HELO name that looks like an address", input: "from [192.0.2.1] by b" },
  { name: "a HELO name like an address in a comment", input: "from x (helo=[192.0.2.1]) by b" },
  { name: "a HELO name of qmail like an address", input: "from unknown (HELO 192.0.2.1) by b" },
  { name: "an address behind by", input: "from a by b (c [192.0.2.1])" },
  { name: "a comment without an end", input: "from a (b [192.0.2.1] by c" },
  { name: "an address that is none", input: "from a (b [192.0.2.256]) by c" },
  { name: "an address with a zone", input: "from a (b [fe80::1%eth0]) by c" },
  { name: "two addresses in one", input: "from a (b [[192.0.2.1]]) by c" },
  { name: "nothing", input: "" },
  { name: "a word that begins with from", input: "fromage (b [192.0.2.1]) by c" },
];

describe("clientOfReceived", () => {
  for (const { name, input, want = "192.0.2.1" } of FORMS)
    it(`reads the form of ${name}`, () => assert.equal(clientOfReceived(input), want));
  for (const { name, input } of NAMELESS)
    it(`names nobody for ${name}`, () => assert.equal(clientOfReceived(input), undefined));

  it("never throws, and gives addresses only", () => {
    const part = fc.constantFrom(
      "from ",
      "(",
      ")",
      "[",
      "]",
      "\\",
      " ",
      "\r\n\t",
      "192.0.2.1",
      "::",
      "helo=",
      "x@",
    );
    const text = fc.oneof(
      fc.array(part, { maxLength: 40 }).map((parts) => parts.join("")),
      fc.string(),
    );
    fc.assert(
      fc.property(text, (rest) => {
        for (const field of [rest, `from ${rest}`, `from x (${rest}`]) {
          const ip = clientOfReceived(field);
          if (ip !== undefined) assert.match(ip, /^[0-9a-f:.]+$/);
        }
      }),
    );
  });

  it("looks at the begin of a field alone, whatever its length", () => {
    for (const piece of ["(", "\\", " ", "a", "[", "(a", "a ("])
      assert.equal(clientOfReceived(`from ${piece.repeat(500_000)} (b [192.0.2.1])`), undefined);
    assert.equal(clientOfReceived(`from a (b [192.0.2.1])${"(".repeat(500_000)}`), "192.0.2.1");
  });
});

const networks = {
  isUpstream: networkMatcher(["10.0.0.0/8", "2001:db8:1::/48"]),
  trusts: networkMatcher(["10.0.0.0/8", "192.168.0.0/16"]),
};
const TRUSTED = { ip: "10.0.0.1", port: 4000, trusted: true };
const from = (ip: string) => `Received: from a (b [${ip}]) by c; Mon, 1 Jan 2024 00:00:00 +0000\r\n`;

async function walk(fields: readonly string[], peer = TRUSTED, of = networks) {
  const message = await Message.load(memoryContent(octets(`${fields.join("")}Subject: x\r\n\r\n`)));
  return trueClientOf(message.header, peer, of);
}

const WALKS = [
  { name: "the first one outside", fields: ["192.0.2.1", "192.0.2.2"], want: "192.0.2.1" },
  {
    name: "one behind several upstreams",
    fields: ["10.0.0.2", "IPv6:2001:db8:1::9", "192.0.2.1"],
    want: "192.0.2.1",
  },
  { name: "the last upstream where no more fields are", fields: ["10.0.0.2", "10.0.0.3"], want: "10.0.0.3" },
  { name: "the peer where there is none", fields: [], want: "10.0.0.1" },
  {
    name: "the peer for its loopback: it does not walk past it",
    fields: ["127.0.0.1", "192.0.2.1"],
    want: "10.0.0.1",
  },
  { name: "the peer for IPv6 loopback", fields: ["IPv6:::1", "192.0.2.1"], want: "10.0.0.1" },
];

describe("trueClientOf", () => {
  for (const { name, fields, want } of WALKS)
    it(`gives ${name}`, async () => assert.equal((await walk(fields.map(from))).ip, want));

  it("stops at a field that names nobody", async () => {
    const local = "Received: by b (Postfix, from userid 0) id X\r\n";
    assert.equal((await walk([from("10.0.0.2"), local, from("192.0.2.1")])).ip, "10.0.0.2");
  });

  it("walks past loopback where it is listed, as for a content filter that gives mail back", async () => {
    const isUpstream = networkMatcher(["10.0.0.0/8", "127.0.0.0/8"]);
    const fields = [from("127.0.0.1"), from("192.0.2.1")];
    assert.equal((await walk(fields, TRUSTED, { ...networks, isUpstream })).ip, "192.0.2.1");
  });

  it(`reads ${UPSTREAM_FIELDS_MAX} fields at most`, async () => {
    const fields = Array.from({ length: UPSTREAM_FIELDS_MAX }, (_, i) => from(`10.0.1.${i}`));
    const { ip } = await walk([...fields, from("192.0.2.1")]);
    assert.equal(ip, `10.0.1.${UPSTREAM_FIELDS_MAX - 1}`);
  });

  it("says by way of whom, and gives the peer itself where nobody else is named", async () => {
    assert.deepEqual(await walk([from("192.0.2.1")]), {
      ...{ ip: "192.0.2.1", port: 0, trusted: false, via: "10.0.0.1" },
    });
    assert.equal(await walk([]), TRUSTED);
  });

  const TRUST = [
    { peer: true, ip: "192.168.0.1", want: true },
    { peer: true, ip: "192.0.2.1", want: false },
    { peer: false, ip: "192.168.0.1", want: false },
  ];
  for (const { peer, ip, want } of TRUST)
    it(`trusts ${ip} behind a peer that is ${peer ? "" : "not "}trusted: ${want}`, async () =>
      assert.equal((await walk([from(ip)], { ...TRUSTED, trusted: peer })).trusted, want));
});
