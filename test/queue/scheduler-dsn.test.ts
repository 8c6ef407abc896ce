/** Whom the scheduler has told, of what, and in which commit. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { retryPolicyOf } from "../../core/config/mod.ts";
import { memoryContent } from "../../core/mail/mod.ts";
import type { DsnMaker } from "../../core/queue/dsn-types.ts";
import { bytes, message, recipient } from "../gateway/spool-fixtures.ts";
import { type Answer, DAY, delivered, HOUR, MINUTE, putOff, QueueBed, quiet, refused } from "./queue-bed.ts";

let bed: QueueBed;
/** What was asked for: kind, then the numbers of the recipients. */
let asked: string[];
let suppressed: readonly number[];
let sends: boolean;
beforeEach(() => {
  bed = new QueueBed();
  asked = [];
  suppressed = [];
  sends = true;
});
afterEach(() => bed.stop());

const dsn: DsnMaker = async (_, recipients, kind) => {
  asked.push(`${kind} ${recipients.map((each) => each.recipient).join(" ")}`);
  if (!sends) return { suppressed };
  const content = memoryContent(bytes("Subject: about it\r\n\r\n"));
  const to = [recipient("ann@example.com", { destination: "back", nextAt: bed.clock.now() })];
  const send = message(9_000 + asked.length, { origin: "dsn", reversePath: null, content, recipients: to });
  return { send, suppressed };
};

const answers = (...given: readonly Answer[]) => {
  bed.answer = ({ recipient }, { destination }) => (destination === "back" ? delivered : given[recipient]!);
};

describe("startScheduler with a maker of DSNs", () => {
  it("asks for one DSN of all that failed in a commit, and sends it through the queue", async () => {
    answers(refused, delivered, refused);
    await bed.start({ dsn });
    await bed.put(["a", "a", "a"]);
    assert.deepEqual(asked, ["failed 0 2"]);
    assert.deepEqual(
      bed.made.map(({ destination }) => destination),
      ["a", "back"],
    );
    assert.deepEqual(await bed.entries(), []);
  });

  it("keeps as undeliverable for 30 days who failed and is not told of by our policy alone", async () => {
    answers(refused, refused);
    suppressed = [1];
    await bed.start({ dsn });
    await bed.put(["a", "a"]);
    const left = await bed.only();
    assert.deepEqual([left.recipient, left.state, left.nextAt - bed.clock.now()], [1, "failed", 30 * DAY]);
  });

  it("ends what failed when nobody asked to hear of it", async () => {
    answers(refused);
    sends = false;
    await bed.start({ dsn });
    await bed.put(["a"]);
    assert.deepEqual(await bed.entries(), []);
  });

  const successes: readonly {
    name: string;
    notify?: readonly ("SUCCESS" | "FAILURE")[];
    passedOn: boolean;
    isFinal: boolean;
    want: readonly string[];
  }[] = [
    { name: "nobody asked", passedOn: false, isFinal: true, want: [] },
    { name: "only failures were asked for", notify: ["FAILURE"], passedOn: false, isFinal: true, want: [] },
    {
      name: "the next hop tells (RFC 3461 5.2.2)",
      notify: ["SUCCESS"],
      passedOn: true,
      isFinal: false,
      want: [],
    },
    { name: "it is at its goal", notify: ["SUCCESS"], passedOn: false, isFinal: true, want: ["delivered 0"] },
    {
      name: "the next hop does not offer DSN (RFC 3461 5.2.3)",
      notify: ["SUCCESS"],
      passedOn: false,
      isFinal: false,
      want: ["relayed 0"],
    },
  ];
  for (const { name, notify, passedOn, isFinal, want } of successes) {
    it(`tells of a delivery: ${want[0] ?? "nothing"}, when ${name}`, async () => {
      answers({ ...delivered, dsnPassedOn: passedOn });
      bed.policy = { ...bed.policy, isFinal };
      await bed.start({ dsn });
      const parameters = notify ? { notify } : {};
      const recipients = [recipient("b@example.org", { parameters, nextAt: bed.clock.now() })];
      await bed.put(["a"], { recipients });
      assert.deepEqual(asked, want);
    });
  }

  it("tells of a delay once, at its age, and then of the failure", async () => {
    answers(putOff("reply"));
    await bed.start({ dsn });
    await bed.put(["a"]);
    await bed.clock.pass(4 * HOUR - MINUTE, MINUTE);
    assert.deepEqual(asked, []);
    await bed.clock.pass(2 * MINUTE, MINUTE);
    assert.deepEqual(asked, ["delayed 0"]);
    await bed.clock.pass(6 * DAY, 10 * MINUTE);
    assert.deepEqual(asked, ["delayed 0", "failed 0"]);
  });

  it("names no server for the failure of what was given up, as its words are ours", async () => {
    const servers: (string | undefined)[] = [];
    answers({ ...putOff("reply"), server: "192.0.2.9:25" });
    await bed.start({
      dsn: async (...given) => {
        servers.push(given[1][0]?.server);
        return dsn(...given);
      },
    });
    await bed.put(["a"]);
    await bed.clock.pass(6 * DAY, 10 * MINUTE);
    assert.deepEqual(
      [asked, servers],
      [
        ["delayed 0", "failed 0"],
        ["192.0.2.9:25", undefined],
      ],
    );
  });

  it("never tells of a delay where the config says so", async () => {
    answers(putOff("reply"));
    bed.policy = { retry: retryPolicyOf({ warn: false }) };
    await bed.start({ dsn });
    await bed.put(["a"]);
    await bed.clock.pass(6 * DAY, 10 * MINUTE);
    assert.deepEqual(asked, ["failed 0"]);
  });

  it("tries again what failed when its DSN can not be made now, and ends the others", async () => {
    answers(refused, delivered);
    let isBroken = true;
    await bed.start({
      dsn: (...given) => (isBroken ? Promise.reject(new Error("can not be read")) : dsn(...given)),
    });
    await bed.put(["a", "a"]);
    const left = await bed.only();
    assert.deepEqual([left.recipient, left.state], [0, "due"]);
    assert.ok(bed.logged.includes("dsnFault"));
    isBroken = false;
    await bed.clock.jump(6 * MINUTE);
    await quiet();
    assert.deepEqual([asked, await bed.entries()], [["failed 0"], []]);
  });

  it("keeps what failed when its DSN can not be stored, and ends the others", async () => {
    answers(refused, delivered);
    await bed.start({
      dsn: async () => ({ send: message(9_000, { recipients: [] }), suppressed: [] }),
    });
    await bed.put(["a", "a"]);
    const left = await bed.only();
    assert.deepEqual([left.recipient, left.state], [0, "failed"]);
  });
});
