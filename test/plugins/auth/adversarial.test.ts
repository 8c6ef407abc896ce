/**
 * Hostile and odd mail through the whole pipeline of trust, iprev, spf, dkim, arc, dmarc and authenticationResults: what
 * comes of it, and how much work it makes, in questions to DNS and in signatures verified. Hostile answers of DNS are in
 * adversarial-dns.test.ts; how time grows with size, in adversarial-time.test.ts.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pipeline } from "postern";
import type { Zone } from "../../../core/dns/mod.ts";
import { smtpAuth } from "../../../plugins/mod.ts";
import { gatewayOf, replyText, toBackend } from "../fakes.ts";
import { adversary, type BedOptions, type Met, OUR_ID, ZONE } from "./adversarial-bed.ts";
import { latin1, publicKey, RSA, signed } from "./dkim/dkim-bed.ts";

const send = await adversary();
const octets = (text: string): Uint8Array =>
  /[^\0-\xff]/.test(text) ? Buffer.from(text, "utf8") : latin1(text);

const EVIL = "a@evil.example";
const VICTIM = "ceo@victim.example";
const FORGED = `${OUR_ID}; dmarc=pass header.from=victim.example`;
const MALFORMED = "550 5.6.0 An Authentication-Results field is malformed";

describe("a forged Authentication-Results field", () => {
  const b64 = Buffer.from(OUR_ID).toString("base64");
  for (const [name, field, want] of [
    ["by our name", `Authentication-Results: ${FORGED}`, "goes"],
    ["in other letter case", `AUTHENTICATION-RESULTS: ${FORGED.toUpperCase()}`, "goes"],
    ["with a space before the colon", `Authentication-Results : ${FORGED}`, "goes"],
    ["with a no-break space before it", `Authentication-Results\xa0: ${FORGED}`, "goes"],
    ["with a soft hyphen in its name", `Authentication\xad-Results: ${FORGED}`, "goes"],
    ["with a fold behind the colon", `Authentication-Results:\r\n\t${FORGED}`, "goes"],
    ["with a version", `Authentication-Results: ${FORGED.replace(";", " 1;")}`, "goes"],
    ["with a comment before our name", `Authentication-Results: (a (b) \\) c) ${FORGED}`, "goes"],
    ["with our name in quotes", `Authentication-Results: "${OUR_ID}"; dmarc=pass (victim.example)`, "goes"],
    [
      "with quoted pairs",
      `Authentication-Results: "m\\x.inside.example"; dmarc=pass (victim.example)`,
      "goes",
    ],
    ["with a dot behind our name", `Authentication-Results: ${OUR_ID}.; dmarc=pass (victim.example)`, "goes"],
    [
      "with an encoded word",
      `Authentication-Results: =?utf-8?b?${b64}?=; dmarc=pass (victim.example)`,
      "goes",
    ],
    [
      "with letters of full width",
      `Authentication-Results: \uff4dx.inside.example; (victim.example)`,
      "goes",
    ],
    ["with a zero width space", `Authentication-Results: mx.\u200binside.example; (victim.example)`, "goes"],
    ["by no name at all", "Authentication-Results: dmarc=pass header.from=victim.example", "goes"],
    ["with a comment that does not end", "Authentication-Results: (victim.example", "goes"],
    ["two hundred times", `Authentication-Results: ${FORGED}\r\n`.repeat(200).trimEnd(), "goes"],
    ["whose colon stands in the next line", `Authentication-Results\r\n : ${FORGED}`, MALFORMED],
    ["with a control before the colon", `Authentication-Results\x0b: ${FORGED}`, MALFORMED],
    ["with a NUL in its name", `Authentication\0-Results: ${FORGED}`, MALFORMED],
    ["behind a bare CR in another field", `Subject: x\rAuthentication-Results: ${FORGED}`, MALFORMED],
    [
      "more than two hundred times",
      "Authentication-Results: x\r\n".repeat(201).trimEnd(),
      "550 5.6.0 Too many Authentication-Results fields",
    ],
    ["of another server", "Authentication-Results: mx.other.example; dmarc=pass", "stays"],
    ["of another kind", `ARC-Authentication-Results: i=1; ${FORGED}`, "stays"],
    ["in the name of a field of somebody's own", `X-Authentication-Results: ${FORGED}`, "stays"],
  ] as const) {
    it(`authenticationResults: one ${name} ${want.slice(0, 5)}`, async () => {
      const met = await send(octets(`${field}\r\nFrom: ${EVIL}\r\n\r\nHi\r\n`));
      if (want !== "goes" && want !== "stays") return assert.equal(replyText(met.outcome), want);
      assert.equal(met.outcome.reply.code, 250);
      const header = met.fields.join("\r\n");
      assert.equal(header.includes(field), want === "stays");
      if (want === "goes") assert.ok(!header.toLowerCase().includes("victim"), header);
      // What we found stands on top of all.
      assert.equal(met.fields[0]?.replace(/\r\n/g, ""), met.results);
      assert.match(met.results ?? "", /; dmarc=pass header\.from=evil\.example/);
      return assert.deepEqual(met.queries.length, 4);
    });
  }
});

const UNUSABLE = "550 5.7.1 The From field must be one, with addresses of one domain";
const REJECTED = "550 5.7.1 Rejected by the DMARC policy for victim.example";
const ACCEPTED = "250 2.0.0 Message accepted";
const evil = { reply: ACCEPTED, result: "pass", from: "evil.example" };
const victim = { reply: REJECTED, result: "fail", from: "victim.example" };
const noHeader = {
  ...{ reply: "550 5.6.0 Message does not begin with a header field", result: undefined, from: undefined },
};
const nobody = { reply: UNUSABLE, result: "permerror", from: "" };

describe("a From field that means to be taken for another's", () => {
  for (const [name, head, want] of [
    ["as it is, passes", `From: ${EVIL}`, evil],
    ["of the victim", `From: ${VICTIM}`, victim],
    ["first, and the victim's second", `From: ${EVIL}\r\nFrom: ${VICTIM}`, nobody],
    ["second, and the victim's first", `From: ${VICTIM}\r\nFrom: ${EVIL}`, nobody],
    ["and one with a space before the colon", `From: ${EVIL}\r\nFrom : ${VICTIM}`, nobody],
    ["and one with a no-break space there", `From: ${EVIL}\r\nFrom\xa0: ${VICTIM}`, nobody],
    ["and one with a soft hyphen in its name", `From: ${EVIL}\r\nFr\xadom: ${VICTIM}`, nobody],
    ["and one whose colon stands in the next line", `From: ${EVIL}\r\nFrom\r\n : ${VICTIM}`, nobody],
    ["and one with a control before it", `From: ${EVIL}\r\n\x0bFrom: ${VICTIM}`, nobody],
    ["and one with a space before it, on top", ` From: ${VICTIM}\r\nFrom: ${EVIL}`, noHeader],
    ["and one behind a bare CR", `Subject: x\rFrom: ${VICTIM}\r\nFrom: ${EVIL}`, nobody],
    ["with a bare CR and a field in it", `From: ${EVIL}\rFrom: ${VICTIM}`, nobody],
    ["with a bare CR between addresses", `From: ${EVIL}\r, ${VICTIM}`, nobody],
    ["with a NUL behind the victim's domain", "From: ceo@victim.example\0.evil.example", nobody],
    ["with a NUL before a second address", `From: ${VICTIM}\0, ${EVIL}`, nobody],
    ["with a NUL at its end", `From: ${EVIL}\0`, nobody],
    ["with addresses of both", `From: ${EVIL}, ${VICTIM}`, nobody],
    ["with a group of both", `From: all: ${EVIL}, ${VICTIM};`, nobody],
    ["with an empty group", "From: all:;", nobody],
    ["with two addresses of its own", `From: X <${EVIL}>, y@EVIL.example`, evil],
    ["with two thousand of its own", `From: ${Array(2_000).fill(EVIL).join(", ")}`, evil],
    ["with two thousand and the victim's", `From: ${Array(2_000).fill(EVIL).join(", ")}, ${VICTIM}`, nobody],
    ["with two addresses in angle brackets", `From: <${VICTIM}> <${EVIL}>`, nobody],
    ["with two and no comma", `From: ${VICTIM} ${EVIL}`, nobody],
    ["with two at signs", "From: a@evil.example@victim.example", nobody],
    ["with its own address as local part", 'From: "a@evil.example"@victim.example', victim],
    ["with no end of its bracket", `From: <${EVIL}`, nobody],
    ["with no end of a comment", `From: ${EVIL} (`, nobody],
    ["with the victim as a name", `From: "${VICTIM}" <${EVIL}>`, evil],
    ["with the victim as a name without quotes", `From: ${VICTIM} <${EVIL}>`, nobody],
    ["with the victim right before its bracket", `From: ${VICTIM}<${EVIL}>`, nobody],
    ["with the victim and a stray bracket before it", `From: ${VICTIM}>> <${EVIL}>`, nobody],
    ["with the victim as the name of a group", `From: ${VICTIM}: ${EVIL};`, nobody],
    ["with the victim in quotes beside brackets", `From: "${VICTIM}" [] <${EVIL}>`, nobody],
    ["with its own address as a name without quotes", `From: x@evil.example <${EVIL}>`, evil],
    ["with the victim in a comment", `From: ${EVIL} (${VICTIM})`, evil],
    ["with the victim as a route", `From: <@victim.example:${EVIL}>`, evil],
    ["with the victim in an encoded name", `From: =?utf-8?q?ceo=40victim.example=3E?= <${EVIL}>`, evil],
    [
      "with an address and brackets in an encoded word",
      `From: =?utf-8?q?<ceo=40victim.example>,?= ${EVIL}`,
      nobody,
    ],
    ["that is an encoded word", "From: =?utf-8?b?Y2VvQHZpY3RpbS5leGFtcGxl?=", nobody],
    ["with a domain that is an encoded word", "From: ceo@=?utf-8?q?victim.example?=", nobody],
    ["with a local part that is one", "From: =?utf-8?q?ceo=40victim.example?=@evil.example", nobody],
    ["with a fold in the domain", "From: ceo@victim.\r\n example", victim],
    ["with spaces around its signs", "From: ceo @ victim . example", victim],
    [
      "with a letter like another",
      "From: ceo@v\u00edctim.example",
      { ...evil, result: "fail", from: "xn--vctim-zsa.example" },
    ],
    ["with letters of full width", "From: ceo@\uff56ictim.example", nobody],
    ["with a zero width space in the domain", "From: ceo@vic\u200btim.example", nobody],
    ["with a no-break space behind it", "From: ceo@victim.example\u00a0\u200b", nobody],
    ["with a byte order mark before it", `From: \ufeff${VICTIM}`, victim],
    [
      "of the victim and its own below",
      "From: ceo@victim.example.evil.example",
      { ...evil, from: "victim.example.evil.example" },
    ],
    ["that is empty", "From:", nobody],
    ["that is not there", "Subject: x", nobody],
    ["at an address", "From: a@[192.0.2.1]", { ...evil, result: "none", from: "[192.0.2.1]" }],
    ["under a Sender of the victim", `Sender: ${VICTIM}\r\nFrom: ${EVIL}`, evil],
  ] as const) {
    it(`dmarc: one ${name}: ${want.result} ${want.from}`, async () => {
      const text = `${head}\r\n\r\nHi\r\n`;
      const isText = /[^\0-\xff]|\u00ed/.test(text);
      const { outcome, dmarc, queries } = await send(isText ? Buffer.from(text) : latin1(text));
      assert.equal(replyText(outcome), want.reply);
      assert.deepEqual([dmarc?.result, dmarc?.headerFrom], [want.result, want.from]);
      assert.ok(queries.length <= 7, queries.join("\n"));
    });
  }

  it("smtpAuth: a user's message with a second one that only some readers see is refused", async () => {
    const user = smtpAuth({ verify: () => ({ user: "ann", maySendAs: [EVIL] }) });
    const inject = await gatewayOf(pipeline(user, toBackend));
    const login = { user: "ann", password: "x" };
    for (const [line, code] of [
      ["Subject: x", 250],
      [`From\xa0: ${VICTIM}`, 550],
      [`From\r\n : ${VICTIM}`, 550],
      [`Subject: x\rFrom: ${VICTIM}`, 550],
    ] as const) {
      const content = latin1(`${line}\r\nFrom: ${EVIL}\r\n\r\nHi\r\n`);
      assert.equal((await inject({ login, reversePath: EVIL, content })).reply.code, code, line);
    }
  });
});

const FROM = "From: a@sender.example";
const RIGHT = signed([FROM, "Subject: x"], "Hello\r\n");
const KEY = `v=DKIM1; k=rsa; p=${publicKey(RSA)}`;
const parted = (message: string) => {
  const at = message.indexOf("\r\nFrom:") + 2;
  return { field: message.slice(0, at), rest: message.slice(at) };
};
const { field: SIGNATURE, rest: REST } = parted(RIGHT);
const JUNK = "DKIM-Signature: v=1; a=rsa-sha256; d=victim.example; s=x; h=from; bh=aaaa; b=bbbb\r\n";

/** Two hundred right ones, each by a key of its own name. */
const EACH_ITS_KEY = Array.from({ length: 200 }, (_, n) =>
  parted(signed([FROM, "Subject: x"], "Hello\r\n", { tags: { s: `k${n}` } })),
);
const THEIR_KEYS: Zone = Object.fromEntries(
  EACH_ITS_KEY.map((_, n) => [`k${n}._domainkey.sender.example`, { TXT: [KEY] }]),
);

describe("two hundred signatures", () => {
  for (const { name, content, options, ...want } of [
    {
      name: "that are one",
      content: SIGNATURE.repeat(200) + REST,
      looked: 10,
      verified: 10,
      keys: 1,
      dmarc: "pass",
    },
    {
      ...{ name: "by two hundred keys", content: EACH_ITS_KEY.map(({ field }) => field).join("") + REST },
      ...{ looked: 10, verified: 10, keys: 10, dmarc: "pass" },
    },
    {
      ...{ name: "by two hundred keys, 50 of them looked at", options: { dkim: { signaturesMax: 50 } } },
      content: EACH_ITS_KEY.map(({ field }) => field).join("") + REST,
      ...{ looked: 50, verified: 50, keys: 50, dmarc: "pass" },
    },
    {
      name: "of rubbish above a right one",
      content: JUNK.repeat(200) + RIGHT,
      looked: 10,
      verified: 0,
      keys: 0,
      dmarc: "fail",
    },
    {
      name: "below a right one",
      content: SIGNATURE + JUNK.repeat(200) + REST,
      looked: 10,
      verified: 1,
      keys: 1,
      dmarc: "pass",
    },
  ] as readonly ({ name: string; content: string; options?: BedOptions } & Record<
    "looked" | "verified" | "keys",
    number
  > & { dmarc: string })[]) {
    it(`dkim looks at ${want.looked} of those ${name}, and tells how many it did not`, async () => {
      const inject = await adversary({ ...ZONE, ...THEIR_KEYS }, options);
      const met = await inject(latin1(content));
      const total = content.split("DKIM-Signature:").length - 1;
      assert.deepEqual(
        [met.dkim.signatures.length, met.dkim.unchecked, met.verified, met.dmarc.result],
        [want.looked, total - want.looked, want.verified, want.dmarc],
      );
      assert.equal(met.queries.filter((query) => query.includes("_domainkey")).length, want.keys);
      if (want.dmarc === "pass")
        assert.match(
          met.results ?? "",
          new RegExp(`${total - want.looked} more signatures were not looked at`),
        );
    });
  }
});

describe("messages that are odd", () => {
  const spaces = " ".repeat(80_000);
  const many = Array.from({ length: 1_000 }, (_, n) => `X-${n}: value`);
  for (const [name, content] of [
    ["1,000 header fields", signed([FROM, "Subject: x", ...many], "Hello\r\n")],
    ["80,000 spaces in a field", RIGHT.replace(FROM, `From:${spaces}a@sender.example`)],
    ["80,000 spaces in a line of the body", signed([FROM], `a${spaces}b\r\n`, { hashedBody: "a b\r\n" })],
    ["NBSP in header and body", signed([FROM, "Subject: \xa0x\xa0"], "\xa0\r\n")],
    ["an empty body", signed([FROM], "", { hashedBody: "" })],
    ["no empty line and no body", signed([FROM], "", { hashedBody: "" }).slice(0, -2)],
    ["blank lines only", signed([FROM], "\r\n".repeat(1_000), { hashedBody: "" })],
    ["no CRLF at its end", signed([FROM], "Hello", { hashedBody: "Hello\r\n" })],
    ["invalid UTF-8 in header and body", signed([FROM, "Subject: \xff\xfe\xc3"], "\xff\xc3\r\n")],
    ["invalid UTF-8 in the name of From", signed(["From: \xff\xc3 <a@sender.example>"], "x\r\n")],
  ] as const) {
    it(`dkim and dmarc pass one with ${name}, which leaves as it came`, async () => {
      const met: Met = await send(latin1(content));
      assert.deepEqual([met.dkim.signatures[0]?.result, met.dmarc.result], ["pass", "pass"]);
      assert.deepEqual([met.queries.length, met.verified], [6, 1]);
      assert.match(met.results ?? "", /; dkim=pass header\.d=sender\.example.*; dmarc=pass/);
      const sent = Buffer.from(met.outcome.deliveries[0]?.bytes ?? []).toString("latin1");
      assert.ok(sent.endsWith(content) || sent.endsWith(`${content}\r\n`), JSON.stringify(sent.slice(-200)));
    });
  }
});
