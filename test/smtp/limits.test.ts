/** Each limit of a session is reached against the real listener: what the client hears, and one line in the log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Limits } from "../../core/config/mod.ts";
import type { Answer } from "../../core/gateway/mod.ts";
import { type BedInput, bed, Client, type Logged } from "./limits-fixtures.ts";
import { ScriptedGateway } from "./scripted-gateway.ts";

const UNKNOWN: Answer = { kind: "reject", enhanced: "5.1.1", text: "No such user" };
const unknownUsers = (): ScriptedGateway => Object.assign(new ScriptedGateway(), { rcptAnswer: UNKNOWN });
const reached = (logged: readonly Logged[]) => logged.filter(({ event }) => event === "limitReached");

interface Case {
  readonly name: string;
  readonly limit: keyof Limits;
  readonly input: BedInput;
  /** Said after EHLO, reply by reply; "." lines end content. */
  readonly say: readonly string[];
  /** Codes of all replies after EHLO but the last. */
  readonly before: string;
  readonly last: RegExp;
  /** Whether clients in trusted networks are exempt. */
  readonly exempts: boolean;
}

const MESSAGE = ["MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>", "DATA", "Hi\r\n."];
const CASES: readonly Case[] = [
  {
    name: "commands before a message",
    limit: "commandsPerMessageMax",
    input: { limits: { commandsPerMessageMax: 3 } },
    say: ["NOOP", "RSET", "VRFY x"],
    before: "250 250",
    last: /^421 4\.7\.0 Too many commands/,
    exempts: false,
  },
  {
    name: "commands between two messages, of which the first count no more",
    limit: "commandsPerMessageMax",
    input: { limits: { commandsPerMessageMax: 5 } },
    say: ["NOOP", ...MESSAGE, "NOOP", "NOOP", "NOOP", "NOOP", "NOOP", "NOOP"],
    before: "250 250 250 354 250 250 250 250 250 250",
    last: /^421 4\.7\.0 Too many commands/,
    exempts: false,
  },
  {
    name: "recipients after 452, as many again as it takes",
    limit: "commandsPerMessageMax",
    input: { limits: { commandsPerMessageMax: 3, recipientsMax: 1 } },
    say: ["MAIL FROM:<>", ...Array<string>(4).fill("RCPT TO:<c@d.example>")],
    before: "250 250 452 452",
    last: /^421 4\.7\.0 Too many commands/,
    exempts: false,
  },
  {
    name: "failing commands of all kinds",
    limit: "failedCommandsMax",
    input: { limits: { failedCommandsMax: 4 } },
    say: ["HTTP", "EXPN x", "RCPT TO:<c@d.example>", "MAIL FROM:<> FOO=1"],
    before: "500 502 503",
    last: /^421 4\.7\.0 Too many bad commands/,
    exempts: false,
  },
  {
    name: "lines that end in a bare LF",
    limit: "failedCommandsMax",
    input: { limits: { failedCommandsMax: 2 } },
    say: ["NOOP\nNOOP", "NOOP\nNOOP"],
    before: "500 250",
    last: /^421 4\.7\.0 Too many bad commands/,
    exempts: false,
  },
  {
    name: "more unknown commands than smtp-server itself allows",
    limit: "failedCommandsMax",
    input: { limits: { failedCommandsMax: 15 } },
    say: Array<string>(15).fill("FOO"),
    before: Array(14).fill("500").join(" "),
    last: /^421 4\.7\.0 Too many bad commands/,
    exempts: false,
  },
  {
    name: "unknown recipients",
    limit: "unknownRecipientsMax",
    input: { limits: { unknownRecipientsMax: 2, failedCommandsMax: 1 }, gateway: unknownUsers() },
    say: ["MAIL FROM:<>", "RCPT TO:<a@d.example>", "RCPT TO:<b@d.example>", "RCPT TO:<c@d.example>"],
    before: "250 550 550",
    last: /^421 4\.7\.0 Too many unknown recipients/,
    exempts: true,
  },
  {
    name: "messages of a session",
    limit: "messagesPerSessionMax",
    input: { limits: { messagesPerSessionMax: 2 } },
    say: [...MESSAGE, ...MESSAGE, "MAIL FROM:<>"],
    before: "250 250 354 250 250 250 354 250",
    last: /^421 4\.7\.0 Too many messages/,
    exempts: true,
  },
  {
    name: "octets of a line",
    limit: "lineBytesMax",
    input: { limits: { lineBytesMax: 2048 } },
    say: [`NOOP ${"x".repeat(2000)}`, `NOOP ${"x".repeat(2100)}`],
    before: "250",
    last: /^421 4\.5\.2 Line too long/,
    exempts: false,
  },
  {
    name: "octets of a line that never ends",
    limit: "lineBytesMax",
    input: { limits: { lineBytesMax: 2048 } },
    say: ["x".repeat(3000)],
    before: "",
    last: /^421 4\.5\.2 Line too long/,
    exempts: false,
  },
];

const LOOPBACK = { trustedNetworks: ["127.0.0.0/8"] };

for (const { name, limit, input, say, before, last, exempts } of CASES) {
  test(`${limit} bounds ${name}`, async () => {
    const { port, logged, close } = await bed(input);
    try {
      const client = await Client.open(port);
      await client.reply();
      await client.ask("EHLO c");
      // The EHLO is a command too.
      const heard: string[] = [];
      for (const line of say) {
        client.say(`${line}\r\n`);
        const replies = line.includes("\n") && !line.endsWith(".") ? 2 : 1;
        for (let i = 0; i < replies; i += 1) heard.push(await client.reply());
        if (heard.at(-1)?.startsWith("421") === true || heard.at(-1) === "") break;
      }
      const told = heard.findIndex((reply) => reply.startsWith("421"));
      assert.equal(
        heard
          .slice(0, told)
          .map((reply) => reply.slice(0, 3))
          .join(" "),
        before,
        heard.join("\n"),
      );
      assert.match(heard[told] ?? "", last);
      await client.closed();
      assert.deepEqual(
        reached(logged).map((line) => [line.limit, line.client]),
        [[limit, "127.0.0.1"]],
      );
    } finally {
      await close();
    }
  });

  test(`${limit} ${exempts ? "spares" : "holds for"} clients in trusted networks: ${name}`, async () => {
    const { port, logged, close } = await bed({ ...input, listener: LOOPBACK });
    try {
      const client = await Client.open(port);
      await client.reply();
      await client.ask("EHLO c");
      for (const line of say) {
        client.say(`${line}\r\n`);
        const reply = await client.reply();
        if (reply.startsWith("421") || reply === "") break;
      }
      client.say("QUIT\r\n");
      await client.closed();
      assert.equal(reached(logged).length, exempts ? 0 : 1);
    } finally {
      await close();
    }
  });
}

test("a refused message is no failing command, however many there are", async () => {
  const { port, logged, close } = await bed({ limits: { failedCommandsMax: 2 } });
  const client = await Client.open(port);
  await client.reply();
  await client.ask("EHLO c");
  for (let i = 0; i < 5; i += 1) {
    assert.equal(await client.askAll(...MESSAGE.slice(0, 3), "a\rb\r\n."), "250 250 354 550");
  }
  assert.equal((await client.ask("QUIT")).slice(0, 3), "221");
  assert.deepEqual(reached(logged), []);
  await close();
});
