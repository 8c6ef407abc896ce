/** Clients that speak before the greeting, or pipeline before it is allowed. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EarlyTalkWatch } from "../../core/smtp/early-talk.ts";
import { verbOf } from "../../core/smtp/limits.ts";
import { type BedInput, bed, Client } from "./limits-fixtures.ts";
import { v2Tcp4 } from "./proxy-fixtures.ts";

describe("EarlyTalkWatch", () => {
  // A word is a command, with a + where it comes before the replies to what was before it are sent.
  const cases = [
    { name: "one by one", words: "EHLO MAIL RCPT", want: undefined },
    { name: "a group after EHLO was answered", words: "EHLO MAIL +RCPT +DATA", want: undefined },
    { name: "a command behind EHLO", words: "EHLO +MAIL", want: "pipelining" },
    { name: "a group before any EHLO", words: "NOOP +NOOP", want: "pipelining" },
    { name: "a group after HELO, which offers nothing", words: "HELO MAIL +RCPT", want: "pipelining" },
    { name: "EHLO as the last of a group", words: "EHLO MAIL +RSET +EHLO", want: undefined },
    { name: "a command behind a second EHLO", words: "EHLO MAIL EHLO +MAIL", want: "pipelining" },
    { name: "a group after EHLO and then HELO", words: "EHLO HELO MAIL +RCPT", want: "pipelining" },
    { name: "a group after LHLO", words: "LHLO MAIL +RCPT", want: undefined },
  ];
  for (const { name, words, want } of cases) {
    it(`${want === undefined ? "lets pass" : "notes"} ${name}`, () => {
      const watch = new EarlyTalkWatch();
      let times = 0;
      for (const word of words.split(" ")) {
        const verb = verbOf(Buffer.from(word.replace("+", "")));
        if (watch.command(verb, word.startsWith("+"))) times += 1;
      }
      assert.equal(watch.how, want);
      assert.equal(times, want === undefined ? 0 : 1);
    });
  }
});

/** A listener whose engine answers to the connection once `octets` have come before the greeting. */
async function spoken(octets: string | Uint8Array, input: BedInput, say = "") {
  const one = await bed(input);
  let answer: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    const { openSession } = one.gateway;
    one.gateway.openSession = (start) => {
      const session = openSession.call(one.gateway, start);
      const { connect } = session;
      session.connect = async () => {
        const waits = new Promise<void>((go) => (answer = go));
        resolve();
        await waits;
        return connect.call(session);
      };
      return session;
    };
  });
  const client = await Client.open(one.port);
  client.say(octets);
  await asked;
  if (say !== "") client.say(say);
  // Written octets of loopback are there to be read; some turns of the loop read them.
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  answer();
  const heard: string[] = [];
  for (let reply = await client.reply(); reply !== ""; reply = await client.reply()) {
    heard.push(reply.slice(0, 9));
    if (reply.startsWith("220") && (octets === "EH" || octets === "")) client.say("LO c\r\nQUIT\r\n");
    if (reply.startsWith("221")) client.socket.end();
  }
  const lines = one.logged.filter(({ event }) => event === "earlyTalker");
  await one.close();
  return { heard: heard.map((reply) => reply.slice(0, 3)).join(" "), first: heard[0], lines };
}

describe("listenSmtp with earlyTalkers", () => {
  for (const octets of ["EHLO c\r\nQUIT\r\n", "EH"]) {
    it(`refuse: says 554 5.5.1 in place of the greeting where ${JSON.stringify(octets)} came before it`, async () => {
      const { first, heard, lines } = await spoken(octets, { listener: { earlyTalkers: "refuse" } });
      assert.equal(first, "554 5.5.1");
      assert.equal(heard, "554");
      assert.deepEqual(
        lines.map(({ how, client, refused }) => [how, client, refused]),
        [["beforeGreeting", "127.0.0.1", true]],
      );
    });

    it(`note: greets and runs ${JSON.stringify(octets)} that came before the greeting`, async () => {
      const { heard, lines } = await spoken(octets, {});
      assert.equal(heard, "220 250 221");
      // With "EH" the rest came after the greeting, in a group that was not allowed: that is no second line.
      assert.deepEqual(
        lines.map(({ how, refused }) => [how, refused]),
        [["beforeGreeting", false]],
      );
    });
  }

  it("refuse: spares clients in trusted networks", async () => {
    const listener = { earlyTalkers: "refuse", trustedNetworks: ["127.0.0.0/8"] } as const;
    const { heard } = await spoken("EHLO c\r\nQUIT\r\n", { listener });
    assert.equal(heard, "220 250 221");
  });

  it("refuse: does not take a PROXY header for talk, and does take what comes behind it", async () => {
    const listener = { earlyTalkers: "refuse", proxyProtocol: ["127.0.0.1"] } as const;
    const header = v2Tcp4([203, 0, 113, 9], 4000);
    const talks = await spoken(Buffer.concat([header, Buffer.from("EH")]), { listener });
    assert.equal(talks.heard, "554");
    assert.equal(talks.lines[0]?.client, "203.0.113.9");
    const { port, close } = await bed({ listener });
    const client = await Client.open(port);
    client.say(header);
    assert.match(await client.reply(), /^220 /);
    await close();
  });

  const GROUPS = [
    { name: "a command behind EHLO", say: "EHLO c\r\nNOOP\r\n", note: "250 250", refuse: "250 554" },
    { name: "a group after HELO", say: "HELO c\r\nNOOP\r\nNOOP\r\n", note: "250 250 250", refuse: "250 554" },
    { name: "two commands before EHLO", say: "NOOP\r\nNOOP\r\n", note: "250 250", refuse: "250 554" },
  ];
  for (const { name, say, note, refuse } of GROUPS) {
    for (const earlyTalkers of ["note", "refuse"] as const) {
      it(`${earlyTalkers}: ${name} is taken down once as pipelining`, async () => {
        const { port, logged, close } = await bed({ listener: { earlyTalkers } });
        const client = await Client.open(port);
        await client.reply();
        client.say(say);
        const want = earlyTalkers === "note" ? note : refuse;
        const heard: string[] = [];
        while (heard.length < want.split(" ").length) heard.push((await client.reply()).slice(0, 3));
        assert.equal(heard.join(" "), want);
        if (earlyTalkers === "refuse") await client.closed();
        const lines = logged.filter(({ event }) => event === "earlyTalker");
        assert.deepEqual(
          lines.map(({ how, refused }) => [how, refused]),
          [["pipelining", earlyTalkers === "refuse"]],
        );
        await close();
      });
    }
  }

  it("refuse: takes a whole transaction as a group once EHLO was answered", async () => {
    const { port, logged, gateway, close } = await bed({ listener: { earlyTalkers: "refuse" } });
    const client = await Client.open(port);
    await client.reply();
    await client.ask("EHLO c");
    client.say("MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n");
    for (const want of ["250", "250", "354"]) assert.equal((await client.reply()).slice(0, 3), want);
    client.say("Hi\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n");
    for (const want of ["250", "250", "250", "221"]) assert.equal((await client.reply()).slice(0, 3), want);
    assert.equal(gateway.messages.length, 1);
    assert.deepEqual(logged, []);
    await close();
  });
});
