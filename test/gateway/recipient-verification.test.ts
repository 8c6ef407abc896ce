/** `verifyRecipients`: whom a next hop does not know is refused at RCPT; nobody else is, and nobody is asked for too much. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, lmtp, pipeline, reject, routeTo, smtp, type VerifyRecipients } from "postern";
import { recordingNextHop } from "postern/testing";
import type { NextHopDriver, VerifyResult } from "../../core/gateway/mod.ts";
import { type BedOptions, forward, openBed, reverse, short } from "./engine-bed.ts";
import { manualClock, settle } from "./manual-clock.ts";

const GOOD: VerifyResult = { status: "good", ended: "reply" };
const BAD: VerifyResult = {
  ...{ status: "bad", ended: "reply", server: "192.0.2.9:25" },
  reply: { code: 550, enhanced: "5.1.1", text: "No such user here" },
};
const DOWN: VerifyResult = { status: "undecided", ended: "connection", cause: "nobody listens" };
const LATER: VerifyResult = {
  ...{ status: "undecided", ended: "reply" },
  reply: { code: 450, enhanced: "4.2.0", text: "Grey" },
};

const routed = (
  verifyRecipients: VerifyRecipients,
  nextHop: (name: string) => string,
  mode?: "inline" | "queue",
) =>
  definePlugin({
    name: "routed",
    routes: true,
    envelopeRoute: (ctx) => ({
      ...{ nextHop: nextHop(ctx.recipient.forwardPath.localPart), verifyRecipients },
      ...(mode ? { mode } : {}),
    }),
    route: (ctx) => routeTo(nextHop(ctx.recipient.forwardPath.localPart)),
  });

interface Setup {
  readonly verify?: (address: string, signal: AbortSignal) => Promise<VerifyResult> | VerifyResult;
  readonly options?: VerifyRecipients;
  readonly nextHop?: (name: string) => string;
  readonly mode?: "inline" | "queue";
  readonly bed?: Partial<BedOptions>;
  readonly plugins?: Parameters<typeof pipeline>[0][];
}

/** A bed whose `backend` can be asked. */
async function setUp({ verify = () => GOOD, options = true, nextHop, mode, bed = {}, plugins = [] }: Setup) {
  const asked: string[] = [];
  const clock = manualClock();
  const backend: NextHopDriver = {
    ...recordingNextHop("backend"),
    verify: async (reversePath, { text }, { signal }) => {
      asked.push(`${reversePath === null ? "<>" : reversePath.text} ${text}`);
      return verify(text, signal);
    },
  };
  const engine = await openBed({
    pipeline: pipeline(...(plugins as []), routed(options, nextHop ?? (() => "backend"), mode)) as never,
    clock,
    nextHops: { backend },
    ...bed,
    config: {
      nextHops: { backend: smtp("192.0.2.9:25"), other: lmtp("192.0.2.8:24") },
      ...bed.config,
    },
  });
  return { bed: engine, clock, asked };
}

/** The answers to RCPT of these names, in one transaction. */
async function rcpt(bed: Awaited<ReturnType<typeof openBed>>, names: readonly string[], ip?: string) {
  const session = bed.open(ip);
  await session.mail(reverse("ann@example.com"), {});
  const answers = [];
  for (const name of names) answers.push(await session.rcpt(forward(`${name}@example.org`), {}));
  session.close();
  return answers;
}

const codes = async (bed: Awaited<ReturnType<typeof openBed>>, names: readonly string[], ip?: string) =>
  (await rcpt(bed, names, ip)).map(short);

describe("verifyRecipients", () => {
  it("refuses at RCPT, in the next hop's words, whom it says that it does not know", async () => {
    const { bed, asked } = await setUp({ verify: (to) => (to.startsWith("gone") ? BAD : GOOD) });
    const [bob, gone] = await rcpt(bed, ["bob", "gone"]);
    assert.equal(short(bob!), "250");
    assert.equal(short(gone!), "550 5.1.1");
    assert.match(gone!.text, /^No such user here \(ref \w+\)$/);
    assert.deepEqual(asked, ["<> bob@example.org", "<> gone@example.org"]);
  });

  it("tells each question in the trace: asked or cached, how long, and what was said", async () => {
    const { bed } = await setUp({ verify: (to) => (to.startsWith("gone") ? BAD : GOOD) });
    await rcpt(bed, ["bob", "gone", "gone"]);
    const notes = bed.last().entries.flatMap((entry) => ("event" in entry ? [entry] : []));
    assert.deepEqual(
      notes
        .filter(({ event }) => event === "verifyRecipient" || event === "recipientUnknown")
        .map(({ event, detail }) => `${event} ${detail}`),
      [
        "verifyRecipient bob@example.org at backend: good, asked, 0 ms",
        "recipientUnknown gone@example.org at backend: bad 550 5.1.1 No such user here by 192.0.2.9:25, asked, 0 ms",
        "recipientUnknown gone@example.org at backend: bad 550 5.1.1 No such user here by 192.0.2.9:25, cached",
      ],
    );
  });

  it("gives a code that limits count as an unknown recipient, whatever 5xx the next hop said", async () => {
    const verify = (): VerifyResult => ({ ...BAD, reply: { code: 556, enhanced: "5.1.10", text: "No" } });
    const { bed } = await setUp({ verify });
    assert.deepEqual(await codes(bed, ["bob"]), ["550 5.1.10"]);
  });

  it("one who is refused sets no next hop for those after it", async () => {
    const nextHop = (name: string) => (name === "gone" ? "backend" : "other");
    const { bed } = await setUp({ verify: () => BAD, nextHop });
    assert.deepEqual(await codes(bed, ["gone", "olga"]), ["550 5.1.1", "250"]);
  });

  it("another next hop in the same transaction is 452 before anything is asked", async () => {
    const nextHop = (name: string) => (name === "olga" ? "other" : "backend");
    const { bed, asked } = await setUp({ nextHop });
    assert.deepEqual(await codes(bed, ["olga", "bob"]), ["250", "452 4.5.3"]);
    assert.deepEqual(asked, []);
  });

  it("a next hop that can not be asked takes everyone", async () => {
    const { bed } = await setUp({ nextHop: () => "other" });
    assert.deepEqual(await codes(bed, ["bob"]), ["250"]);
  });
});

describe("verifyRecipients asks nobody", () => {
  it("for a recipient that a stranger may not name", async () => {
    const { bed, asked } = await setUp({ bed: { config: { domains: ["elsewhere.example"] } } });
    assert.deepEqual(await codes(bed, ["bob"], "203.0.113.7"), ["550 5.7.1"]);
    assert.deepEqual(asked, []);
  });

  it("for a recipient that a plugin refuses", async () => {
    const no = definePlugin({ name: "no", rcpt: () => reject("5.7.1", "Not you") });
    const { bed, asked } = await setUp({ plugins: [no as never] });
    assert.deepEqual(await codes(bed, ["bob"]), ["550 5.7.1"]);
    assert.deepEqual(asked, []);
  });

  it("for the postmaster, who is taken in any case (RFC 5321 4.5.1)", async () => {
    const { bed, asked } = await setUp({
      verify: () => BAD,
      bed: { config: { domains: ["example.org"] } },
    });
    assert.deepEqual(await codes(bed, ["postmaster", "PostMaster"], "203.0.113.7"), ["250", "250"]);
    assert.deepEqual(asked, []);
  });
});

describe("verifyRecipients of which the next hop does not tell", () => {
  const table: readonly (Setup & { name: string; want: string })[] = [
    { name: "inline, is taken: the next hop decides before our 250", want: "250" },
    { name: "in mode queue, is 450 4.1.1", mode: "queue", want: "450 4.1.1" },
    { name: "with tempfail, is 450 4.1.1", options: { undecided: "tempfail" }, want: "450 4.1.1" },
    {
      name: "in mode queue with accept, is taken",
      mode: "queue",
      options: { undecided: "accept" },
      want: "250",
    },
  ];
  for (const { name, want, ...setup } of table) {
    for (const answer of [LATER, DOWN]) {
      it(`${name} (${answer.ended})`, async () => {
        const { bed } = await setUp({ ...setup, verify: () => answer });
        assert.deepEqual(await codes(bed, ["bob"]), [want]);
      });
    }
  }

  it("is asked anew each time", async () => {
    const { bed, asked } = await setUp({ verify: () => LATER });
    await codes(bed, ["bob", "bob"]);
    assert.equal(asked.length, 2);
  });

  it("is not asked for 30 s where the next hop did not answer", async () => {
    const { bed, asked, clock } = await setUp({ verify: () => DOWN });
    await codes(bed, ["bob", "eve", "bob"]);
    assert.equal(asked.length, 1);
    await clock.advance(29_999);
    await codes(bed, ["eve"]);
    assert.equal(asked.length, 1);
    await clock.advance(1);
    await codes(bed, ["eve"]);
    assert.equal(asked.length, 2);
    assert.equal(bed.lines.filter(({ event }) => event === "recipientsNotVerified").length, 2);
  });

  it("a driver that hangs is left after the timeout and a second, one that fails at once", async () => {
    const { bed, clock } = await setUp({
      verify: (to) => {
        if (to.startsWith("fault")) throw new Error("oops");
        return new Promise(() => {});
      },
      options: { timeout: "2s", undecided: "tempfail" },
    });
    const answers = codes(bed, ["hangs"]);
    await clock.advance(3_200);
    assert.deepEqual(await answers, ["450 4.1.1"]);
    await clock.advance(30_000);
    assert.deepEqual(await codes(bed, ["fault"]), ["450 4.1.1"]);
    assert.ok(bed.lines.some(({ event }) => event === "driverFault"));
  });
});

describe("answers to verifyRecipients", () => {
  for (const { name, answer, options, ms } of [
    { name: "good for an hour", answer: GOOD, ms: 3_600_000 },
    { name: "bad for five minutes", answer: BAD, ms: 300_000 },
    { name: "good for goodFor", answer: GOOD, options: { goodFor: "2s" } as const, ms: 2_000 },
    { name: "bad for badFor", answer: BAD, options: { badFor: "3s" } as const, ms: 3_000 },
  ]) {
    it(`hold ${name}`, async () => {
      const { bed, clock, asked } = await setUp({ verify: () => answer, options: options ?? true });
      await codes(bed, ["bob"]);
      await clock.advance(ms - 1);
      await codes(bed, ["bob"]);
      assert.equal(asked.length, 1);
      await clock.advance(1);
      await codes(bed, ["bob"]);
      assert.equal(asked.length, 2);
    });
  }

  it("are kept for 10,000 addresses that are there and 10,000 that are not, those not used the longest go", async () => {
    const { bed, asked } = await setUp({ verify: (to) => (to.startsWith("x") ? BAD : GOOD) });
    const session = bed.open();
    await session.ehlo("client.example");
    const say = async (name: string) => {
      await session.mail(reverse(""), {});
      return short(await session.rcpt(forward(`${name}@example.org`), {}));
    };
    await say("bob");
    await say("x0");
    for (let i = 1; i < 10_000; i++) await say(`x${i}`);
    await say("x0");
    await say("x10000");
    assert.equal(asked.length, 10_002);
    await say("bob");
    await say("x0");
    assert.equal(
      asked.length,
      10_002,
      "what is in use is kept, and names made up push out nobody who is there",
    );
    await say("x1");
    assert.equal(asked.length, 10_003);
  });
});

describe("questions of verifyRecipients", () => {
  it("for one address at the same time are one", async () => {
    const answer = Promise.withResolvers<VerifyResult>();
    const { bed, asked } = await setUp({ verify: () => answer.promise });
    const all = Promise.all([codes(bed, ["bob"]), codes(bed, ["bob"]), codes(bed, ["bob"])]);
    await settle();
    assert.equal(asked.length, 1);
    answer.resolve(BAD);
    assert.deepEqual(await all, [["550 5.1.1"], ["550 5.1.1"], ["550 5.1.1"]]);
  });

  it("run five at a time; 100 wait, further ones are not asked", async () => {
    const open: ((result: VerifyResult) => void)[] = [];
    const { bed, asked } = await setUp({
      verify: () => new Promise((resolve) => open.push(resolve)),
      options: { undecided: "tempfail" },
    });
    const all = Array.from({ length: 106 }, (_, i) => codes(bed, [`u${i}`]));
    await settle();
    assert.equal(asked.length, 5);
    assert.deepEqual(await all[105], ["450 4.1.1"]);
    for (let answered = 0; answered < 105; answered++) {
      open[answered]!(GOOD);
      await settle();
      assert.equal(asked.length, Math.min(105, answered + 6));
    }
    assert.deepEqual(await Promise.all(all.slice(0, 105)), Array(105).fill(["250"]));
  });

  it("that wait longer than their timeout are not asked", async () => {
    const { bed, asked, clock } = await setUp({
      verify: (_, signal) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve(LATER), { once: true })),
      options: { timeout: "2s", undecided: "tempfail" },
    });
    const all = Promise.all(Array.from({ length: 7 }, (_, i) => codes(bed, [`u${i}`])));
    await clock.advance(2_100);
    assert.deepEqual(await all, Array(7).fill(["450 4.1.1"]));
    assert.equal(asked.length, 5);
  });
});
