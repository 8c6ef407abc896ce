/** What `arc` says of chains that are right and wrong. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Resolver } from "postern";
import { arc } from "../../../../plugins/auth/arc/arc.ts";
import { ARC_BYTES_MAX } from "../../../../plugins/auth/arc/chain.ts";
import { assertOptionError } from "../../fakes.ts";
import { chainOf, KEYS, validated, validator } from "./arc-bed.ts";
import { CASES, two } from "./arc-cases.ts";

for (const [group, cases] of Object.entries(CASES)) {
  describe(`arc, ${group}`, () => {
    for (const { name, message, zone = KEYS, options, want } of cases) {
      const [result, reason = "", oldestPass = 0] = want;
      test(`arc: ${name} is ${result}${reason && `, '${reason}'`}`, async () => {
        const found = await validated(message, zone, options);
        assert.equal(found.result, result, found.reason);
        assert.ok(found.reason.includes(reason), found.reason);
        if (result === "pass") assert.equal(found.reason, "");
        else assert.deepEqual(found.sets, []);
        assert.equal(found.oldestPass, oldestPass);
      });
    }
  });
}

test("arc tells who sealed, the oldest first, and what they say", async () => {
  const from = "header.from=sender.example";
  const found = await validated(
    chainOf(
      { results: `one.example; dmarc=pass (p=none) ${from}; spf=pass smtp.remote-ip=192.0.2.7` },
      { results: `two.example 1; arc=pass; dmarc=fail ${from}` },
    ),
    KEYS,
  );
  assert.deepEqual(found, {
    result: "pass",
    reason: "",
    instance: 2,
    sealer: "two.example",
    oldestPass: 0,
    sets: [
      {
        ...{ sealer: "one.example", selector: "s1" },
        ...{ dmarc: "pass", headerFrom: "sender.example", remoteIp: "192.0.2.7" },
      },
      {
        ...{ sealer: "two.example", selector: "s1" },
        ...{ dmarc: "fail", headerFrom: "sender.example", remoteIp: "" },
      },
    ],
  });
});

test("arc tells whose the newest seal claims to be where the chain is broken", async () => {
  const { result, sealer, instance } = await validated(`${two}!\r\n`, KEYS);
  assert.deepEqual([result, sealer, instance], ["fail", "two.example", 2]);
});

test("arc passes a chain with long runs of blanks in what is signed", async () => {
  const blanks = " ".repeat(80_000);
  const results = `one.example;${blanks}dmarc=pass (${blanks})`;
  const { result, reason } = await validated(chainOf({ results }, {}), KEYS);
  assert.equal(result, "pass", reason);
});

test("arc looks at no more than 150 fields and 512 K octets of them", async () => {
  const dns: Resolver = { resolve: () => assert.fail("it asked") };
  const many = await validated(`${"ARC-Seal: i=1\r\n".repeat(1_000)}${two}`, dns);
  assert.deepEqual([many.result, many.reason], ["fail", "there are more than 50 sets"]);
  const results = `one.example; dmarc=pass (${"x".repeat(ARC_BYTES_MAX)})`;
  const long = await validated(chainOf({ results }), dns);
  assert.deepEqual([long.result, long.reason], ["fail", "its fields are too long"]);
});

test("arc gives some result for any fields, and passes none that nobody sealed", async () => {
  const validate = await validator(KEYS);
  const piece = fc.constantFrom(
    ...[
      "i=1",
      "a=rsa-sha256",
      "d=one.example",
      "s=s1",
      "cv=none",
      "cv=pass",
      "h=from",
      "bh=",
      "b=",
      "b=AAAA",
    ],
    ...[";", "=", " ", "\r\n ", "é", "(", ")", '"', "\\", ":", "t=9", "\u00a0", "i=2", "dmarc=pass"],
  );
  const name = fc.constantFrom(
    "ARC-Seal",
    "ARC-Message-Signature",
    "ARC-Authentication-Results",
    "arc-seal ",
  );
  const field = fc.tuple(name, fc.array(piece, { maxLength: 20 }));
  await fc.assert(
    fc.asyncProperty(fc.array(field, { maxLength: 8 }), async (fields) => {
      const lines = fields.map(([name, pieces]) => `${name}: ${pieces.join("")}x\r\n`).join("");
      const { result } = await validate(`X-First: 1\r\n${lines}From: a@sender.example\r\n\r\nx\r\n`);
      assert.equal(result, fields.length === 0 ? "none" : "fail");
    }),
    { numRuns: 100 },
  );
});

for (const [name, options, want] of [
  [
    "an unknown option",
    { trusted: [] },
    "trusted: found an unknown option, expected one of: rsaBitsMin, dnsTime",
  ],
  [
    "bits below RFC 8301",
    { rsaBitsMin: 512 },
    "rsaBitsMin: found 512, expected a whole number from 1024 to 4096",
  ],
  [
    "a time too long",
    { dnsTime: "1m" },
    "dnsTime: found \"1m\", expected milliseconds, or a time as '3s', from 100ms to 9s",
  ],
] as const) {
  test(`arc tells of ${name}`, () => assertOptionError(() => arc(options as never), [`arc: ${want}`]));
}
