/** What a next hop is told of our client, and that one that was told of another client never gets the next message. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deliverTo, delivery, summary } from "./relay-fixtures.ts";
import { ehloLines, type Script } from "./sink-server.ts";

const offering =
  (keyword: string, further: Script = () => undefined): Script =>
  (command, n) => {
    const own = further(command, n);
    if (own !== undefined || !command.startsWith("EHLO")) return own;
    return ehloLines.replace("250 DSN", `250-DSN\r\n250 ${keyword}`);
  };
const xclient = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";
const xforward = "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE";
const of = (ip: string, port: number, ehlo = "client.example") =>
  delivery("a\r\n", { client: { ip, port, trusted: false }, ehlo });
const told = (commands: readonly string[]) => commands.filter((command) => command.startsWith("X"));
const delivered = ["delivered 250 2.0.0"];

describe("XCLIENT", () => {
  const accepting: Script = (command) => (command.startsWith("XCLIENT") ? "220 sink" : undefined);

  it("is said before MAIL, with EHLO anew, and once for a client on a kept connection", async () => {
    const one = of("192.0.2.1", 1234);
    const { results, sink } = await deliverTo(
      offering(xclient, accepting),
      [one, one, of("2001:db8::1", 0, "")],
      {
        forwardClient: "xclient",
      },
    );
    assert.deepEqual(results.map(summary), [delivered, delivered, delivered]);
    assert.deepEqual(told(sink.commands), [
      "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.1 PORT=1234 PROTO=ESMTP HELO=client.example",
      "XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 PORT=[UNAVAILABLE] PROTO=[UNAVAILABLE] HELO=[UNAVAILABLE]",
    ]);
    assert.deepEqual(
      sink.commands.slice(0, 4).map((command) => command.slice(0, 4)),
      ["EHLO", "XCLI", "EHLO", "MAIL"],
    );
    assert.equal(sink.connections(), 1);
  });

  const greetings: readonly { name: string; ehlo: string; refuse?: string; want: readonly string[] }[] = [
    { name: "its name", ehlo: "client.example", want: ["EHLO client.example"] },
    { name: "its address", ehlo: "[IPv6:2001:db8::1]", want: ["EHLO [IPv6:2001:db8::1]"] },
    { name: "ours where it has none", ehlo: "", want: ["EHLO gw.example"] },
    { name: "ours where its own is no name", ehlo: "a\r\nRSET", want: ["EHLO gw.example"] },
    {
      name: "ours where its own is refused",
      ehlo: "client.example",
      refuse: "EHLO client.example",
      want: ["EHLO client.example", "EHLO gw.example"],
    },
  ];
  for (const { name, ehlo, refuse, want } of greetings) {
    it(`is followed by EHLO with ${name}`, async () => {
      const script = offering(xclient, accepting);
      const { results, sink } = await deliverTo(
        (command, n) => (command === refuse ? "501 5.5.4 no such name" : script(command, n)),
        [of("192.0.2.1", 1, ehlo)],
        { forwardClient: "xclient" },
      );
      assert.deepEqual(results.map(summary), [delivered]);
      const hellos = sink.commands.filter((command) => command.startsWith("EHLO"));
      assert.deepEqual(hellos, ["EHLO gw.example", ...want]);
    });
  }

  it("names the upstream that connected here, and not the client that its Received field names", async () => {
    const client = { ip: "192.0.2.1", port: 0, trusted: false, via: "10.0.0.1" };
    const stored = delivery("a\r\n", { client, ehlo: "front.example" });
    const { sink } = await deliverTo(offering(xclient, accepting), [stored], { forwardClient: "xclient" });
    assert.deepEqual(told(sink.commands), [
      "XCLIENT NAME=[UNAVAILABLE] ADDR=10.0.0.1 PORT=[UNAVAILABLE] PROTO=ESMTP HELO=front.example",
    ]);
  });

  it("encodes what could end the attribute or the line, and leaves out what was not offered", async () => {
    const { sink } = await deliverTo(
      offering("XCLIENT HELO ADDR", accepting),
      [of("192.0.2.1", 1, "a b=c+d\r\nX")],
      {
        forwardClient: "xclient",
      },
    );
    assert.deepEqual(told(sink.commands), ["XCLIENT ADDR=192.0.2.1 HELO=a+20b+3Dc+2Bd+0D+0AX"]);
  });

  it("that is refused is about us: the message must not go with our own name", async () => {
    const { first, sink, errors } = await deliverTo(
      offering(xclient, (command) => (command.startsWith("XCLIENT") ? "550 not you" : undefined)),
      [of("192.0.2.1", 1)],
      { forwardClient: "xclient" },
    );
    assert.equal(first.ended, "us");
    assert.deepEqual(summary(first), ["tempfailed 451 4.3.5"]);
    assert.deepEqual(errors, ["nextHopRefusesUs"]);
    assert.ok(!sink.commands.some((command) => command.startsWith("MAIL")));
  });

  it("never leaves a message to the client before: where it is offered no more, a new connection is", async () => {
    let hellos = 0;
    const script: Script = (command) => {
      if (command.startsWith("XCLIENT")) return "220 sink";
      return command.startsWith("EHLO") && ++hellos % 2 === 0 ? ehloLines : undefined;
    };
    const { results, sink } = await deliverTo(
      offering(xclient, script),
      [of("192.0.2.1", 1), of("192.0.2.2", 2)],
      {
        forwardClient: "xclient",
      },
    );
    assert.deepEqual(results.map(summary), [delivered, delivered]);
    assert.deepEqual(
      told(sink.commands).map((command) => command.slice(27, 41)),
      ["ADDR=192.0.2.1", "ADDR=192.0.2.2"],
    );
    assert.equal(sink.connections(), 2);
  });

  for (const answer of [null, "421 4.4.2 idle"]) {
    it(`on a kept connection that was closed (${answer}) is said again on a new one`, async () => {
      let said = 0;
      const script: Script = (command) => {
        if (command.startsWith("XCLIENT")) return ++said === 2 ? answer : "220 sink";
        return undefined;
      };
      const two = [of("192.0.2.1", 1), of("192.0.2.2", 2)];
      const { results, sink } = await deliverTo(offering(xclient, script), two, { forwardClient: "xclient" });
      assert.deepEqual(results.map(summary), [delivered, delivered]);
      assert.equal(sink.connections(), 2);
    });
  }
});

describe("XFORWARD", () => {
  const place = "XFORWARD NAME=[UNAVAILABLE] ADDR=192.0.2.1 PORT=25";
  const rest = "XFORWARD PROTO=ESMTP HELO=client.example IDENT=abc1 SOURCE=REMOTE";

  for (const pipelining of [true, false]) {
    it(`is said before each MAIL, ${pipelining ? "with it" : "one after the other"}, whatever the answer`, async () => {
      const script: Script = (command) => {
        if (command === place) return "501 5.5.4 no";
        if (!pipelining && command.startsWith("EHLO")) return `250-sink\r\n250 ${xforward}`;
        return undefined;
      };
      const { results, sink } = await deliverTo(
        offering(xforward, script),
        [of("192.0.2.1", 25), of("192.0.2.1", 25)],
        {
          forwardClient: "xforward",
        },
      );
      assert.deepEqual(results.map(summary), [delivered, delivered]);
      assert.deepEqual(told(sink.commands), [place, rest, place, rest]);
      assert.equal(sink.connections(), 1);
    });
  }

  it("says what did not come by SMTP is local, and that a value is too long is unknown", async () => {
    const one = { ...of("", 0, "x".repeat(256)), origin: "http" as const };
    const { sink } = await deliverTo(offering(xforward), [one], { forwardClient: "xforward" });
    assert.deepEqual(told(sink.commands), [
      "XFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]",
      "XFORWARD PROTO=ESMTP HELO=[UNAVAILABLE] IDENT=abc1 SOURCE=LOCAL",
    ]);
  });
});

describe("forwardClient", () => {
  it("tells nothing where it is not set or not offered", async () => {
    for (const [keyword, hop] of [
      [xclient, {}],
      [xclient, { forwardClient: "xforward" as const }],
      [xforward, { forwardClient: "xclient" as const }],
    ] as const) {
      const { first, sink } = await deliverTo(offering(keyword), [of("192.0.2.1", 1)], hop);
      assert.deepEqual(summary(first), delivered);
      assert.deepEqual(told(sink.commands), []);
    }
  });
});

it("XFORWARD says on what a server in front said to us, with nothing of our own session among it", async () => {
  const forwarded = { ip: "2001:db8::9", ehlo: "spike", protocol: "ESMTP", source: "REMOTE" as const };
  const { sink } = await deliverTo(offering(xforward), [delivery("a\r\n", { forwarded })], {
    forwardClient: "xforward",
  });
  assert.deepEqual(told(sink.commands), [
    "XFORWARD NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::9 PORT=[UNAVAILABLE]",
    "XFORWARD PROTO=ESMTP HELO=spike IDENT=abc1 SOURCE=REMOTE",
  ]);
});
