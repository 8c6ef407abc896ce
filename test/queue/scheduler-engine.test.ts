/** The scheduler with the engine, the maker of DSNs and next hops: from a client's final dot to the end of each recipient. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, pipeline, routeTo, smtp } from "postern";
import { recordingNextHop } from "postern/testing";
import { resolveConfig, retryPolicyOf } from "../../core/config/mod.ts";
import { webRandom } from "../../core/gateway/mod.ts";
import { defineGateway, type Reply } from "../../core/mod.ts";
import { createDsnMaker, startScheduler } from "../../core/queue/mod.ts";
import { createMemorySpool } from "../../core/testing/mod.ts";
import { openBed, short } from "../gateway/engine-bed.ts";
import { DAY, HOUR, JumpClock, MINUTE, quiet } from "./queue-bed.ts";

/** To the next hop that the local part names; mail without a reverse-path goes back to "home". */
const byName = definePlugin({
  name: "byName",
  routes: true,
  nextHops: ["sound", "full", "strict", "home"],
  route: (ctx) => routeTo(ctx.envelope.reversePath ? ctx.recipient.forwardPath.localPart : "home"),
});

const FULL: Reply = { code: 452, enhanced: "4.2.2", text: "Mailbox full" };
const NOBODY: Reply = { code: 550, enhanced: "5.1.1", text: "No such user" };

async function open() {
  const clock = new JumpClock();
  const spool = createMemorySpool({ clock, durable: true });
  let full: Reply | undefined = FULL;
  const home = recordingNextHop("home");
  const nextHops = {
    sound: recordingNextHop("sound"),
    full: recordingNextHop("full", () => full),
    strict: recordingNextHop("strict", () => NOBODY),
    home,
  };
  const hop = smtp({ host: "127.0.0.1", port: 2500, mode: "queue" });
  const config = { nextHops: { sound: hop, full: hop, strict: hop, home: hop }, domains: ["example.org"] };
  const plugins = pipeline(byName);
  const bed = await openBed({ pipeline: plugins, config, clock, nextHops, services: { spool } });
  const settings = { ...config, hostName: "gate.example", pipeline: plugins };
  const effective = await resolveConfig(defineGateway(settings), {}, { durableSpool: true });
  const scheduler = startScheduler({
    ...{ spool, clock, random: webRandom, attempts: bed.gateway, owner: "w1" },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    policyOf: () => ({ retry: retryPolicyOf() }),
    dsn: createDsnMaker({ config: effective, clock, random: webRandom, newId: bed.gateway.newId }),
  });
  return {
    ...{ bed, clock, home, scheduler },
    makeRoom: () => {
      full = undefined;
    },
    states: async () =>
      (await spool.list({}, undefined, 100)).entries.map((each) => `${each.destination} ${each.state}`),
  };
}

describe("startScheduler with the engine", () => {
  it("ends each recipient of a message by itself, and tells the sender of the one that failed", async () => {
    const { bed, clock, home, scheduler, states, makeRoom } = await open();
    const answer = await bed.send(["sound@example.org", "full@example.org", "strict@example.org"]);
    assert.equal(short(answer).slice(0, 3), "250");
    await quiet();
    await clock.pass(5_000);
    assert.deepEqual(await states(), ["full due"]);
    assert.equal(home.deliveries.length, 1);
    const dsn = home.deliveries[0]!;
    assert.deepEqual([dsn.reversePath, dsn.recipients], ["", ["ann@example.com"]]);
    assert.match(dsn.text, /Final-Recipient: rfc822; strict@example\.org/);
    assert.match(dsn.text, /Diagnostic-Code: [a-z-]+; 550 5\.1\.1 No such user/);
    assert.doesNotMatch(dsn.text, /full@example\.org/);
    makeRoom();
    await clock.pass(10 * MINUTE, MINUTE);
    assert.deepEqual(await states(), []);
    assert.equal(home.deliveries.length, 1);
    await scheduler.stop();
  });

  it("tells the sender of a delay after 4 hours and of the end after 5 days", async () => {
    const { bed, clock, home, scheduler, states } = await open();
    await bed.send(["full@example.org"]);
    await quiet();
    await clock.pass(4 * HOUR - MINUTE, MINUTE);
    assert.equal(home.deliveries.length, 0);
    await clock.pass(HOUR, MINUTE);
    assert.equal(home.deliveries.length, 1);
    assert.match(home.deliveries[0]!.text, /Action: delayed/);
    await clock.pass(5 * DAY, 10 * MINUTE);
    assert.equal(home.deliveries.length, 2);
    assert.match(home.deliveries[1]!.text, /Action: failed\r\nStatus: 5\.4\.7/);
    assert.deepEqual(await states(), []);
    await scheduler.stop();
  });
});
