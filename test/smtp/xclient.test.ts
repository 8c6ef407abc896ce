/** XCLIENT: what it may say, who may say it, and what becomes of the session. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import type { ListenerConfig } from "../../core/config/mod.ts";
import { parseXclient, XCLIENT_KEYWORD } from "../../core/smtp/xclient.ts";
import { bed, Client } from "./limits-fixtures.ts";
import { SeeingGateway } from "./proxy-fixtures.ts";

const RIGHT = [
  { name: "an IPv4 address", input: "ADDR=192.0.2.1", want: { addr: "192.0.2.1" } },
  { name: "IPv6 with its lead", input: "addr=IPv6:2001:DB8:0:0::1", want: { addr: "2001:db8::1" } },
  { name: "IPv4-mapped IPv6", input: "ADDR=IPV6:::ffff:192.0.2.1", want: { addr: "192.0.2.1" } },
  {
    name: "all that there is",
    input:
      " NAME=spike.example ADDR=192.0.2.1 PORT=40000 PROTO=esmtp HELO=spike LOGIN=ann DESTADDR=IPV6:::1 DESTPORT=25 REVERSE_NAME=Spike.example.",
    want: {
      ...{ name: "spike.example", addr: "192.0.2.1", port: 40_000, proto: "ESMTP", helo: "spike" },
      ...{ login: "ann", destaddr: "::1", destport: 25, reverse_name: "Spike.example." },
    },
  },
  {
    name: "what is not known",
    input: "NAME=[UNAVAILABLE] ADDR=[unavailable] PORT=[UNAVAILABLE] HELO=[UNAVAILABLE] LOGIN=[UNAVAILABLE]",
    want: { name: null, addr: null, port: null, helo: null, login: null },
  },
  {
    name: "what DNS did not tell",
    input: "NAME=[tempunavail] REVERSE_NAME=[TEMPUNAVAIL]",
    want: { name: null, nameUnanswered: true as const, reverse_name: null },
  },
  { name: "a login with a space", input: "LOGIN=a+20b", want: { login: "a b" } },
  { name: "xtext", input: "HELO=a+2Bb", want: { helo: "a+b" } },
];
const WRONG = [
  ...["", " ", "ADDR", "=x", "ADDR=", "ADDR=x.example", "ADDR=2001:db8::1", "ADDR=IPV6:192.0.2.1"],
  ...["ADDR=IPV6:fe80::1%lo", "ADDR=192.0.2.1 ADDR=192.0.2.2", "PORT=65536", "PORT=-1", "PORT=01", "PORT="],
  ...["PROTO=LMTP", "HELO=", "HELO=a+20b", "HELO=a+0D+0Ab", "HELO=a+", "HELO=a+2b", "NAME=a+00b", "NAME=-a"],
  ...["LOGIN=", "LOGIN=+20", "LOGIN=a+0Ab", "LOGIN=a+C3+A4", `LOGIN=${"x".repeat(256)}`, "REVERSE_NAME=a/b"],
  ...["nameUnanswered=1", "FOO=1", "toString=1", "__proto__=1", `HELO=${"x".repeat(256)}`],
];

describe("parseXclient", () => {
  for (const { name, input, want } of RIGHT)
    it(`takes ${name}`, () => assert.deepEqual(parseXclient(input), want));
  it("refuses the whole where anything of it is wrong", () => {
    for (const input of WRONG) assert.equal(parseXclient(input), undefined, input);
    for (const input of WRONG)
      if (input.trim() !== "") assert.equal(parseXclient(`DESTPORT=1 ${input}`), undefined, input);
  });
  it("never throws and gives nothing with a control character", () => {
    const word = fc.tuple(
      fc.constantFrom("NAME", "ADDR", "PORT", "HELO", "PROTO", "LOGIN", "DESTADDR", "REVERSE_NAME", "X"),
      fc.string({ unit: "binary", maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 10 }), (words) => {
        const read = parseXclient(words.map(([key, value]) => `${key}=${value}`).join(" "));
        assert.doesNotMatch(Object.values(read ?? {}).join(), /\p{Cc}/u);
      }),
    );
  });
});

/** 127.0.0.1 is listed, 127.0.0.2 is not. */
async function behindRelay(listener: Partial<ListenerConfig> = {}, more: Parameters<typeof bed>[0] = {}) {
  const gateway = new SeeingGateway();
  return {
    ...(await bed({ ...more, gateway, listener: { xclient: ["127.0.0.1"], ...listener } })),
    gateway,
  };
}

async function greeted(port: number, localAddress?: string): Promise<Client> {
  const client = await Client.open(port, localAddress);
  assert.match(await client.reply(), /^220 /);
  return client;
}

const ADDR = "XCLIENT ADDR=203.0.113.9 PORT=40000";

describe("listenSmtp with xclient", () => {
  it("begins the session anew for the client that is named: 220, and EHLO is needed again", async () => {
    const { port, gateway, close } = await behindRelay();
    const client = await greeted(port);
    await client.ask("EHLO relay");
    assert.match(await client.ask(`${ADDR} DESTADDR=198.51.100.2 DESTPORT=25`), /^220 mx\.example ESMTP/);
    assert.match(await client.ask("MAIL FROM:<>"), /^503 /);
    assert.equal(await client.askAll("EHLO relay", "MAIL FROM:<>", "QUIT"), "250 250 221");
    assert.deepEqual(
      gateway.starts.map(({ client: who, local }) => ({ ip: who.ip, local })),
      [
        { ip: "127.0.0.1", local: `127.0.0.1:${port}` },
        { ip: "203.0.113.9", local: "198.51.100.2:25" },
      ],
    );
    assert.equal(gateway.starts[1]?.client.port, 40_000);
    // The engine was told that the first session is over before the second began.
    assert.deepEqual(gateway.events.slice(0, 3), ["EHLO relay", "close", "EHLO relay"]);
    await close();
  });

  it("is offered to listed peers alone, and refused to others", async () => {
    const { port, gateway, close } = await behindRelay();
    const offers = async (localAddress: string): Promise<string> => {
      const client = await greeted(port, localAddress);
      let heard = "";
      client.socket.on("data", (chunk) => (heard += String(chunk)));
      await client.ask("EHLO c");
      const refused = await client.ask(ADDR);
      return `${/XCLIENT NAME.*/.exec(heard)?.[0]} ${refused.slice(0, 9)}`;
    };
    assert.equal(await offers("127.0.0.1"), `${XCLIENT_KEYWORD} 220 mx.ex`);
    assert.match(await offers("127.0.0.2"), /^undefined 550 5\.7\.0/);
    assert.equal(gateway.starts.length, 3);
    await close();
  });

  it("is an unknown command where nobody is listed", async () => {
    const { port, gateway, close } = await behindRelay({ xclient: [] });
    const client = await greeted(port);
    assert.equal(await client.askAll("EHLO c", ADDR), "250 500");
    assert.equal(gateway.starts.length, 1);
    await close();
  });

  it("gives the engine the client's own EHLO name", async () => {
    const { port, gateway, close } = await behindRelay();
    const client = await greeted(port);
    assert.equal(await client.askAll(`${ADDR} HELO=spike`, "EHLO relay"), "220 250");
    assert.equal(await client.askAll("XCLIENT HELO=[UNAVAILABLE]", "EHLO relay"), "220 250");
    assert.deepEqual(
      gateway.events.filter((event) => event.startsWith("EHLO")),
      ["EHLO spike", "EHLO relay"],
    );
    assert.equal(gateway.starts[2]?.client.ip, "203.0.113.9");
    await close();
  });

  it("makes a client that is not known one without address, that is trusted by nobody", async () => {
    const { port, gateway, close } = await behindRelay({ trustedNetworks: ["127.0.0.0/8"] });
    const client = await greeted(port);
    assert.match(await client.ask("XCLIENT ADDR=[UNAVAILABLE]"), /^220 /);
    assert.deepEqual(gateway.starts[1]?.client, { ip: "", port: 0 });
    await close();
  });

  it("refuses what is malformed, and a transaction, and changes nothing then", async () => {
    const { port, gateway, close } = await behindRelay();
    const client = await greeted(port);
    assert.equal(await client.askAll("XCLIENT", "XCLIENT ADDR=x", "XCLIENT LOGIN="), "501 501 501");
    assert.equal(
      await client.askAll("EHLO c", "MAIL FROM:<>", ADDR, "RCPT TO:<c@d.example>"),
      "250 250 503 250",
    );
    assert.equal(gateway.starts.length, 1);
    await close();
  });

  it("counts the client that is named, and says 421 where it has too many sessions", async () => {
    const { port, logged, close } = await behindRelay({}, { limits: { sessionsPerClientMax: 1 } });
    const first = await greeted(port);
    assert.match(await first.ask(ADDR), /^220 /);
    // The peer's own place is free again.
    const second = await greeted(port);
    assert.match(await second.ask(ADDR), /^421 4\.7\.0 /);
    await second.closed();
    assert.deepEqual(
      logged.map(({ limit, client }) => [limit, client]),
      [["sessionsPerClientMax", "203.0.113.9"]],
    );
    await close();
  });

  it("holds the engine's refusal of the client that is named", async () => {
    const { port, gateway, close } = await behindRelay();
    const client = await greeted(port);
    gateway.connectAnswer = { kind: "reject", enhanced: "5.7.1", text: "Listed" };
    assert.match(await client.ask(ADDR), /^554 5\.7\.1 Listed/);
    await client.closed();
    await close();
  });

  it("is checked against the client of a PROXY header, which is not the proxy", async () => {
    const { port, gateway, close } = await behindRelay({ proxyProtocol: ["127.0.0.1"] });
    const client = await Client.open(port);
    client.say("PROXY TCP4 203.0.113.1 198.51.100.2 40000 25\r\n");
    await client.reply();
    assert.match(await client.ask(ADDR), /^550 5\.7\.0/);
    assert.equal(gateway.starts.length, 1);
    await close();
  });

  it("runs what is pipelined behind it for the new client, and after its greeting", async () => {
    const { port, close } = await behindRelay();
    const client = await greeted(port);
    client.say(`${ADDR}\r\nEHLO c\r\nMAIL FROM:<>\r\nQUIT\r\n`);
    const codes: string[] = [];
    for (let i = 0; i < 4; i += 1) codes.push((await client.reply()).slice(0, 3));
    assert.equal(codes.join(" "), "220 250 250 221");
    await close();
  });
});

it("smtp-server has the handler_XCLIENT that is overridden, with its arity", () => {
  assert.equal(SMTPConnection.prototype.handler_XCLIENT.length, 2);
});
