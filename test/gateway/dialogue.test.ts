/** `trace.dialogue`: whose lines are in the trace, what of them never is, and that all of it is bounded. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { definePlugin, pipeline, routeTo, type TraceLine, type TraceRecord } from "postern";
import { recordingNextHop } from "postern/testing";
import { DialogueRules } from "../../core/gateway/dialogue.ts";
import type { GatewaySession, NextHopDriver } from "../../core/gateway/mod.ts";
import { forward, octets, openBed, reverse } from "./engine-bed.ts";
import { manualClock } from "./manual-clock.ts";

type Rules = ConstructorParameters<typeof DialogueRules>[0];

const linesOf = ({ entries }: TraceRecord): readonly TraceLine[] =>
  entries.flatMap((entry) => ("line" in entry ? [entry] : []));
const shown = (record: TraceRecord) => linesOf(record).map(({ who, line }) => `${who}: ${line}`);
const ok = { code: 250, enhanced: "2.0.0", text: "Ok" };

/** A next hop that tells what is said to it. */
const talking: NextHopDriver = {
  ...recordingNextHop("backend"),
  async deliver(delivery, { onLine }) {
    onLine?.("192.0.2.9:25", "gateway", "MAIL FROM:<ann@example.com>");
    onLine?.("192.0.2.9:25", "nextHop", "250-one\n250 two");
    onLine?.("192.0.2.9:25", "gateway", "AUTH PLAIN AGFubgBzZWNyZXQ=");
    onLine?.("192.0.2.9:25", "nextHop", "354 go on\x07");
    return {
      recipients: delivery.recipients.map(() => ({ status: "delivered", reply: ok })),
      ended: "reply",
    };
  },
};

async function bedWith(dialogue: Rules) {
  const clock = manualClock();
  const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
  const bed = await openBed({
    pipeline: pipeline(routes),
    config: { trace: { dialogue } } as never,
    nextHops: { backend: talking },
    clock,
  });
  return { bed, clock };
}

/** What a host tells of a command, and does for it. */
async function command(session: GatewaySession, line: string, run?: () => Promise<unknown>) {
  session.dialogue?.heard(octets(line), false);
  await run?.();
  session.dialogue?.said(ok);
}

async function transaction(session: GatewaySession, from: string, to: string, end: "dot" | "reset" = "dot") {
  await command(session, `MAIL FROM:<${from}>`, () => session.mail(reverse(from), {}));
  await command(session, `RCPT TO:<${to}>`, () => session.rcpt(forward(to), {}));
  if (end === "reset") return session.reset();
  await command(session, "DATA");
  const receiver = session.receive();
  await receiver.write(octets("Subject: secret content\r\n\r\nbody\r\n"));
  await receiver.end();
}

describe("trace.dialogue", () => {
  it("has both legs in the order of time: the opening, the transaction, content as its length, the next hop", async () => {
    const { bed, clock } = await bedWith([{ client: ["127.0.0.0/8"] }]);
    const session = bed.open();
    session.dialogue?.said({ code: 220, enhanced: "", text: "gate.example" });
    await clock.advance(5);
    await command(session, "EHLO client.example", () => session.ehlo("client.example"));
    await clock.advance(7);
    await transaction(session, "ann@example.com", "bob@example.org");
    assert.deepEqual(
      linesOf(bed.last()).map(({ at, who, line, server, opening }) =>
        [opening ? "opening" : "", at, who, server ?? "", line].join("|"),
      ),
      [
        "opening|0|gateway||220 gate.example",
        "opening|5|client||EHLO client.example",
        "opening|5|gateway||250 2.0.0 Ok",
        "|0|client||MAIL FROM:<ann@example.com>",
        "|0|gateway||250 2.0.0 Ok",
        "|0|client||RCPT TO:<bob@example.org>",
        "|0|gateway||250 2.0.0 Ok",
        "|0|client||DATA",
        "|0|gateway||250 2.0.0 Ok",
        "|0|client||(33 octets of content)",
        "|0|gateway|192.0.2.9:25|MAIL FROM:<ann@example.com>",
        "|0|nextHop|192.0.2.9:25|250-one\n250 two",
        "|0|gateway|192.0.2.9:25|AUTH PLAIN (not shown)",
        "|0|nextHop|192.0.2.9:25|354 go on\\x07",
        `|0|gateway|192.0.2.9:25|(${bed.deliveries[0]?.content.size} octets of content)`,
      ],
    );
    assert.doesNotMatch(JSON.stringify(bed.last().entries), /secret content/);
  });

  it("of a later transaction has the opening again, and nothing of the ones before", async () => {
    const { bed } = await bedWith([{ client: ["127.0.0.1"] }]);
    const session = bed.open();
    await command(session, "EHLO client.example", () => session.ehlo("client.example"));
    await transaction(session, "ann@example.com", "first@example.org");
    await transaction(session, "ann@example.com", "second@example.org");
    assert.match(shown(bed.last()).join(), /EHLO client.example.*second@/);
    assert.doesNotMatch(shown(bed.last()).join(), /first@/);
  });

  it("of a transaction that is given up has the command that did it", async () => {
    const { bed } = await bedWith([{ client: ["127.0.0.1"] }]);
    const session = bed.open();
    await command(session, "MAIL FROM:<>", () => session.mail(null, {}));
    await command(session, "RCPT TO:<bob@example.org>", () => session.rcpt(forward("bob@example.org"), {}));
    await command(session, "MAIL FROM:<again@example.com>");
    await command(session, "RSET", async () => session.reset());
    assert.deepEqual(shown(bed.last()).slice(-3), [
      "client: MAIL FROM:<again@example.com>",
      "gateway: 250 2.0.0 Ok",
      "client: RSET",
    ]);
  });
});

describe("a rule of trace.dialogue", () => {
  const table: readonly { name: string; rule: Rules[number]; ip?: string; want: boolean }[] = [
    { name: "of the client's network", rule: { client: ["192.0.2.0/24"] }, ip: "192.0.2.7", want: true },
    { name: "of another network", rule: { client: ["192.0.2.0/24"] }, want: false },
    { name: "of the reverse-path", rule: { address: ["Ann@EXAMPLE.com"] }, want: true },
    { name: "of its domain", rule: { address: ["*@example.com"] }, want: true },
    { name: "of the recipient", rule: { address: ["other@example.net", "bob@example.org"] }, want: true },
    { name: "of the recipient's domain", rule: { address: ["*@example.org"] }, want: true },
    { name: "of another address", rule: { address: ["eve@example.org"] }, want: false },
    { name: "of a domain above", rule: { address: ["*@org"] }, want: false },
    {
      name: "of client and address, both as they are",
      rule: { client: ["127.0.0.1"], address: ["*@example.org"] },
      want: true,
    },
    {
      name: "of client and address, another client",
      rule: { client: ["192.0.2.0/24"], address: ["*@example.org"] },
      want: false,
    },
    {
      name: "of client and address, another address",
      rule: { client: ["127.0.0.1"], address: ["*@example.net"] },
      want: false,
    },
  ];
  for (const { name, rule, ip, want } of table) {
    it(`${name} ${want ? "holds, also for what was said before it was known" : "does not hold"}`, async () => {
      const { bed } = await bedWith([rule]);
      const session = bed.open(ip);
      await command(session, "EHLO client.example", () => session.ehlo("client.example"));
      await transaction(session, "ann@example.com", "bob@example.org", "reset");
      assert.equal(shown(bed.last()).length, want ? 6 : 0);
    });
  }

  it("about an address holds for its own transaction alone", async () => {
    const { bed } = await bedWith([{ address: ["bob@example.org"] }]);
    const session = bed.open();
    await transaction(session, "ann@example.com", "bob@example.org");
    assert.ok(shown(bed.last()).length > 0);
    await transaction(session, "ann@example.com", "eve@example.org");
    assert.deepEqual(shown(bed.last()), []);
  });

  it("that is not there costs a session nothing: it has no dialogue", async () => {
    const { bed } = await bedWith([]);
    assert.equal(bed.open().dialogue, undefined);
    const away = await bedWith([{ client: ["192.0.2.0/24"] }]);
    assert.equal(away.bed.open().dialogue, undefined);
  });
});

/** The lines that a dialogue makes of what it is told. */
function heard(tell: (dialogue: NonNullable<ReturnType<DialogueRules["open"]>>) => void) {
  const dialogue = new DialogueRules([{ client: ["127.0.0.1"] }]).open("127.0.0.1", manualClock())!;
  tell(dialogue);
  const told = dialogue.among([], [], 0)!;
  return { ...told, lines: told.entries.map((entry) => ("line" in entry ? entry.line : "")) };
}

describe("what trace.dialogue never has", () => {
  const commands: readonly { line: string; want: string }[] = [
    { line: "AUTH PLAIN AGFubgBzZWNyZXQ=", want: "AUTH PLAIN (not shown)" },
    { line: "auth login YW5u", want: "AUTH LOGIN (not shown)" },
    { line: "AUTH SCRAM-SHA-256 biwsbj1hbm4scj14", want: "AUTH SCRAM-SHA-256 (not shown)" },
    { line: "AUTH AGFubgBzZWNyZXQ=", want: "AUTH (not shown)" },
    { line: "AUTH", want: "AUTH (not shown)" },
    { line: "AUTH\tPLAIN AGFubgBzZWNyZXQ=", want: "(27 octets that are no command)" },
    // A client that goes on with its exchange though AUTH was refused.
    { line: "AGFubgBzZWNyZXQ=", want: "(16 octets that are no command)" },
    { line: "mailsecret", want: "(10 octets that are no command)" },
    { line: "NOOP secret", want: "NOOP" },
    { line: "XCLIENT ADDR=192.0.2.1 LOGIN=ann", want: "XCLIENT ADDR=192.0.2.1 LOGIN=ann" },
    { line: "mail from:<ann@example.com> SIZE=5", want: "MAIL from:<ann@example.com> SIZE=5" },
    { line: "STARTTLS", want: "STARTTLS" },
    {
      line: "EHLO a\x00\x1b[31m\u202e\u200b\u2028b",
      want: "EHLO a\\x00\\x1b[31m\\u{202e}\\u{200b}\\u{2028}b",
    },
    { line: `RCPT ${"x".repeat(1000)}`, want: `RCPT ${"x".repeat(299)}...` },
    { line: "", want: "(0 octets that are no command)" },
  ];
  for (const { line, want } of commands) {
    it(`${JSON.stringify(line.slice(0, 40))} is '${want.slice(0, 40)}'`, () => {
      const { lines } = heard((dialogue) => {
        dialogue.heard(octets(line), false);
        dialogue.said(ok);
      });
      assert.deepEqual(lines, [want, "250 2.0.0 Ok"]);
    });
  }

  it("a line of an AUTH exchange, nor the challenge", () => {
    const { lines } = heard((dialogue) => {
      dialogue.heard(octets("AUTH LOGIN"), false);
      dialogue.said({ code: 334, enhanced: "", text: "VXNlcm5hbWU6" });
      dialogue.heard(octets("MAIL FROM:<secret>"), true);
      dialogue.said({ code: 235, enhanced: "2.7.0", text: "Authentication succeeded" });
    });
    assert.deepEqual(lines, [
      "AUTH LOGIN (not shown)",
      "334 (not shown)",
      "(not shown)",
      "235 2.7.0 Authentication succeeded",
    ]);
  });

  it("controls or more than its bounds, whatever octets come", () => {
    const told = fc.array(
      fc.record({ octets: fc.uint8Array({ maxLength: 2_000 }), verb: fc.constantFrom("", "RCPT ", "AUTH ") }),
      { maxLength: 50 },
    );
    fc.assert(
      fc.property(told, (all) => {
        const { lines } = heard((dialogue) => {
          for (const { octets: bytes, verb } of all) {
            dialogue.heard(Buffer.concat([Buffer.from(verb), bytes]), false);
            dialogue.said({ code: 500, enhanced: "", text: Buffer.from(bytes).toString("latin1") });
          }
        });
        for (const line of lines) {
          assert.doesNotMatch(line.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
          // Each character may be escaped in ten.
          assert.ok(line.length <= 20 * 3_100, String(line.length));
        }
      }),
      { numRuns: 50 },
    );
  });

  it("all of a session without end: 60 lines of the opening, 200 of a transaction, and how many were left out", async () => {
    const endless = (dialogue: { heard(line: Uint8Array, secret: boolean): void }) => {
      for (let i = 0; i < 1_000; i++) dialogue.heard(octets(`VRFY ${i}`), false);
    };
    const opening = heard(endless);
    assert.deepEqual([opening.lines.length, opening.dropped], [60, 940]);
    assert.deepEqual(
      [opening.lines[0], opening.lines[19], opening.lines[20]],
      ["VRFY 0", "VRFY 19", "VRFY 960"],
    );
    const own = heard((dialogue) => {
      dialogue.began(null);
      endless(dialogue);
    });
    assert.deepEqual([own.lines.length, own.dropped], [200, 800]);
    const { bed } = await bedWith([{ client: ["127.0.0.1"] }]);
    const session = bed.open();
    await session.mail(null, {});
    await session.rcpt(forward("bob@example.org"), {});
    endless(session.dialogue!);
    session.reset();
    assert.equal(bed.last().entriesDropped, 800);
  });
});
