/** What becomes of queued mail: what a next hop does, when it is tried again, and the state it ends in. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { retryPolicyOf } from "../../core/config/mod.ts";
import { address, message, recipient } from "../gateway/spool-fixtures.ts";
import {
  type Answer,
  DAY,
  delivered,
  HOUR,
  MINUTE,
  putOff,
  QueueBed,
  quiet,
  refused,
  SECOND,
  words,
} from "./queue-bed.ts";

let bed: QueueBed;
beforeEach(() => {
  bed = new QueueBed();
});
afterEach(() => bed.stop());

describe("startScheduler, by what the next hop does:", () => {
  const gone = "gone";
  const cases: readonly {
    name: string;
    answers: readonly Answer[];
    /** When the attempts are made, in minutes: of a destination that failed as a whole the queue waits for it too. */
    at: readonly number[];
    want: string;
  }[] = [
    { name: "takes it", answers: [delivered], at: [0], want: gone },
    { name: "refuses it", answers: [refused], at: [0], want: "failed 550 5.1.1 No such user" },
    { name: "puts it off, then takes it", answers: [putOff("reply"), delivered], at: [0, 5], want: gone },
    {
      name: "greylists it, then takes it",
      answers: [putOff("greylisted"), delivered],
      at: [0, 5],
      want: gone,
    },
    {
      name: "greylists it for long",
      answers: [
        putOff("greylisted"),
        putOff("greylisted"),
        putOff("greylisted"),
        putOff("greylisted"),
        delivered,
      ],
      at: [0, 5, 15, 35, 59],
      want: gone,
    },
    {
      name: "does not answer at first",
      answers: [putOff("connection"), delivered],
      at: [0, 5],
      want: gone,
    },
    {
      name: "does not offer the TLS that is asked for",
      answers: [putOff("tls"), delivered],
      at: [0, 15],
      want: gone,
    },
    { name: "refuses us, then does not", answers: [putOff("us"), delivered], at: [0, 15], want: gone },
    { name: "gives no answer after the dot", answers: [putOff("lost"), delivered], at: [0, 15], want: gone },
    {
      name: "refuses it after it put it off",
      answers: [putOff("reply"), refused],
      at: [0, 5],
      want: "failed 550 5.1.1 No such user",
    },
    {
      name: "is not in the config any more",
      answers: [putOff("noNextHop")],
      at: [0],
      want: "held no next hop 'a' in the config",
    },
    {
      name: "is passed by, as a plugin holds it",
      answers: [{ outcome: "held", reason: "spam" }],
      at: [0],
      want: "held spam",
    },
    {
      name: "is passed by, as a plugin discards it",
      answers: [{ outcome: "discarded", reason: "copy" }],
      at: [0],
      want: gone,
    },
    {
      name: "is passed by, as a plugin puts it off",
      answers: [putOff("plugin"), delivered],
      at: [0, 5],
      want: gone,
    },
    {
      name: "puts it off for ever",
      answers: [putOff("reply", "Full")],
      at: [],
      want: "failed 554 5.4.7 Not delivered in 5 days; the last answer was: 451 4.0.0 Full",
    },
    {
      name: "is dead for ever",
      answers: [putOff("connection", "No answer")],
      at: [],
      want: "failed 554 5.4.7 Not delivered in 5 days; the last answer was: 451 4.0.0 No answer",
    },
  ];
  for (const { name, answers, at, want } of cases) {
    it(`${name}: ${want}`, async () => {
      bed.answer = () => answers[Math.min(bed.made.length, answers.length) - 1]!;
      await bed.start();
      await bed.put(["a"]);
      if (at.length > 0) await bed.clock.pass((at.at(-1)! + 2) * MINUTE, 30 * SECOND);
      else await bed.clock.pass(6 * DAY, 10 * MINUTE);
      const [entry, ...others] = await bed.entries();
      assert.deepEqual(others, []);
      const state =
        entry === undefined
          ? gone
          : entry.state === "held"
            ? `held ${entry.reason}`
            : `${entry.state} ${words(entry.lastReply!)}`;
      assert.equal(state, want);
      if (at.length > 0)
        assert.deepEqual(
          bed.made.map((each) => each.at / MINUTE),
          at,
        );
      const told = bed.told.at(-1)?.settled[0];
      const outcome = want === gone ? answers.at(-1)?.outcome : want.split(" ")[0];
      assert.equal(told?.result.outcome, outcome);
    });
  }
});

describe("startScheduler", () => {
  it("settles each recipient of a lease by itself", async () => {
    const answers = [delivered, refused, putOff("reply"), { outcome: "held", reason: "r" } as const];
    bed.answer = ({ recipient }) => answers[recipient]!;
    await bed.start();
    await bed.put(["a", "a", "a", "a"]);
    const states = (await bed.entries()).map(({ recipient, state }) => `${recipient} ${state}`);
    assert.deepEqual(states, ["1 failed", "2 due", "3 held"]);
    assert.deepEqual(
      bed.told.map(({ settled }) =>
        settled.map(({ result, nextAt }) => `${result.outcome}${nextAt ? " later" : ""}`),
      ),
      [["delivered", "failed", "deferred later", "held"]],
    );
  });

  it("tries at once what was queued before it started", async () => {
    for (const to of ["a", "b", ""]) await bed.put([to]);
    await bed.start();
    assert.deepEqual(bed.made.map(({ destination, at }) => `${destination} ${at}`).sort(), [
      " 0",
      "a 0",
      "b 0",
    ]);
    assert.deepEqual(await bed.entries(), []);
  });

  it("takes a recipient to the destination that its route now leads to", async () => {
    let answer: Answer = { ...putOff("reply"), destination: "mx example.org" };
    bed.answer = () => answer;
    await bed.start();
    await bed.put([""]);
    assert.equal((await bed.only()).destination, "mx example.org");
    answer = { ...putOff("reply"), destination: "" };
    await bed.clock.jump(6 * MINUTE);
    assert.equal((await bed.only()).destination, "mx example.org");
  });

  it("delivers at the time that is asked for, to the second, over a restart", async () => {
    await bed.start();
    const nextAt = bed.clock.now() + 3 * DAY + 1_500;
    await bed.spool.put(message(500, { recipients: [recipient("b@example.org", { nextAt })] }));
    await bed.clock.pass(2 * DAY, HOUR);
    await bed.scheduler?.stop();
    await bed.start({ owner: "w2" });
    await bed.clock.jump(DAY - SECOND);
    await bed.clock.pass(2 * SECOND, 100);
    assert.deepEqual(bed.made, []);
    await bed.clock.pass(SECOND, 100);
    assert.deepEqual(
      bed.made.map(({ at }) => at),
      [3 * DAY + 1_500],
    );
  });

  it("sees within a second that the clock was set forward past the time, and does not go early when set back", async () => {
    await bed.start();
    const nextAt = bed.clock.now() + DAY;
    await bed.spool.put(message(500, { recipients: [recipient("b@example.org", { nextAt })] }));
    bed.clock.set(-HOUR);
    await bed.clock.pass(2 * MINUTE);
    assert.equal(bed.made.length, 0);
    bed.clock.set(DAY + HOUR);
    await bed.clock.pass(SECOND);
    assert.equal(bed.made.length, 1);
  });

  it("waits for the time of a route, and counts no failure", async () => {
    const at = bed.clock.now() + 30 * DAY;
    bed.answer = ({ attempt }) => (attempt === 1 ? { outcome: "deferred", notBefore: at } : delivered);
    await bed.start();
    await bed.put(["a"]);
    assert.equal((await bed.only()).nextAt, at);
    await bed.clock.pass(29 * DAY, HOUR);
    assert.equal(bed.made.length, 1);
    await bed.clock.pass(2 * DAY, HOUR);
    assert.deepEqual(await bed.entries(), []);
  });

  it("puts what goes on in place of a recipient into the same commit, once for all of a lease", async () => {
    const id = bed.clock.now();
    const becomes = message(900, {
      receivedAt: id,
      recipients: [recipient("x@example.org"), recipient("y@example.org")],
    });
    bed.answer = (each) =>
      each.forwardPath.text.startsWith("u") ? { outcome: "replaced", becomes } : delivered;
    await bed.start();
    await bed.put(["a", "a"]);
    assert.deepEqual(await bed.entries(), []);
    assert.deepEqual(
      bed.made.map(({ recipients }) => recipients.length),
      [2, 2],
    );
  });

  it("tries what was replaced again when the spool does not take what it becomes", async () => {
    const becomes = message(900, { recipients: [] });
    bed.answer = ({ attempt }) => (attempt === 1 ? { outcome: "replaced", becomes } : delivered);
    await bed.start();
    await bed.put(["a"]);
    assert.deepEqual([(await bed.only()).state, bed.made.length], ["due", 1]);
    await bed.clock.jump(6 * MINUTE);
    assert.deepEqual(await bed.entries(), []);
  });

  it("counts the age of mail that was held from its release", async () => {
    bed.policy = { retry: retryPolicyOf({ giveUp: "1d", first: "1h", max: "1h" }) };
    bed.answer = () => putOff("reply");
    const held = recipient("b@example.org", { state: "held", nextAt: bed.clock.now() + 60 * DAY });
    await bed.spool.put(message(500, { receivedAt: bed.clock.now(), recipients: [held] }));
    await bed.start();
    await bed.clock.pass(30 * DAY, DAY);
    await bed.spool.release({ destination: "a" }, "admin");
    await bed.clock.pass(20 * HOUR, 10 * MINUTE);
    assert.equal((await bed.only()).state, "due");
    await bed.clock.pass(5 * HOUR, 10 * MINUTE);
    assert.equal((await bed.only()).state, "failed");
  });

  it("goes on with mail whose sender is null, and tells its failures to nobody by itself", async () => {
    bed.answer = () => refused;
    await bed.start();
    await bed.put(["a"], { reversePath: null });
    await bed.put(["a"], { reversePath: address("ann@example.com") });
    await quiet();
    // Without a maker of DSNs all that failed is kept.
    assert.deepEqual(
      (await bed.entries()).map(({ state }) => state),
      ["failed", "failed"],
    );
  });
});
