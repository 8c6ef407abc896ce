/** Verdicts of the right kind that are not whole, or not fit. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, runHook, type Stage } from "postern";
import { benchFor, slotOf } from "./fakes.ts";

const SCRAM = { mechanism: "SCRAM-SHA-256", user: "u", password: "" };
const KEYS = {
  ...{ salt: new Uint8Array(16), iterations: 4096 },
  ...{ storedKey: new Uint8Array(32), serverKey: new Uint8Array(32) },
};

describe("verdicts that a stage has, in a wrong form", () => {
  const cases: readonly {
    name: string;
    stage: Stage;
    attempt?: object;
    verdict: object;
    want: RegExp;
  }[] = [
    {
      name: "reject without a code",
      stage: "data",
      verdict: { verdict: "reject", text: "x" },
      want: /class 5$/,
    },
    {
      name: "reject with a code of class 4",
      stage: "mail",
      verdict: { verdict: "reject", enhanced: "4.7.1", text: "x" },
      want: /class 5$/,
    },
    {
      name: "reject with a code of class 2",
      stage: "rcpt",
      verdict: { verdict: "reject", enhanced: "2.0.0", text: "x" },
      want: /class 5$/,
    },
    {
      name: "reject with more than a code",
      stage: "rcpt",
      verdict: { verdict: "reject", enhanced: "5.7.1\r\n250 2.0.0", text: "x" },
      want: /class 5$/,
    },
    {
      name: "disconnect of class 5",
      stage: "connect",
      verdict: { verdict: "disconnect", enhanced: "5.7.1", text: "x" },
      want: /class 4$/,
    },
    {
      name: "discard without a reason",
      stage: "mail",
      verdict: { verdict: "discard" },
      want: /without a reason$/,
    },
    {
      name: "quarantine without a reason",
      stage: "data",
      verdict: { verdict: "quarantine", reason: {} },
      want: /without a reason$/,
    },
    {
      name: "identify without anybody",
      stage: "auth",
      verdict: { verdict: "identify" },
      want: /without a user$/,
    },
    {
      name: "identify with an empty user",
      stage: "auth",
      verdict: { verdict: "identify", identity: { user: "" } },
      want: /without a user$/,
    },
    {
      name: "identify with a text as maySendAs",
      stage: "auth",
      verdict: { verdict: "identify", identity: { user: "u", maySendAs: "@example.com" } },
      want: /'maySendAs' that is no list/,
    },
    {
      name: "identify with a number in maySendAs",
      stage: "auth",
      verdict: { verdict: "identify", identity: { user: "u", maySendAs: ["@example.com", 7] } },
      want: /'maySendAs' that is no list/,
    },
    {
      name: "identify where SCRAM has proved nothing yet",
      stage: "auth",
      attempt: SCRAM,
      verdict: { verdict: "identify", identity: { user: "u" } },
      want: /^returned identify for SCRAM, .*: return identifyByProof\(keys, identity\)$/,
    },
    {
      name: "identifyByProof where the password is there",
      stage: "auth",
      verdict: { verdict: "identifyByProof", keys: KEYS, identity: { user: "u" } },
      want: /^returned identifyByProof for a mechanism that sends the password: check it/,
    },
    {
      name: "identifyByProof without keys",
      stage: "auth",
      attempt: SCRAM,
      verdict: { verdict: "identifyByProof", identity: { user: "u" } },
      want: /^returned identifyByProof without keys: make them of their text by parseScramKeys\(\)/,
    },
    {
      name: "identifyByProof with the text of keys",
      stage: "auth",
      attempt: SCRAM,
      verdict: { verdict: "identifyByProof", keys: "SCRAM-SHA-256$4096:...", identity: { user: "u" } },
      want: /without keys/,
    },
    {
      name: "identifyByProof with so many iterations that clients hang",
      stage: "auth",
      attempt: SCRAM,
      verdict: { verdict: "identifyByProof", keys: { ...KEYS, iterations: 1e9 }, identity: { user: "u" } },
      want: /without keys/,
    },
    {
      name: "identifyByProof without anybody",
      stage: "auth",
      attempt: SCRAM,
      verdict: { verdict: "identifyByProof", keys: KEYS },
      want: /^returned identifyByProof without a user$/,
    },
    {
      name: "routeTo without a next hop",
      stage: "route",
      verdict: { verdict: "routeTo" },
      want: /without the name of a next hop$/,
    },
    {
      name: "routeTo in another mode",
      stage: "route",
      verdict: { verdict: "routeTo", nextHop: "b", mode: "later" },
      want: /neither inline nor queue$/,
    },
    {
      name: "routeTo at no time",
      stage: "route",
      verdict: { verdict: "routeTo", nextHop: "b", deliverAt: "tomorrow" },
      want: /no time in epoch milliseconds$/,
    },
    {
      name: "routeTo with a word for requireTls",
      stage: "route",
      verdict: { verdict: "routeTo", nextHop: "b", requireTls: "no" },
      want: /neither true nor false$/,
    },
    {
      name: "forRecipients without marks",
      stage: "data",
      verdict: { verdict: "forRecipients" },
      want: /without a list of marks$/,
    },
    {
      name: "forRecipients with an empty mark",
      stage: "data",
      verdict: { verdict: "forRecipients", marks: [undefined] },
      want: /not among its recipients$/,
    },
    {
      name: "forRecipients about a stranger",
      stage: "data",
      verdict: {
        verdict: "forRecipients",
        marks: [{ recipient: {}, verdict: { verdict: "discard", reason: "r" } }],
      },
      want: /not among its recipients$/,
    },
  ];
  for (const { name, stage, attempt, verdict, want } of cases) {
    it(`runHook() takes ${name} as a fault`, async () => {
      const bench = benchFor(stage, attempt ? { more: { own: { attempt } } } : {});
      const plugin = definePlugin({
        name: "odd",
        routes: true,
        route: () => undefined,
        [stage]: () => verdict,
      } as Parameters<typeof definePlugin>[0]);
      const outcome = await runHook(slotOf(plugin), stage, bench.subject);
      assert.match(outcome.fault ?? "no fault", want);
      assert.equal(outcome.verdict?.verdict, "tempfail");
    });
  }

  it("runHook() takes a recipient that is marked twice, or with another stage's verdict, as a fault", async () => {
    const mark = (verdict: unknown) => ({ verdict: "forRecipients", marks: verdict });
    const discarded = { verdict: "discard", reason: "r" };
    const bench = benchFor("data");
    const [bob] = bench.recipients;
    for (const [marks, want] of [
      [[bob, bob].map((recipient) => ({ recipient, verdict: discarded })), /twice/],
      [[{ recipient: bob, verdict: { verdict: "routeTo", nextHop: "b" } }], /something else than reject, /],
      [[{ recipient: bob, verdict: mark([]) }], /something else than reject, /],
      [[{ recipient: bob, verdict: undefined }], /something else than reject, /],
      [[{ recipient: bob, verdict: { verdict: "reject", enhanced: "4.0.0", text: "" } }], /class 5$/],
    ] as const) {
      const plugin = definePlugin({ name: "odd", data: () => mark(marks) as never });
      assert.match((await runHook(slotOf(plugin), "data", bench.subject)).fault ?? "no fault", want);
    }
  });
});
