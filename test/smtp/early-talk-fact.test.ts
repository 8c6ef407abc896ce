/** Early talk as a fact: what plugins read of it, in which stage, with the real engine behind the listener. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { condition, definePlugin, EarlyTalk, mailbox, pipeline, reject, routeTo, when } from "postern";
import type { ListenerConfig } from "../../core/config/mod.ts";
import { openBed } from "../gateway/engine-bed.ts";
import { bed, Client } from "./limits-fixtures.ts";
import { v2Tcp4 } from "./proxy-fixtures.ts";
import type { ScriptedGateway } from "./scripted-gateway.ts";

/** A listener whose plugin tells what it reads in each stage, and refuses recipients of early talkers. */
async function watched(listener: Partial<ListenerConfig> = {}) {
  const seen: string[] = [];
  const watch = definePlugin({
    name: "watch",
    reads: [EarlyTalk],
    connect: (ctx) => void seen.push(`connect ${ctx.fact(EarlyTalk)}`),
    ehlo: (ctx) => void seen.push(`ehlo ${ctx.fact(EarlyTalk)}`),
    mail: (ctx) => void seen.push(`mail ${ctx.fact(EarlyTalk)}`),
    routes: true,
    route: () => routeTo("backend"),
  });
  const hasty = condition("hasty", {
    ...{ from: "rcpt", per: "session", reads: [EarlyTalk] },
    holds: (ctx) => ctx.fact(EarlyTalk) !== "none",
  });
  const strict = definePlugin({ name: "strict", rcpt: () => reject("5.7.1", "You do not wait") });
  const engine = await openBed({
    pipeline: pipeline(watch, when(hasty, strict)),
    config: { domains: ["d.example"], nextHops: { backend: mailbox() } },
  });
  const one = await bed({ listener, gateway: engine.gateway as unknown as ScriptedGateway });
  return { ...one, seen };
}

/** Says each group in one write and reads as many replies as it has commands. */
async function codes(client: Client, groups: readonly string[]): Promise<string> {
  const heard: string[] = [];
  for (const group of groups) {
    client.say(group);
    for (const _command of group.trimEnd().split("\r\n")) heard.push((await client.reply()).slice(0, 3));
  }
  return heard.join(" ");
}

const MAIL = "MAIL FROM:<a@d.example>\r\n";
const RCPT = "RCPT TO:<b@d.example>\r\n";

describe("EarlyTalk", () => {
  it("is none for a client that waits, and for one that pipelines after EHLO", async () => {
    const { port, seen, close } = await watched();
    const client = await Client.open(port);
    await client.reply();
    assert.equal(await codes(client, ["EHLO c\r\n", MAIL + RCPT]), "250 250 250");
    assert.deepEqual(seen, ["connect none", "ehlo none", "mail none"]);
    client.socket.destroy();
    await close();
  });

  it("is pipelining from the command behind EHLO on, and outlives RSET and another EHLO", async () => {
    const { port, seen, close } = await watched();
    const client = await Client.open(port);
    await client.reply();
    assert.equal(
      await codes(client, [`EHLO c\r\n${MAIL}`, RCPT, "RSET\r\n", "EHLO c\r\n", MAIL]),
      "250 250 550 250 250 250",
    );
    assert.deepEqual(seen, [
      ...["connect none", "ehlo none", "mail pipelining"],
      ...["ehlo pipelining", "mail pipelining"],
    ]);
    client.socket.destroy();
    await close();
  });

  it("is beforeGreeting in connect already, where the octets came before its hooks", async () => {
    const { port, seen, close } = await watched({ proxyProtocol: ["127.0.0.1"] });
    const client = await Client.open(port);
    client.say(Buffer.concat([v2Tcp4([203, 0, 113, 9], 4000), Buffer.from("EHLO c\r\n")]));
    await client.reply();
    await client.reply();
    assert.equal(await codes(client, [MAIL, RCPT]), "250 550");
    assert.deepEqual(seen, ["connect beforeGreeting", "ehlo beforeGreeting", "mail beforeGreeting"]);
    client.socket.destroy();
    await close();
  });

  it("is the first thing that the client did", async () => {
    const { port, seen, close } = await watched({ proxyProtocol: ["127.0.0.1"] });
    const client = await Client.open(port);
    client.say(Buffer.concat([v2Tcp4([203, 0, 113, 9], 4000), Buffer.from(`EHLO c\r\n${MAIL}`)]));
    for (const want of ["220", "250", "250"]) assert.equal((await client.reply()).slice(0, 3), want);
    assert.equal(seen.at(-1), "mail beforeGreeting");
    client.socket.destroy();
    await close();
  });

  it("is told to the connect hooks also where the listener then refuses such clients", async () => {
    const { port, seen, close } = await watched({ proxyProtocol: ["127.0.0.1"], earlyTalkers: "refuse" });
    const client = await Client.open(port);
    client.say(Buffer.concat([v2Tcp4([203, 0, 113, 9], 4000), Buffer.from("EHLO c\r\n")]));
    assert.match(await client.reply(), /^554 5\.5\.1 /);
    await client.closed();
    assert.deepEqual(seen, ["connect beforeGreeting"]);
    await close();
  });

  it("of a peer is not that of the client which it names by XCLIENT", async () => {
    const { port, seen, close } = await watched({ xclient: ["127.0.0.1"] });
    const client = await Client.open(port);
    await client.reply();
    assert.equal(
      await codes(client, ["EHLO c\r\nNOOP\r\n", "XCLIENT ADDR=203.0.113.9\r\n", "EHLO c\r\n", MAIL]),
      "250 250 220 250 250",
    );
    assert.equal(seen.at(-1), "mail none");
    client.socket.destroy();
    await close();
  });
});
