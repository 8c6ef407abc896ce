/** What plugins, the trace and the relay policy learn of the client behind an upstream, from which stage on. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Client, condition, definePlugin, pipeline, readAll, reject, routeTo, when } from "postern";
import { forward, octets, openBed, reverse, short } from "./engine-bed.ts";
import { bedOf, byName, to } from "./spool-engine-fixtures.ts";

const FIELD =
  "Received: from liar (spike.example [192.0.2.1]) by front.example; Mon, 1 Jan 2024 00:00:00 +0000\r\n";
const CONTENT = `${FIELD}From: ann@example.com\r\nSubject: hello\r\n\r\nbody\r\n`;

/** An engine behind 10.0.0.0/8, and the client that each hook sees. */
async function watched({
  trustedNetworks = [] as readonly string[],
  upstreams = ["10.0.0.0/8"] as const,
} = {}) {
  const seen: string[] = [];
  const see = (stage: string, { ip, trusted, via }: Client) =>
    void seen.push(`${stage} ${ip}${trusted ? " trusted" : ""}${via === undefined ? "" : ` via ${via}`}`);
  const watch = definePlugin({
    name: "watch",
    routes: true,
    connect: ({ client }) => see("connect", client),
    mail: ({ client }) => see("mail", client),
    rcpt: ({ client }) => see("rcpt", client),
    data: ({ client }) => see("data", client),
    route({ client }) {
      see("route", client);
      return routeTo("backend");
    },
    delivery: ({ client }) => see("delivery", client),
  });
  const bed = await openBed({
    pipeline: pipeline(watch),
    config: {
      listeners: [{ address: "127.0.0.1:25", trustedNetworks, upstreams }],
      domains: ["example.org"],
    },
  });
  return { bed, seen };
}

describe("upstreams", () => {
  it("have the client of their Received field judged from data on, and not before", async () => {
    const { bed, seen } = await watched();
    const session = bed.open("10.0.0.1");
    await session.connect();
    assert.equal((await bed.send(["bob@example.org"], { session, content: CONTENT })).kind, "accepted");
    assert.deepEqual(seen, [
      ...["connect 10.0.0.1", "mail 10.0.0.1", "rcpt 10.0.0.1"],
      ...["data", "route", "delivery"].map((stage) => `${stage} 192.0.2.1 via 10.0.0.1`),
    ]);
    const { client, entries } = bed.last();
    assert.deepEqual(client, { ip: "192.0.2.1", port: 0, trusted: false, via: "10.0.0.1" });
    const notes = entries.flatMap((entry) => ("event" in entry ? [`${entry.event}: ${entry.detail}`] : []));
    assert.ok(notes.includes("trueClient: 192.0.2.1 by way of 10.0.0.1"), notes.join());
  });

  it("are themselves the client of the next transaction until its data", async () => {
    const { bed, seen } = await watched();
    const session = bed.open("10.0.0.1");
    await bed.send(["bob@example.org"], { session, content: CONTENT });
    await bed.send(["bob@example.org"], { session, content: "Subject: x\r\n\r\n" });
    assert.deepEqual(seen.slice(-4), [
      "rcpt 10.0.0.1",
      "data 10.0.0.1",
      "route 10.0.0.1",
      "delivery 10.0.0.1",
    ]);
  });

  it("are those that are listed: what others write into a Received field means nothing", async () => {
    const { bed, seen } = await watched();
    await bed.send(["bob@example.org"], { session: bed.open("192.0.2.77"), content: CONTENT });
    assert.ok(
      seen.every((line) => line.endsWith(" 192.0.2.77")),
      seen.join(),
    );
  });

  it("stand in our trace field and before the next hop as who connected", async () => {
    const { bed } = await watched();
    const session = bed.open("10.0.0.1");
    await session.ehlo("front.example");
    await bed.send(["bob@example.org"], { session, content: CONTENT });
    const [{ content, client } = assert.fail("no delivery")] = bed.deliveries;
    assert.match(
      Buffer.from(await readAll(content)).toString(),
      /^Received: from front\.example \(\[10\.0\.0\.1\]\)/,
    );
    assert.equal(client.ip, "10.0.0.1");
  });

  it("are stored beside their client, so that route sees it on a queued attempt too", async () => {
    const queued = await bedOf(pipeline(byName), {
      config: {
        listeners: [{ address: "127.0.0.1:25", upstreams: ["10.0.0.0/8"] }],
        domains: ["example.org"],
      },
    });
    await queued.gateway.inject({ ...to("queued"), content: CONTENT, client: { ip: "10.0.0.1" } });
    const { client } = await queued.only();
    assert.deepEqual(client, { ip: "192.0.2.1", port: 0, trusted: false, via: "10.0.0.1" });
  });

  it("open no relay: a field that names a trusted network, or the gateway's own loopback, changes no RCPT", async () => {
    for (const ip of ["192.168.0.1", "127.0.0.1", "10.0.0.9"]) {
      const { bed, seen } = await watched({ trustedNetworks: ["192.168.0.0/16", "127.0.0.0/8"] });
      const session = bed.open("10.0.0.1");
      const content = CONTENT.replace("192.0.2.1", ip);
      await bed.send(["bob@example.org"], { session, content });
      assert.ok(!seen.some((line) => line.includes("trusted")), seen.join());
      await session.mail(reverse("ann@example.com"), {});
      assert.equal(short(await session.rcpt(forward("bob@elsewhere.example"), {})), "550 5.7.1");
    }
  });

  it("that are trusted give their trust to no client outside", async () => {
    const { bed, seen } = await watched({ trustedNetworks: ["10.0.0.0/8"] });
    await bed.send(["bob@elsewhere.example"], { session: bed.open("10.0.0.1"), content: CONTENT });
    assert.deepEqual(seen.slice(1, 3), ["rcpt 10.0.0.1 trusted", "data 192.0.2.1 via 10.0.0.1"]);
  });

  it("have conditions on the client evaluated anew from data on", async () => {
    const outside = condition("outside", {
      ...{ from: "connect", per: "session" },
      holds: ({ client }) => !client.ip.startsWith("10."),
    });
    const strict = definePlugin({
      name: "strict",
      connect() {},
      data: () => reject("5.7.1", "Not from outside"),
    });
    const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
    const bed = await openBed({
      pipeline: pipeline(when(outside, strict), routes),
      config: {
        listeners: [{ address: "127.0.0.1:25", upstreams: ["10.0.0.0/8"] }],
        domains: ["example.org"],
      },
    });
    const session = bed.open("10.0.0.1");
    await session.connect();
    const answer = await bed.send(["bob@example.org"], { session, content: CONTENT });
    assert.equal(short(answer), "550 5.7.1");
    assert.equal(
      (await bed.send(["bob@example.org"], { session, content: "Subject: x\r\n\r\n" })).kind,
      "accepted",
    );
  });

  it("send what can not be read as a client as their own mail", async () => {
    const { bed, seen } = await watched();
    const session = bed.open("10.0.0.1");
    await session.mail(reverse("ann@example.com"), {});
    await session.rcpt(forward("bob@example.org"), {});
    const receiver = session.receive();
    await receiver.write(octets(`Received: from x (${"(".repeat(10_000)}\r\nSubject: x\r\n\r\n`));
    assert.equal((await receiver.end()).answer.kind, "accepted");
    assert.equal(seen.at(-1), "delivery 10.0.0.1");
    const notes = bed.last().entries.flatMap((entry) => ("event" in entry ? [entry.detail] : []));
    assert.ok(notes.includes("the upstream 10.0.0.1 itself"), notes.join());
  });
});
