import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Clock,
  defineGateway,
  definePlugin,
  isPathFault,
  mailbox,
  parseAddress,
  pipeline,
} from "postern";
import { createTestGateway, type Injection, type Outcome } from "postern/testing";
import { type SrsOptions, srs } from "../../../../plugins/auth/srs/srs.ts";
import {
  assertOptionError,
  faultsOf,
  gatewayOf,
  hastyClock,
  replyText,
  runHook,
  toBackend,
} from "../../fakes.ts";

const DAY = 86_400_000;
const KEYS = ["a secret that only this test knows"];
const OPTIONS: SrsOptions = { domain: "inside.example", keys: KEYS };
const STRANGER = { client: { ip: "203.0.113.9" } };
const OUT = "friend@elsewhere.example";
const content = "From: a@outside.example\nSubject: x\n\nx\n";

/** A clock that stands at noon of a day. */
const atDay = (day: number): Clock => ({ ...hastyClock(), now: () => Date.UTC(2026, 0, 1, 12) + day * DAY });
const sender = (options: Partial<SrsOptions> = {}, clock = atDay(0)) =>
  gatewayOf(pipeline(srs({ ...OPTIONS, ...options }), toBackend), { clock });
const reversePathOf = (outcome: Outcome) => outcome.deliveries[0]?.reversePath;

/** The reverse-path that mail of an address leaves with. */
async function rewritten(reversePath: string, options: Partial<SrsOptions> = {}, clock = atDay(0)) {
  const send = await sender(options, clock);
  const path = reversePathOf(await send({ reversePath, recipients: [OUT], content })) ?? "";
  assert.match(path, /@inside\.example$/);
  return path;
}

const LEAVING: readonly {
  name: string;
  options?: Partial<SrsOptions>;
  reversePath: string;
  recipient: string;
  want: RegExp;
}[] = [
  {
    name: "rewrites a foreign sender's mail that leaves",
    reversePath: "Ann@Outside.example",
    recipient: OUT,
    want: /^SRS0=[A-Za-z0-9+/]{8}=[A-Z2-7]{2}=outside\.example=Ann@inside\.example$/,
  },
  {
    name: "writes domains beyond ASCII in A-labels",
    reversePath: "ann@bücher.example",
    recipient: OUT,
    want: /^SRS0=.{8}=..=xn--bcher-kva\.example=ann@inside\.example$/,
  },
  {
    name: "quotes what must be",
    reversePath: '"a b"@outside.example',
    recipient: OUT,
    want: /^"SRS0=.{8}=..=outside\.example=a b"@inside\.example$/,
  },
  {
    name: "rewrites a foreign SRS0 to an SRS1",
    reversePath: "SRS0=abcd=TT=first.example=ann@second.example",
    recipient: OUT,
    want: /^SRS1=.{8}=second\.example==abcd=TT=first\.example=ann@inside\.example$/,
  },
  {
    name: "leaves mail to domains served here",
    reversePath: "ann@outside.example",
    recipient: "b@inside.example",
    want: /^ann@outside\.example$/,
  },
  { name: "leaves the null reverse-path", reversePath: "", recipient: OUT, want: /^$/ },
  {
    name: "leaves senders of domains served here",
    reversePath: "b@INSIDE.example",
    recipient: OUT,
    want: /^b@INSIDE\.example$/,
  },
  {
    name: "leaves what it has rewritten before",
    reversePath: "SRS0=abcd=TT=first.example=ann@inside.example",
    recipient: OUT,
    want: /^SRS0=abcd=TT=first\.example=ann@inside\.example$/,
  },
  {
    name: "keeps the reverse-path where the rewritten one would be too long",
    reversePath: `${"a".repeat(40)}@outside.example`,
    recipient: OUT,
    want: /^a{40}@outside\.example$/,
  },
  {
    name: "asks 'leaves', and takes its yes",
    options: { leaves: (ctx) => ctx.recipient.forwardPath.localPart === "b" },
    reversePath: "ann@outside.example",
    recipient: "b@inside.example",
    want: /^SRS0=/,
  },
  {
    name: "asks 'leaves', and takes its no",
    options: { leaves: async () => false },
    reversePath: "ann@outside.example",
    recipient: OUT,
    want: /^ann@outside\.example$/,
  },
];
for (const { name, options, reversePath, recipient, want } of LEAVING) {
  test(`srs ${name}`, async () => {
    const send = await sender(options);
    const outcome = await send({ reversePath, recipients: [recipient], content });
    assert.equal(outcome.reply.code, 250);
    assert.match(reversePathOf(outcome) ?? "none", want);
    assert.deepEqual(outcome.deliveries[0]?.recipients, [recipient]);
  });
}

test("srs refuses what can not be rewritten with tooLong: 'reject'", async () => {
  const send = await sender({ tooLong: "reject" });
  const outcome = await send({
    reversePath: `${"a".repeat(40)}@outside.example`,
    recipients: [OUT],
    content,
  });
  assert.equal(replyText(outcome), "550 5.1.7 The sender's address is too long to be rewritten");
});

test("srs rewrites one recipient's copy and leaves another's", async () => {
  // An alias that leaves, beside a mailbox here.
  const alias = definePlugin({
    name: "alias",
    edits: ["envelope"],
    route(ctx) {
      const out = parseAddress(OUT);
      if (isPathFault(out)) throw new TypeError("no address");
      if (ctx.recipient.forwardPath.localPart === "alias") ctx.expandRecipient([out], "alias");
    },
  });
  const { createMemorySpool } = await import("postern/testing");
  const spool = createMemorySpool({ durable: true });
  const send = await gatewayOf(pipeline(alias, srs(OPTIONS), toBackend), { clock: atDay(0), spool });
  const outcome = await send({ recipients: ["alias@inside.example"], content });
  assert.match(reversePathOf(outcome) ?? "none", /^SRS0=/);
  assert.deepEqual(outcome.deliveries[0]?.recipients, [OUT]);
});

/** A stranger's mail to an address; gives where it went, or the refusal. */
async function back(
  address: string,
  options: Partial<SrsOptions> = {},
  { clock = atDay(0), ...injection }: Partial<Injection> & { clock?: Clock } = {},
): Promise<string> {
  const send = await sender(options, clock);
  const outcome = await send({ ...STRANGER, reversePath: "", recipients: [address], content, ...injection });
  return outcome.deliveries[0]?.recipients.join() ?? replyText(outcome);
}

test("srs takes what comes back to whom it stands for, from strangers too", async () => {
  for (const reversePath of [
    "ann@outside.example",
    '"a b"@outside.example',
    "a/b%c!d@outside.example",
    "a=b+c@outside.example",
    "ann@[192.0.2.1]",
    "ann@xn--bcher-kva.example",
    "SRS0=abcd=TT=first.example=ann@second.example",
    "SRS0+abcd=TT=first.example=ann@second.example",
  ]) {
    assert.equal(await back(await rewritten(reversePath)), reversePath);
  }
});

test("srs takes ways back whatever signs of a route the hash has by chance", async () => {
  let slashes = 0;
  for (let day = 0; day < 60; day += 1) {
    const clock = atDay(day);
    const path = await rewritten("ann@outside.example", {}, clock);
    if (/^SRS0=[^=]*\//.test(path)) slashes += 1;
    assert.equal(await back(path, {}, { clock }), "ann@outside.example", path);
  }
  assert.ok(slashes > 0, "no hash had a slash: choose other days");
});

test("srs takes a way back in small letters", async () => {
  const path = await rewritten("Ann@outside.example");
  assert.equal(await back(path.toLowerCase()), "ann@outside.example");
});

const GONE = "550 5.1.1 There is no such address";
test("srs refuses ways back that are forged, of other keys, or too old", async () => {
  const path = await rewritten("ann@outside.example");
  assert.equal(await back(path.replace("=ann@", "=eve@")), GONE);
  assert.equal(await back(path.replace("outside.example", "bank.example")), GONE);
  assert.equal(await back("SRS0=@inside.example"), GONE);
  assert.equal(await back(path, { keys: ["another secret, and a long one"] }), GONE);
  assert.equal(
    await back(path, { keys: ["another secret, and a long one", ...KEYS] }),
    "ann@outside.example",
  );
  assert.equal(await back(path, {}, { clock: atDay(21) }), "ann@outside.example");
  assert.equal(await back(path, {}, { clock: atDay(22) }), "550 5.7.1 This address has expired");
  assert.equal(
    await back(path, { ageDaysMax: 3 }, { clock: atDay(4) }),
    "550 5.7.1 This address has expired",
  );
});

test("srs refuses a forged way back to trusted clients too", async () => {
  assert.equal(
    await back("SRS0=abcdefgh=TT=bank.example=ann@inside.example", {}, { client: { ip: "127.0.0.1" } }),
    GONE,
  );
});

test("srs opens nothing else: other addresses, domains and routes in disguise", async () => {
  const path = await rewritten("ann@outside.example");
  const denied = "550 5.7.1 Relaying denied";
  assert.equal(await back(path.replace("@inside.example", "@outside.example")), denied);
  assert.equal(await back("ann%outside.example@inside.example"), denied);
  assert.equal(await back("SRS2=a/b=ann@inside.example"), denied);
  assert.equal(await back("SRS0@inside.example"), "SRS0@inside.example");
});

test("srs takes mail of people on the way back, and with wayBack: 'dsn' only notifications", async () => {
  const path = await rewritten("ann@outside.example");
  const eve = { reversePath: "eve@elsewhere.example" };
  assert.equal(await back(path, {}, eve), "ann@outside.example");
  const want = "550 5.7.1 This address takes delivery status notifications only";
  assert.equal(await back(path, { wayBack: "dsn" }, eve), want);
  assert.equal(await back(path, { wayBack: "dsn" }), "ann@outside.example");
});

test("srs tells at the start that its domain is not served here", async () => {
  const make = (domain: string) =>
    createTestGateway(
      defineGateway({
        domains: ["bücher.example"],
        pipeline: pipeline(srs({ ...OPTIONS, domain }), toBackend),
        nextHops: { backend: mailbox() },
      }),
    );
  await make("xn--bcher-kva.example");
  await make("bücher.example");
  await assert.rejects(make("inside.example"), /'inside\.example' among the config's domains/);
});

test("srs puts mail off where 'leaves' throws, hangs or gives rubbish", async () => {
  for (const [leaves, want] of [
    [() => undefined, "TypeError: 'leaves' gave neither true nor false"],
    [
      () => {
        throw new Error("broken");
      },
      "broken",
    ],
    [() => new Promise(() => {}), "did not return within 30000 ms"],
  ] as const) {
    const send = await sender({ leaves: leaves as never }, hastyClock());
    const outcome = await send({ recipients: [OUT], content });
    assert.equal(outcome.reply.code, 451);
    assert.deepEqual(faultsOf(outcome), [`route srs: ${want} (tempfail)`]);
    assert.equal(outcome.deliveries.length, 0);
  }
});

test("srs puts mail off, and lets nobody through, where the host's digests fail", async () => {
  const crypto = {
    digest: () => {
      throw new Error("no SHA-1 here");
    },
  };
  const address = parseAddress("SRS0=abcdefgh=TT=outside.example=ann@inside.example");
  const rewrites: unknown[] = [];
  const rcpt = runHook(srs(OPTIONS), "rcpt", {
    crypto,
    clock: atDay(0),
    envelope: { reversePath: null },
    recipient: { forwardPath: address },
    rewriteRecipient: (path: unknown) => rewrites.push(path),
  });
  await assert.rejects(rcpt, /no SHA-1 here/);
  assert.deepEqual(rewrites, []);
});

const WORDS = "domain, keys, leaves, ageDaysMax, hashCharacters, wayBack, tooLong";
const MISTAKES: readonly { name: string; options: unknown; want: readonly string[] }[] = [
  {
    name: "no options",
    options: undefined,
    want: [`srs: options: found nothing, expected an object with ${WORDS}`],
  },
  {
    name: "an unknown option",
    options: { ...OPTIONS, secret: "x" },
    want: [`srs: secret: found an unknown option, expected one of: ${WORDS}`],
  },
  {
    name: "a domain that is none, and a literal",
    options: { ...OPTIONS, domain: "[192.0.2.1]" },
    want: ["srs: domain: found \"[192.0.2.1]\", expected a domain as 'example.com'"],
  },
  {
    name: "keys that are short or absent, without showing them",
    options: { ...OPTIONS, keys: ["too short", undefined] },
    want: [
      "srs: keys[0]: found a value that is not shown, expected a secret of 16 characters or more",
      "srs: keys[1]: found nothing, expected a secret of 16 characters or more",
    ],
  },
  {
    name: "one key for a list, without showing it",
    options: { ...OPTIONS, keys: KEYS[0] },
    want: ["srs: keys: found a value that is not shown, expected a list of 1 to 20 secrets"],
  },
  {
    name: "no keys",
    options: { ...OPTIONS, keys: [] },
    want: ["srs: keys: found an empty list, expected a list of 1 to 20 secrets"],
  },
  {
    name: "numbers out of bounds",
    options: { ...OPTIONS, ageDaysMax: 501, hashCharacters: 3 },
    want: [
      "srs: ageDaysMax: found 501, expected a whole number from 1 to 500",
      "srs: hashCharacters: found 3, expected a whole number from 4 to 27",
    ],
  },
  {
    name: "words that are not known",
    options: { ...OPTIONS, wayBack: "none", tooLong: "cut", leaves: "yes" },
    want: [
      'srs: leaves: found "yes", expected a function (ctx) => boolean',
      "srs: wayBack: found \"none\", expected 'any' or 'dsn'",
      "srs: tooLong: found \"cut\", expected 'keep' or 'reject'",
    ],
  },
];
for (const { name, options, want } of MISTAKES) {
  test(`srs tells ${name}`, () => assertOptionError(() => srs(options as never), want));
}
