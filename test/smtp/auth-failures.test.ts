/** Failed AUTH of one client address over all of its sessions: its waits, its end, and when it may try again. */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { Clock, Limits, Store } from "postern";
import { createMemoryStore } from "../../core/gateway/mod.ts";
import { manualClock } from "../gateway/manual-clock.ts";
import { type AuthBed, base64, openAuthBed } from "./auth-bed.ts";

const HOUR_MS = 3_600_000;
const WRONG = `AUTH PLAIN ${base64("\0ann@example.com\0wrong")}`;
const RIGHT = `AUTH PLAIN ${base64("\0ann@example.com\0secret")}`;
const BLOCKED = /^421 4\.7\.0 Too many failed authentications from your network, try again later$/;

interface Setup {
  readonly limits?: Partial<Limits>;
  readonly trustedNetworks?: readonly string[];
  readonly store?: Store;
}

// Also after a test that failed: a listener that stays keeps the process.
const beds: AuthBed[] = [];
afterEach(() => Promise.all(beds.splice(0).map((bed) => bed.close())));

/** A listener whose waits are noted and not waited for. */
async function setUp({ limits, trustedNetworks = [], store }: Setup = {}) {
  const time = manualClock();
  const waits: number[] = [];
  const clock: Pick<Clock, "sleep"> = { sleep: async (ms) => void waits.push(ms) };
  const options = { clock, store: store ?? createMemoryStore(time) };
  const bed = await openAuthBed({ limits: limits ?? {}, trustedNetworks, options });
  beds.push(bed);
  return { bed, waits, time };
}

/** One AUTH in a session of its own. */
async function once(bed: AuthBed, line: string, ip = "192.0.2.1"): Promise<string> {
  const client = await bed.open(ip);
  const reply = await client.ask(line);
  client.socket.destroy();
  return reply;
}

const reachedOf = (bed: AuthBed) =>
  bed.logged.filter(({ event }) => event === "limitReached").map(({ limit, client }) => `${limit} ${client}`);

describe("failed AUTH of a client address", () => {
  it("waits longer each time, though each is the first of its session", async () => {
    const { bed, waits } = await setUp({ limits: { authDelayMs: 1000 } });
    for (let n = 0; n < 8; n += 1) assert.match(await once(bed, WRONG), /^535 /);
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    // Others are not made to wait, and neither is who has the right password.
    assert.match(await once(bed, WRONG, "192.0.2.2"), /^535 /);
    assert.match(await once(bed, RIGHT), /^235 /);
    assert.equal(waits.length, 7);
  });

  it("waits by the session where that has failed more often", async () => {
    const { bed, waits, time } = await setUp({ limits: { authDelayMs: 1000 } });
    const client = await bed.open();
    await client.askAll(WRONG, WRONG, WRONG);
    await time.advance(HOUR_MS);
    await client.askAll(WRONG);
    assert.deepEqual(waits, [1000, 2000, 4000]);
    client.socket.destroy();
  });

  it("ends with 421 at authFailuresPerClientMax, with one line in the log, and no password helps then", async () => {
    const { bed } = await setUp({ limits: { authFailuresPerClientMax: 3 } });
    assert.match(await once(bed, WRONG), /^535 /);
    assert.match(await once(bed, WRONG), /^535 /);
    for (const line of [WRONG, WRONG, RIGHT, "AUTH LOGIN", "AUTH SCRAM-SHA-256"])
      assert.match(await once(bed, line), BLOCKED);
    assert.deepEqual(reachedOf(bed), ["authFailuresPerClientMax 192.0.2.1"]);
    assert.match(await once(bed, RIGHT, "192.0.2.2"), /^235 /);
  });

  it("ends all sessions of the address, those that are open too", async () => {
    const { bed } = await setUp({ limits: { authFailuresPerClientMax: 2 } });
    const early = await bed.open();
    await once(bed, WRONG);
    await once(bed, WRONG);
    assert.match(await early.ask(RIGHT), BLOCKED);
    await early.closed();
  });

  it("ends all of several tries that run at once, with one line in the log", async () => {
    const { bed } = await setUp({ limits: { authFailuresPerClientMax: 2, authFailuresMax: 1 } });
    const clients = await Promise.all([1, 2, 3, 4, 5].map(() => bed.open()));
    const replies = await Promise.all(clients.map((client) => client.ask(WRONG)));
    assert.equal(replies.filter((reply) => BLOCKED.test(reply)).length, 4);
    assert.equal(reachedOf(bed).filter((line) => line.startsWith("authFailuresPerClientMax")).length, 1);
  });

  it("lets who is logged in go on", async () => {
    const { bed } = await setUp({ limits: { authFailuresPerClientMax: 1 } });
    const early = await bed.open();
    assert.match(await early.ask(RIGHT), /^235 /);
    assert.match(await once(bed, WRONG), BLOCKED);
    assert.match(await early.ask("MAIL FROM:<ann@example.com>"), /^250 /);
    early.socket.destroy();
  });

  it("is forgotten authFailuresKeptMs after the first, and not put off by those that follow or by a success", async () => {
    const { bed, time } = await setUp({
      limits: { authFailuresPerClientMax: 3, authFailuresKeptMs: HOUR_MS },
    });
    await once(bed, WRONG);
    await time.advance(HOUR_MS / 2);
    assert.match(await once(bed, RIGHT), /^235 /);
    await once(bed, WRONG);
    await once(bed, WRONG);
    await time.advance(HOUR_MS / 2 - 1);
    assert.match(await once(bed, RIGHT), BLOCKED);
    await time.advance(1);
    assert.match(await once(bed, RIGHT), /^235 /);
    assert.match(await once(bed, WRONG), /^535 /);
  });

  it("is counted for a whole /64 of IPv6, and for IPv4 in IPv6 as IPv4", async () => {
    const { bed } = await setUp({ limits: { authFailuresPerClientMax: 2 } });
    await once(bed, WRONG, "2001:db8:0:1::1");
    assert.match(await once(bed, WRONG, "2001:db8:0:1:ffff::2"), BLOCKED);
    assert.match(await once(bed, RIGHT, "2001:db8:0:1::3"), BLOCKED);
    assert.match(await once(bed, RIGHT, "2001:db8:0:2::1"), /^235 /);
    await once(bed, WRONG, "::ffff:192.0.2.9");
    assert.match(await once(bed, WRONG, "192.0.2.9"), BLOCKED);
  });

  it("is counted together by listeners that share a store", async () => {
    const time = manualClock();
    const store = createMemoryStore(time);
    const limits = { authFailuresPerClientMax: 2 };
    const one = await setUp({ limits, store });
    const two = await setUp({ limits, store });
    await once(one.bed, WRONG);
    assert.match(await once(two.bed, WRONG), BLOCKED);
    assert.match(await once(one.bed, RIGHT), BLOCKED);
  });

  it("is not counted in trusted networks, where a web mail may log in for many", async () => {
    const { bed, waits } = await setUp({
      limits: { authFailuresPerClientMax: 2, authDelayMs: 1000 },
      trustedNetworks: ["192.0.2.0/24"],
    });
    for (let n = 0; n < 4; n += 1) assert.match(await once(bed, WRONG), /^535 /);
    assert.deepEqual(waits, []);
  });

  it("is SCRAM's too, and an exchange that is given up is none", async () => {
    const { bed } = await setUp({ limits: { authFailuresPerClientMax: 2 } });
    const client = await bed.open();
    const first = `AUTH SCRAM-SHA-256 ${base64("n,,n=ann@example.com,r=x")}`;
    const wrong = base64(`c=biws,r=x,p=${"A".repeat(43)}=`);
    assert.equal(await client.askAll(first, "*", first, "*", first, wrong), "334 501 334 501 334 535");
    assert.match(await client.ask(first), /^334 /);
    assert.match(await client.ask(wrong), BLOCKED);
    await client.closed();
  });

  it("ends at the session's own limit where that is reached first", async () => {
    const { bed } = await setUp({ limits: { authFailuresMax: 2, authFailuresPerClientMax: 10 } });
    const client = await bed.open();
    assert.match(await client.ask(WRONG), /^535 /);
    assert.match(await client.ask(WRONG), /^421 4\.7\.0 Too many failed authentications$/);
    await client.closed();
    assert.deepEqual(reachedOf(bed), ["authFailuresMax 192.0.2.1"]);
  });

  it("puts AUTH off when the store does not answer, and lets nobody in", async () => {
    const store = createMemoryStore(manualClock());
    const broken = { ...store, get: () => Promise.reject(new Error("the store is down")) };
    const { bed } = await setUp({ store: broken });
    const client = await bed.open();
    assert.match(await client.ask(RIGHT), /^451 4\.3\.0/);
    assert.match(await client.ask("MAIL FROM:<>"), /^530 /);
    client.socket.destroy();
    assert.ok(
      bed.logged.some(
        ({ event, message }) => event === "smtpHandlerFault" && message === "the store is down",
      ),
    );
  });
});
