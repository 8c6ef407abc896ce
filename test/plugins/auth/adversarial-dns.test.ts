/** Hostile answers of DNS to a message that is right: what each method says, and how often DNS was asked at most. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Zone } from "../../../core/dns/mod.ts";
import { systemResolver } from "../../../core/store/mod.ts";
import { nameBytes, startFakeDns, TYPES } from "../../dns/fake-dns-server.ts";
import { replyText } from "../fakes.ts";
import { adversary, ZONE } from "./adversarial-bed.ts";
import { latin1, NAME, publicKey, RSA, signed } from "./dkim/dkim-bed.ts";

const RIGHT = latin1(signed(["From: a@sender.example", "Subject: x"], "Hello\r\n"));
const KEY = `v=DKIM1; k=rsa; p=${publicKey(RSA)}`;
const POLICY = "_dmarc.sender.example";
const SPF = "evil.example";
const txt = (name: string, ...records: readonly string[]): Zone => ({ [name]: { TXT: records } });
/** With what stands before and behind it, 64 KB. */
const filled = (text: string, begin: string, end = ""): string =>
  begin + text.repeat(Math.floor((65_535 - begin.length - end.length) / text.length)) + end;
const hosts = (count: number, under: string): readonly string[] =>
  Array.from({ length: count }, (_, n) => `h${n}.${under}`);
const FOUND = { A: ["198.51.100.1"] };

const CASES: readonly {
  readonly name: string;
  readonly zone: Zone;
  /** Of spf, dkim and dmarc; as they are without it where absent. */
  readonly want?: Partial<Record<"spf" | "dkim" | "dmarc", string>>;
  /** Questions at most; seven without any attack. */
  readonly asks?: number;
  readonly verified?: number;
}[] = [
  { name: "none of them", zone: {} },
  {
    name: "an SPF record of 64 KB that does not match",
    zone: txt(SPF, filled("ip4:198.51.100.1 ", "v=spf1 ", "-all")),
    want: { spf: "fail" },
  },
  {
    name: "an SPF record of 64 KB that matches at its end",
    zone: txt(SPF, filled("ip4:198.51.100.1 ", "v=spf1 ", "ip4:192.0.2.1 -all")),
  },
  {
    name: "an SPF record of 64 KB of terms that ask DNS",
    zone: { ...txt(SPF, filled("a:h.evil.example ", "v=spf1 ", "-all")), "h.evil.example": FOUND },
    want: { spf: "permerror" },
    asks: 16,
  },
  {
    name: "an SPF record of 64 KB of names that are not there",
    zone: txt(SPF, filled("exists:x.evil.example ", "v=spf1 ", "-all")),
    want: { spf: "permerror" },
    asks: 9,
  },
  {
    name: "an SPF record of 64 KB of macros in one name",
    zone: txt(SPF, filled("%{l1r-}.", "v=spf1 exists:", "x.example -all")),
    want: { spf: "fail" },
  },
  {
    name: "an SPF record of 64 KB of letters",
    zone: txt(SPF, filled("x", "v=spf1 ")),
    want: { spf: "permerror" },
  },
  {
    name: "a thousand SPF records",
    zone: txt(SPF, ...Array<string>(1_000).fill("v=spf1 +all")),
    want: { spf: "permerror" },
  },
  {
    name: "an SPF record that includes itself",
    zone: txt(SPF, "v=spf1 include:evil.example -all"),
    want: { spf: "permerror" },
    asks: 16,
  },
  {
    name: "an SPF record that redirects to itself",
    zone: txt(SPF, "v=spf1 redirect=evil.example"),
    want: { spf: "permerror" },
    asks: 16,
  },
  {
    name: "SPF records that include each other many times",
    zone: {
      ...txt(SPF, `v=spf1 ${"include:b.example ".repeat(20)} -all`),
      ...txt("b.example", `v=spf1 ${"include:evil.example ".repeat(20)} ?all`),
    },
    want: { spf: "permerror" },
    asks: 16,
  },
  {
    name: "an SPF record of ten mx of ten hosts each, the dearest that there may be",
    zone: {
      ...txt(
        SPF,
        `v=spf1 ${hosts(10, "mx.example")
          .map((host) => `mx:${host}`)
          .join(" ")} -all`,
      ),
      ...Object.fromEntries(
        hosts(10, "mx.example").map((host) => [host, { MX: hosts(10, host).map((one) => `10 ${one}`) }]),
      ),
      ...Object.fromEntries(
        hosts(10, "mx.example")
          .flatMap((host) => hosts(10, host))
          .map((one) => [one, FOUND]),
      ),
    },
    want: { spf: "fail" },
    asks: 7 + 10 + 100,
  },
  {
    name: "an SPF record with an mx of a thousand hosts",
    zone: {
      ...txt(SPF, "v=spf1 mx:mx.example -all"),
      "mx.example": { MX: hosts(1_000, "mx.example").map((host) => `10 ${host}`) },
    },
    want: { spf: "permerror" },
    asks: 8,
  },
  {
    name: "a client with a thousand names, in SPF and iprev",
    zone: {
      ...txt(SPF, "v=spf1 ptr -all"),
      "1.2.0.192.in-addr.arpa": { PTR: hosts(1_000, "evil.example") },
    },
    want: { spf: "fail" },
    asks: 7 + 1 + 10 + 10,
  },
  {
    name: "a key record of 64 KB of key",
    zone: txt(NAME, filled("A", "v=DKIM1; p=")),
    want: { dkim: "permerror", dmarc: "fail" },
    verified: 0,
  },
  {
    name: "a key record of 64 KB of notes",
    zone: txt(NAME, filled("x", "v=DKIM1; n=", `; ${KEY.slice(9)}`)),
  },
  {
    name: "a key record of 64 KB of tags",
    zone: txt(NAME, filled("a=;", "v=DKIM1; ", KEY.slice(8))),
    want: { dkim: "permerror", dmarc: "fail" },
    verified: 0,
  },
  {
    name: "a thousand key records",
    zone: txt(NAME, ...Array<string>(1_000).fill(KEY)),
    want: { dkim: "permerror", dmarc: "fail" },
    verified: 0,
  },
  { name: "a DMARC record of 64 KB of rubbish", zone: txt(POLICY, filled("x", "v=DMARC1; p=reject; ")) },
  { name: "a DMARC record of 64 KB of semicolons", zone: txt(POLICY, filled(";", "v=DMARC1; p=reject")) },
  {
    name: "a DMARC record of 64 KB of addresses for reports",
    zone: txt(POLICY, filled("mailto:,", "v=DMARC1; p=reject; rua=")),
  },
  {
    name: "a thousand DMARC records",
    zone: txt(POLICY, ...Array<string>(1_000).fill("v=DMARC1; p=reject")),
    want: { dmarc: "none" },
  },
];

/** Whose SPF is asked for passes; so does the signature, which is aligned. */
const RESULTS = { spf: "pass", dkim: "pass", dmarc: "pass" };

describe("answers of DNS that mean harm", () => {
  for (const { name, zone, want = {}, asks = 7, verified = 1 } of CASES) {
    const wanted = { ...RESULTS, ...want };
    it(`spf, dkim and dmarc: ${name}: ${Object.values(wanted).join(", ")}, after ${asks} questions at most`, async () => {
      const send = await adversary({ ...ZONE, ...zone });
      const met = await send(RIGHT);
      assert.deepEqual(
        { spf: met.spf.result, dkim: met.dkim.signatures[0]?.result, dmarc: met.dmarc.result },
        wanted,
        `${met.spf.reason}; ${met.dkim.signatures[0]?.reason}; ${met.dmarc.reason}`,
      );
      assert.equal(met.verified, verified);
      assert.ok(met.queries.length <= asks, `${met.queries.length} questions`);
      assert.equal(met.outcome.reply.code, wanted.dmarc === "fail" ? 550 : 250);
      if (met.outcome.reply.code === 250) assert.match(met.results ?? "", /; spf=.*; dkim=.*; dmarc=/);
    });
  }

  it("spf, dkim and dmarc: CNAMEs in a circle are records that are not there, and are not followed", async () => {
    const circle = (name: string) => [
      { type: TYPES.CNAME, data: nameBytes(`other.${name}`) },
      { type: TYPES.CNAME, owner: `other.${name}`, data: nameBytes(name) },
    ];
    const names = [SPF, NAME, POLICY];
    const server = await startFakeDns(Object.fromEntries(names.map((name) => [name, circle(name)])));
    try {
      const send = await adversary(systemResolver({ servers: [server.address] }));
      const met = await send(RIGHT);
      assert.equal(replyText(met.outcome), "250 2.0.0 Message accepted");
      assert.deepEqual(
        [met.spf.result, met.dkim.signatures[0]?.result, met.dmarc.result],
        ["none", "permerror", "none"],
      );
      for (const name of names)
        assert.equal(server.questions.filter((one) => one === `${name} ${TYPES.TXT}`).length, 1, name);
      assert.ok(met.queries.length <= 7, met.queries.join("\n"));
    } finally {
      await server.close();
    }
  });

  it("spf, dkim and dmarc: CNAMEs in a circle that a server gives up on are temporary errors, and the mail is put off", async () => {
    const failing = Object.fromEntries(
      [SPF, NAME, POLICY].map((name) => [name, { TXT: "servfail" } as const]),
    );
    const met = await (await adversary({ ...ZONE, ...failing }))(RIGHT);
    assert.equal(met.outcome.reply.code, 451);
    assert.deepEqual(
      [met.spf.result, met.dkim.signatures[0]?.result, met.dmarc.result],
      ["temperror", "temperror", "temperror"],
    );
    assert.ok(met.queries.length <= 7, met.queries.join("\n"));
  });
});
