/** `createDsnMaker`: one DSN of those that one is due for, the others by number, and who it is from. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, pipeline, routeTo } from "postern";
import { createMemorySpool } from "postern/testing";
import { makeReply } from "../../core/mail/mod.ts";
import { createDsnMaker, type DsnServices } from "../../core/queue/mod.ts";
import { message, octetsOf, recipient, START, TestClock } from "../gateway/spool-fixtures.ts";
import { refused, stored } from "./dsn-bed.ts";

const CONFIG: DsnServices["config"] = {
  hostName: "mx.example.net",
  domains: ["example.com", "example.net", "net"],
  dsn: { policy: "authenticated", contentBytesMax: 65_536 },
  pipeline: pipeline(definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") })),
  hash: "0123456789ab",
};

/** With ids that count up, and random octets that do. */
function maker(changes: Partial<DsnServices["config"]> = {}) {
  let ids = 0;
  let octet = 0;
  return createDsnMaker({
    config: { ...CONFIG, ...changes },
    clock: { now: () => START },
    random: { bytes: (length) => Uint8Array.from({ length }, () => octet++ % 256) },
    newId: () => `d${ids++}`,
  });
}

const [NEVER, SUCCESS] = [{ notify: ["NEVER"] } as const, { notify: ["SUCCESS", "FAILURE"] } as const];
const FOUR = [
  refused("a@example.org", { recipient: 0 }),
  refused("b@example.org", { recipient: 3, parameters: NEVER }),
  refused("c@example.org", { recipient: 4, parameters: SUCCESS }),
  refused("d@example.org", { recipient: 7 }),
];
const known = { identity: { user: "ann" } };

async function textOf(made: Awaited<ReturnType<ReturnType<typeof maker>>>): Promise<string> {
  return made.send === undefined ? "" : Buffer.from(await octetsOf(made.send.content)).toString();
}

describe("createDsnMaker", () => {
  it("makes one DSN of all that one is due for, and says nothing of NOTIFY=NEVER", async () => {
    const made = await maker()(stored(known), FOUR, "failed");
    assert.deepEqual(made.suppressed, []);
    assert.equal(made.send?.id, "d0");
    assert.equal(made.send?.config, "0123456789ab");
    const named = [...(await textOf(made)).matchAll(/^Final-Recipient: rfc822; (.*)\r$/gm)].map(
      ([, one]) => one,
    );
    assert.deepEqual(named, ["a@example.org", "c@example.org", "d@example.org"]);
  });

  it("makes none of a stranger's, and gives the numbers of those who are kept as undeliverable", async () => {
    assert.deepEqual(await maker()(stored(), FOUR, "failed"), { suppressed: [0, 4, 7] });
  });

  it("tells of a success whom asked for it", async () => {
    const made = await maker()(stored(known), FOUR, "delivered");
    assert.deepEqual((await textOf(made)).match(/^Final-Recipient: .*$/gm), [
      "Final-Recipient: rfc822; c@example.org",
    ]);
  });

  it("makes none of a DSN", async () => {
    assert.deepEqual(await maker()(stored({ ...known, reversePath: null }), FOUR, "failed"), {
      suppressed: [],
    });
  });

  it("takes another boundary each time", async () => {
    const make = maker();
    const boundaries: (string | undefined)[] = [];
    for (let n = 0; n < 2; n++) {
      boundaries.push(
        /boundary="([^"]*)"/.exec(await textOf(await make(stored(known), FOUR, "failed")))?.[1],
      );
    }
    assert.deepEqual(boundaries, ["=_AAECAwQFBgcICQoLDA0ODw==", "=_EBESExQVFhcYGRobHB0eHw=="]);
  });

  for (const { name, changes, want } of [
    { name: "the nearest served domain above the host", changes: {}, want: "example.net" },
    {
      name: "the host where it is served",
      changes: { domains: ["example.net", "mx.example.net"] },
      want: "mx.example.net",
    },
    {
      name: "the host where nothing above it is",
      changes: { domains: ["ample.net", "example.com"] },
      want: "mx.example.net",
    },
  ]) {
    it(`is from the postmaster of ${name}`, async () => {
      const text = await textOf(await maker(changes)(stored(known), FOUR, "failed"));
      assert.match(
        text,
        new RegExp(`^From: Mail Delivery System <postmaster@${want.replaceAll(".", "\\.")}>\r$`, "m"),
      );
    });
  }

  it("gives what a spool stores in the commit that ends the recipient, with the original whole", async () => {
    const spool = createMemorySpool({ clock: new TestClock() });
    const parameters = { ret: "FULL" } as const;
    await spool.put(message(1, { ...known, parameters, recipients: [recipient("bob@example.org")] }));
    const lease = await spool.lease({ owner: "w", leaseMs: 60_000 });
    assert.ok(lease);
    const [bob] = lease.recipients;
    assert.ok(bob);
    const { send } = await maker()(
      lease.message,
      [{ ...bob, reply: makeReply(550, "1.1", "No"), attemptedAt: START }],
      "failed",
    );
    assert.ok(send);
    assert.equal(await spool.settle(lease, [{ recipient: 0, to: "complete" }], [send]), 1);
    assert.equal(await spool.get(lease.id), undefined, "the original is gone");
    const kept = await spool.get("d0");
    assert.ok(kept);
    assert.equal(kept.reversePath, null);
    assert.match(Buffer.from(await octetsOf(kept.content)).toString(), /^Subject: hello\r\n\r\nbody\r\n/m);
    const again = await spool.lease({ owner: "w", leaseMs: 60_000 });
    assert.deepEqual(
      again?.recipients.map(({ forwardPath, stage }) => [forwardPath.text, stage]),
      [["ann@example.com", "route"]],
    );
  });
});
