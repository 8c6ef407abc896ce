/** What the engine learns of a client that XCLIENT names: its name, its login, how it greeted, and for how long. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, mailbox, pipeline, readAll, routeTo } from "postern";
import { openBed } from "../gateway/engine-bed.ts";
import { bed, Client } from "./limits-fixtures.ts";
import { SeeingGateway } from "./proxy-fixtures.ts";
import type { ScriptedGateway } from "./scripted-gateway.ts";

const XCLIENT = { xclient: ["127.0.0.1"] };

/** Says the commands one by one to a listener whose peer is listed, and gives how each session began. */
async function starts(...commands: readonly string[]) {
  const gateway = new SeeingGateway();
  const { port, close } = await bed({ gateway, listener: XCLIENT });
  const client = await Client.open(port);
  await client.reply();
  for (const command of commands) assert.match(await client.ask(command), /^2/, command);
  client.socket.destroy();
  await close();
  return { starts: gateway.starts.slice(1), events: gateway.events };
}

const NAMES = [
  { say: "NAME=Spike.Example.", want: { result: "pass", name: "spike.example", ip: "192.0.2.1" } },
  { say: "NAME=[UNAVAILABLE]", want: { result: "permerror", name: "", ip: "192.0.2.1" } },
  { say: "NAME=[UNAVAILABLE] REVERSE_NAME=a.b", want: { result: "fail", name: "", ip: "192.0.2.1" } },
  { say: "NAME=[TEMPUNAVAIL] REVERSE_NAME=a.b", want: { result: "temperror", name: "", ip: "192.0.2.1" } },
  { say: "REVERSE_NAME=a.b", want: undefined },
  { say: "HELO=a", want: undefined },
];

describe("openSession after XCLIENT", () => {
  for (const { say, want } of NAMES)
    it(`is given ${want ? want.result : "no client name"} for ${say}`, async () => {
      const { starts: given } = await starts(`XCLIENT ADDR=192.0.2.1 ${say}`);
      assert.deepEqual(given[0]?.clientName, want);
    });

  it("is given the login as an identity, and what was said of the same client stays", async () => {
    const { starts: given } = await starts(
      "XCLIENT ADDR=192.0.2.1 NAME=a.b LOGIN=ann",
      "XCLIENT PORT=7 HELO=c",
    );
    for (const { client, identity, clientName } of given) {
      assert.equal(client.ip, "192.0.2.1");
      assert.deepEqual(identity, { user: "ann" });
      assert.equal(clientName?.name, "a.b");
    }
    assert.equal(given.length, 2);
  });

  it("is given nothing that was said of another client", async () => {
    const all = "XCLIENT ADDR=192.0.2.1 NAME=a.b LOGIN=ann HELO=c PROTO=SMTP";
    for (const addr of ["192.0.2.2", "192.0.2.1", "[UNAVAILABLE]"]) {
      const { starts: given, events } = await starts(all, `XCLIENT ADDR=${addr}`, "EHLO relay");
      const { identity, clientName } = given[1] ?? assert.fail("one session");
      assert.deepEqual([identity, clientName], [undefined, undefined]);
      assert.equal(events.at(-2), "EHLO relay");
    }
  });

  it("is given no identity where none was said, though the peer itself logged in", async () => {
    const { starts: given } = await starts("XCLIENT LOGIN=ann", "XCLIENT LOGIN=[UNAVAILABLE]");
    assert.deepEqual(
      given.map(({ identity }) => identity?.user),
      ["ann", undefined],
    );
  });

  const PROTO = [
    { say: "PROTO=SMTP", greeting: "EHLO", want: "HELO" },
    { say: "PROTO=ESMTP", greeting: "HELO", want: "EHLO" },
    { say: "PROTO=[UNAVAILABLE]", greeting: "HELO", want: "HELO" },
  ];
  for (const { say, greeting, want } of PROTO)
    it(`makes ${want} of the peer's ${greeting} after ${say}`, async () => {
      const { events } = await starts(`XCLIENT ADDR=192.0.2.1 ${say} HELO=c`, `${greeting} relay`);
      assert.ok(events.includes(`${want} c`), events.join());
    });

  it("puts the client's name and way of greeting into the trace field", async () => {
    const engine = await openBed({
      pipeline: pipeline(definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") })),
      config: { domains: ["d.example"], nextHops: { backend: mailbox() } },
    });
    const gateway = engine.gateway as unknown as ScriptedGateway;
    const { port, close } = await bed({ gateway, listener: XCLIENT });
    const client = await Client.open(port);
    await client.reply();
    const said = "XCLIENT ADDR=192.0.2.1 NAME=Spike.Example HELO=c PROTO=SMTP";
    await client.askAll(said, "EHLO relay", "MAIL FROM:<>", "RCPT TO:<b@d.example>", "DATA");
    assert.match(await client.ask("Subject: x\r\n\r\nx\r\n."), /^250 /);
    const [{ content } = assert.fail("no delivery")] = engine.deliveries;
    assert.match(
      Buffer.from(await readAll(content)).toString(),
      /^Received: from c \(spike\.example \[192\.0\.2\.1\]\)\r\n\tby gate\.example \(Postern\) with SMTP id /,
    );
    client.socket.destroy();
    await close();
  });
});
