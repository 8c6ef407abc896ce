/** `arc` and DNS: which names are asked for, how many, and what follows where there is no answer. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { defineGateway, mailbox, parseHeaderSection, pipeline, type Resolver } from "postern";
import { createTestGateway } from "postern/testing";
import { webCrypto } from "../../../../core/gateway/mod.ts";
import { arc } from "../../../../plugins/auth/arc/arc.ts";
import { dkim } from "../../../../plugins/auth/dkim/dkim.ts";
import { hastyClock, runHook, toBackend } from "../../fakes.ts";
import { CLOCK, RECORDS, type Signatures, signed, zoneOf } from "../dkim/dkim-bed.ts";
import { type ArcValue, chainOf, type Hop, KEYS, LETTER, textOf, validated } from "./arc-bed.ts";

/** Answers from a zone and writes down what it was asked; a name in `broken` has no answer. */
function heard(broken: readonly string[] = [], status: "servfail" | "timeout" = "servfail") {
  const asked: string[] = [];
  const zone = zoneOf({ ...KEYS, ...RECORDS });
  const dns: Resolver = {
    resolve: async (name, type) => {
      asked.push(`${name} ${type}`);
      return broken.includes(name) ? { status } : await zone.resolve(name, type);
    },
  };
  return { dns, asked };
}

const keyOf = (domain: string) => `s1._domainkey.${domain}`;

for (const status of ["servfail", "timeout"] as const) {
  for (const [name, broken, message, want] of [
    [
      "the newest key",
      keyOf("two.example"),
      chainOf({}, {}),
      "the message signature of i=2: DNS has no answer",
    ],
    ["an older key", keyOf("one.example"), chainOf({}, {}), "the seal of i=1: DNS has no answer"],
  ] as const) {
    test(`arc tells temperror, and never fail, of ${name} that DNS answers with ${status}`, async () => {
      const found = await validated(message, heard([broken], status).dns);
      assert.equal(found.result, "temperror", found.reason);
      assert.ok(found.reason.startsWith(want), found.reason);
      assert.equal(found.sealer, "two.example");
    });
  }
}

test("arc passes a chain whose older message signature can not be checked now", async () => {
  const found = await validated(
    chainOf({ ams: { d: "slow.example" } }, {}),
    heard([keyOf("slow.example")]).dns,
  );
  assert.deepEqual([found.result, found.oldestPass], ["pass", 2]);
});

test("arc asks for each key once, the newest first", async () => {
  const { dns, asked } = heard();
  const { result } = await validated(chainOf({}, {}, { domain: "one.example" }), dns);
  assert.equal(result, "pass");
  assert.deepEqual(asked, [`${keyOf("one.example")} TXT`, `${keyOf("two.example")} TXT`]);
});

test("arc asks no more than one domain that did not seal, of fifty that somebody names (RFC 8617 9.2)", async () => {
  const victims = Array.from({ length: 49 }, (_, n): Hop => ({ domain: `victim${n}.example` }));
  const { dns, asked } = heard();
  const { result, reason } = await validated(chainOf(...victims, { domain: "one.example" }), dns);
  assert.equal(result, "fail");
  assert.equal(reason, "the seal of i=49: DNS has no key");
  assert.deepEqual(asked, [`${keyOf("one.example")} TXT`, `${keyOf("victim48.example")} TXT`]);
});

test("arc asks for nothing where the body was changed, the structure is wrong, or there is no chain", async () => {
  const dns: Resolver = { resolve: () => assert.fail("it asked") };
  const two = chainOf({}, {});
  for (const [message, want] of [
    [`${two}!\r\n`, "fail"],
    [two.replace("i=1;", "i=2;"), "fail"],
    [chainOf({ seal: { cv: "fail" } }), "fail"],
    [textOf(LETTER), "none"],
  ] as const)
    assert.equal((await validated(message, dns)).result, want);
});

test("arc tells temperror where DNS never answers, and the message goes on", async () => {
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(arc(), toBackend),
      nextHops: { backend: mailbox() },
    }),
    { dns: { resolve: (_name, _type, signal) => untilAborted(signal) }, clock: hastyClock() },
  );
  const { facts, reply } = await gateway.inject({
    reversePath: "",
    recipients: ["b@inside.example"],
    content: chainOf({}),
  });
  assert.equal(reply.code, 250);
  assert.equal((facts.arc as ArcValue).result, "temperror");
});

test("arc takes the digest of the body that dkim has made, and reads no body", async () => {
  assert.deepEqual(arc().definition.digests, dkim().definition.digests);
  const text = Buffer.from(chainOf({}, {}), "latin1");
  const asked: string[] = [];
  let found: ArcValue | undefined;
  await runHook(arc(), "data", {
    ...{ dns: zoneOf(KEYS), crypto: webCrypto, clock: CLOCK, signal: new AbortController().signal },
    original: {
      header: parseHeaderSection(text),
      content: { size: text.length, read: () => assert.fail("it read the body") },
      bodyDigest: async (form: string, hash: string) => {
        asked.push(`${form} ${hash}`);
        return createHash("sha256").update(LETTER.body).digest();
      },
    },
    provide: (_fact: unknown, value: ArcValue) => {
      found = value;
    },
  });
  assert.equal(found?.result, "pass", found?.reason);
  // For each of the two message signatures; the engine keeps it.
  assert.deepEqual(asked, ["relaxed sha256", "relaxed sha256"]);
});

test("arc asks for a key that dkim has asked for no other way", async () => {
  const { dns, asked } = heard();
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(dkim(), arc(), toBackend),
      nextHops: { backend: mailbox() },
    }),
    { dns, clock: CLOCK },
  );
  const [dkimField = ""] = signed(LETTER.fields, LETTER.body).split(/\r\n(?![ \t])/);
  const { facts } = await gateway.inject({
    reversePath: "",
    recipients: ["b@inside.example"],
    content: `${dkimField}\r\n${chainOf({ domain: "sender.example" })}`,
  });
  assert.equal((facts.arc as ArcValue).result, "pass");
  assert.equal((facts.dkim as Signatures).signatures[0]?.result, "pass");
  assert.deepEqual([...new Set(asked)], [`${keyOf("sender.example")} TXT`]);
});

const untilAborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
