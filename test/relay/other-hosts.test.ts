/** A host that puts a delivery off, and the others that are asked then (RFC 5321 5.1). */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { MxNextHop } from "../../core/config/mod.ts";
import type { Delivery, DeliveryResult } from "../../core/gateway/mod.ts";
import { createSmtpDriver } from "../../core/relay/mod.ts";
import { mxBed, sinksOn } from "./mx-fixtures.ts";
import {
  clock,
  delivery,
  goOn,
  nextHop,
  offering,
  recordingLog,
  streamed,
  summary,
} from "./relay-fixtures.ts";
import type { Script } from "./sink-server.ts";

const PUT_OFF = "450 4.7.1 Greylisted";
const TAKEN = "delivered 250 2.0.0";
const ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];

/** Answers so to commands that begin like this. */
const saying =
  (start: string, answer: string | null): Script =>
  (command) =>
    command.startsWith(start) ? answer : undefined;

/** Puts off every recipient, and takes no content for nobody. */
const offRcpt: Script = (command) =>
  command.startsWith("RCPT") ? PUT_OFF : command === "DATA" ? "554 5.5.1 nobody" : undefined;

/** Hosts mx1, mx2 and so on with preferences 10, 20 and so on, that answer by these scripts. */
async function hostsBy(
  context: TestContext,
  scripts: readonly (Script | undefined)[],
  hop: Partial<MxNextHop> = {},
) {
  const names = scripts.map((_, n) => ADDRESSES[n]!);
  const sinks = await sinksOn(Object.fromEntries(scripts.map((script, n) => [names[n], script])));
  const zone = {
    "b.example": { MX: names.map((_, n) => `${(n + 1) * 10} mx${n + 1}.example.`) },
    ...Object.fromEntries(names.map((ip, n) => [`mx${n + 1}.example`, { A: [ip] }])),
  };
  const bed = mxBed(sinks.port, zone, hop);
  context.after(async () => {
    await bed.driver.close();
    await sinks.close();
  });
  return {
    bed,
    sinks: names.map((name) => sinks.at[name]!),
    connections: () => names.map((name) => sinks.at[name]!.connections()),
    messages: () => names.map((name) => sinks.at[name]!.messages.length),
  };
}

const plain: Script = offering("PIPELINING");
const chunking: Script = offering("PIPELINING", "CHUNKING");
const alone: Script = offering();
const both =
  (...scripts: readonly Script[]): Script =>
  (command, connection) => {
    for (const script of scripts) {
      const answer = script(command, connection);
      if (answer !== undefined) return answer;
    }
    return undefined;
  };

describe("mx() goes on to the next host where one", () => {
  const cases: readonly {
    readonly name: string;
    readonly first: Script;
    readonly to?: readonly string[];
    readonly changes?: Partial<Delivery>;
  }[] = [
    { name: "says 4xx in its greeting", first: saying("GREETING", "421 4.3.2 busy") },
    { name: "says 4xx to EHLO", first: saying("EHLO", "451 4.3.0 busy") },
    {
      name: "says 4xx to MAIL, with PIPELINING",
      first: both(
        plain,
        saying("MAIL", "452 4.3.1 full"),
        saying("RCPT", "503 5.5.1 no"),
        saying("DATA", "503 5.5.1 no"),
      ),
    },
    { name: "says 4xx to MAIL, without", first: both(alone, saying("MAIL", "452 4.3.1 full")) },
    {
      name: "says 4xx to the only RCPT",
      first: both(plain, saying("RCPT", PUT_OFF), saying("DATA", "554 5.5.1 nobody")),
    },
    { name: "says 4xx to the only RCPT, and 354 all the same", first: both(plain, saying("RCPT", PUT_OFF)) },
    {
      name: "says 4xx to the only RCPT, with the content in a chunk behind it",
      first: both(chunking, saying("RCPT", PUT_OFF)),
    },
    {
      name: "says 4xx to each RCPT",
      first: both(plain, saying("RCPT", PUT_OFF)),
      to: ["bob@b.example", "ann@b.example"],
    },
    {
      name: "says 4xx to each RCPT, without PIPELINING",
      first: both(alone, saying("RCPT", PUT_OFF)),
      to: ["bob@b.example", "ann@b.example"],
    },
    {
      name: "says 421 to the first RCPT",
      first: both(alone, saying("RCPT", "421 4.7.0 too many")),
      to: ["bob@b.example", "ann@b.example"],
    },
    { name: "hangs up at RCPT", first: both(alone, saying("RCPT", null)) },
    { name: "says to RCPT what can not be read", first: both(alone, saying("RCPT", "what")) },
    {
      name: "puts off a message that is read from a file",
      first: both(plain, saying("RCPT", PUT_OFF)),
      changes: { content: streamed("Subject: a\r\n\r\nb\r\n") },
    },
  ];
  for (const { name, first, to = ["bob@b.example"], changes } of cases) {
    it(name, async (context) => {
      const { bed, messages } = await hostsBy(context, [first, undefined]);
      const result = await bed.deliver(to, changes);
      assert.deepEqual(new Set(summary(result)), new Set([TAKEN]));
      assert.equal(result.recipients.length, to.length);
      assert.deepEqual(messages(), [0, 1]);
    });
  }

  it("says 4xx, one after the other by preference, and tells the trace of each", async (context) => {
    const off = saying("RCPT", PUT_OFF);
    const { bed, connections } = await hostsBy(context, [off, off, undefined, undefined]);
    const { recipients, server, cause } = await bed.deliver("bob@b.example");
    assert.equal(recipients[0]?.status, "delivered");
    assert.match(String(server), /^mx3\.example/);
    assert.match(String(cause), /^mx1\S+: 450 4\.7\.1 Greylisted; then mx2\S+: 450 .*; then mx3\S+: 250 /);
    assert.deepEqual(connections(), [1, 1, 1, 0]);
  });

  it("says 4xx on a kept connection, and begins the next message at the best host again", async (context) => {
    let off = false;
    const first: Script = (command) => (off ? offRcpt(command, 1) : undefined);
    const { bed, messages, connections } = await hostsBy(context, [first, undefined]);
    assert.deepEqual(await bed.send("bob@b.example"), [TAKEN]);
    off = true;
    assert.deepEqual(await bed.send("bob@b.example"), [TAKEN]);
    off = false;
    assert.deepEqual(await bed.send("bob@b.example"), [TAKEN]);
    assert.deepEqual(messages(), [2, 1]);
    assert.deepEqual(connections(), [1, 1]);
  });

  it("says 4xx, with one connection allowed", async (context) => {
    const { bed, messages } = await hostsBy(context, [saying("RCPT", PUT_OFF), undefined], {
      connectionsMax: 1,
    });
    assert.deepEqual(await bed.send("bob@b.example"), [TAKEN]);
    assert.deepEqual(messages(), [0, 1]);
  });
});

describe("mx() stays with the answer of a host that", () => {
  const cases: readonly {
    readonly name: string;
    readonly first: Script;
    readonly to?: readonly string[];
    readonly changes?: Partial<Delivery>;
    readonly want: readonly string[];
    readonly ended?: DeliveryResult["ended"];
  }[] = [
    { name: "says 5xx", first: saying("RCPT", "550 5.1.1 nobody"), want: ["rejected 550 5.1.1"] },
    {
      name: "takes one recipient and puts off another",
      first: both(plain, (command) => (command.includes("ann@") ? PUT_OFF : undefined)),
      to: ["bob@b.example", "ann@b.example"],
      want: [TAKEN, "tempfailed 450 4.7.1"],
    },
    {
      name: "refuses one recipient and puts off another",
      first: both(plain, (command) =>
        command.includes("ann@") ? PUT_OFF : command.startsWith("RCPT") ? "550 5.1.1 nobody" : undefined,
      ),
      to: ["bob@b.example", "ann@b.example"],
      want: ["rejected 550 5.1.1", "tempfailed 450 4.7.1"],
    },
    {
      name: "says 4xx to DATA",
      first: both(plain, saying("DATA", "451 4.3.0 later")),
      want: ["tempfailed 451 4.3.0"],
    },
    {
      name: "says 4xx to the content",
      first: both(plain, saying(".", "451 4.3.0 later")),
      want: ["tempfailed 451 4.3.0"],
    },
    {
      name: "says 4xx to a chunk",
      first: both(chunking, saying("BDAT", "451 4.3.0 later")),
      want: ["tempfailed 451 4.3.0"],
    },
    {
      name: "hangs up at a chunk whose recipient it put off",
      first: both(chunking, saying("RCPT", PUT_OFF), saying("BDAT", null)),
      want: ["tempfailed 450 4.7.1"],
    },
    {
      name: "takes a chunk for nobody",
      first: both(chunking, saying("RCPT", PUT_OFF), saying("BDAT", "250 2.0.0 taken")),
      want: ["tempfailed 450 4.7.1"],
    },
    {
      name: "hangs up at the final dot",
      first: both(plain, saying(".", null)),
      want: ["tempfailed 451 4.4.2"],
      ended: "lost",
    },
    {
      name: "hangs up at DATA, when it took the recipient",
      first: both(plain, saying("DATA", null)),
      want: ["tempfailed 451 4.4.2"],
      ended: "connection",
    },
    {
      name: "wants a login",
      first: both(plain, saying("MAIL", "530 5.7.0 log in")),
      want: ["tempfailed 451 4.3.5"],
      ended: "us",
    },
  ];
  for (const { name, first, to = ["bob@b.example"], changes, want, ended = "reply" } of cases) {
    it(name, async (context) => {
      const { bed, connections } = await hostsBy(context, [first, undefined]);
      const result = await bed.deliver(to, changes);
      assert.deepEqual(summary(result), want);
      assert.equal(result.ended, ended);
      assert.deepEqual(connections(), [1, 0]);
    });
  }

  it("said 4xx last, where none takes it, and asks 4 at most", async (context) => {
    const off = (n: number) => saying("RCPT", `450 4.7.1 Greylisted by ${n}`);
    const { bed, connections } = await hostsBy(context, [off(1), off(2), off(3), off(4), off(5)]);
    const { recipients, ended } = await bed.deliver("bob@b.example");
    assert.equal(recipients[0]?.reply.text, "Greylisted by 4");
    assert.equal(ended, "reply");
    assert.deepEqual(connections(), [1, 1, 1, 1, 0]);
  });

  it("said 4xx, where the one behind it can not be reached", async (context) => {
    const { bed } = await hostsBy(context, [saying("RCPT", PUT_OFF), saying("GREETING", null)]);
    const { recipients, ended, cause } = await bed.deliver("bob@b.example");
    assert.deepEqual([recipients[0]?.reply.text, ended], ["Greylisted", "reply"]);
    assert.match(String(cause), /^mx1\S+: 450 4\.7\.1 Greylisted; then /);
  });

  it("said 4xx, where the one behind it refuses us", async (context) => {
    const { bed } = await hostsBy(context, [saying("RCPT", PUT_OFF), saying("MAIL", "530 5.7.0 log in")]);
    const { recipients, ended } = await bed.deliver("bob@b.example");
    assert.deepEqual([recipients[0]?.reply.text, ended], ["Greylisted", "reply"]);
  });

  it("said 5xx behind one that said 4xx", async (context) => {
    const { bed } = await hostsBy(context, [saying("RCPT", PUT_OFF), saying("RCPT", "550 5.1.1 nobody")]);
    assert.deepEqual(await bed.send("bob@b.example"), ["rejected 550 5.1.1"]);
  });

  it("may have taken it, behind one that said 4xx", async (context) => {
    const { bed, connections } = await hostsBy(context, [
      saying("RCPT", PUT_OFF),
      saying(".", null),
      undefined,
    ]);
    const { recipients, ended } = await bed.deliver("bob@b.example");
    assert.deepEqual([recipients[0]?.reply.enhanced, ended], ["4.4.2", "lost"]);
    assert.deepEqual(connections(), [1, 1, 0]);
  });

  it("said 4xx, when the delivery's time is over by then", async (context) => {
    const over = new AbortController();
    const first: Script = (command) => {
      if (!command.startsWith("RCPT")) return undefined;
      over.abort();
      return PUT_OFF;
    };
    const { bed, connections } = await hostsBy(context, [first, undefined]);
    const result = await bed.driver.deliver(delivery("a\r\n"), { ...goOn(), signal: over.signal });
    assert.equal(result.recipients[0]?.status, "tempfailed");
    assert.deepEqual(connections(), [1, 0]);
  });

  it("was passed over a short while ago is not asked in place of one that says 4xx", async (context) => {
    const { bed, connections } = await hostsBy(context, [offRcpt, saying("GREETING", null)]);
    for (let n = 0; n < 2; n += 1)
      assert.deepEqual(await bed.send("bob@b.example"), ["tempfailed 450 4.7.1"]);
    assert.deepEqual(connections(), [1, 1]);
  });
});

describe("smtp() with several servers", () => {
  it("goes on to the next one where one puts the recipients off", async (context) => {
    const sinks = await sinksOn({
      "127.0.0.1": saying("RCPT", "452 4.2.2 over quota"),
      "127.0.0.2": undefined,
    });
    const servers = Object.keys(sinks.at).map((host) => ({ host, port: sinks.port }));
    const options = { hostName: "gw.example", log: recordingLog(), clock };
    const driver = createSmtpDriver("sink", nextHop(sinks.port, { servers }), options);
    context.after(async () => {
      await driver.close();
      await sinks.close();
    });
    assert.deepEqual(summary(await driver.deliver(delivery("a\r\n"), goOn())), [TAKEN]);
    assert.equal(sinks.at["127.0.0.2"]?.messages.length, 1);
  });
});
