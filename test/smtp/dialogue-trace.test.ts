/** `trace.dialogue` at the real listener: what is said is in the trace, the secrets of AUTH are not, whatever mechanism. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { TraceRecord } from "postern";
import { DialogueRules } from "../../core/gateway/dialogue.ts";
import { type GatewaySession, webClock } from "../../core/gateway/mod.ts";
import { scramSha256 } from "../../core/relay/sasl.ts";
import { base64, challengeOf, openAuthBed } from "./auth-bed.ts";
import type { Client } from "./limits-fixtures.ts";

const USER = "ann@example.com";
const PASSWORD = "secret";

const bed = await openAuthBed();
after(() => bed.close());
const rules = new DialogueRules([{ client: ["192.0.2.0/24"] }]);
const { gateway } = bed.engine;
const openSession = gateway.openSession.bind(gateway);
// The bed's config has no rules.
gateway.openSession = (start): GatewaySession =>
  Object.assign(openSession(start), { dialogue: rules.open(start.client.ip, webClock) });

const shown = ({ entries }: TraceRecord): readonly string[] =>
  entries.flatMap((entry) =>
    "line" in entry ? [`${entry.who === "client" ? "C" : "S"}: ${entry.line}`] : [],
  );

/** Logs in, and sends a message by DATA; its record. */
async function send(
  login: (client: Client) => Promise<string>,
  content = `From: ${USER}\r\nSubject: private\r\n\r\nhello\r\n`,
) {
  const client = await bed.open("192.0.2.1");
  try {
    assert.match(await login(client), /^235 /);
    for (const line of [`MAIL FROM:<${USER}>`, "RCPT TO:<bob@example.org>"])
      assert.match(await client.ask(line), /^250 /);
    assert.match(await client.ask("DATA"), /^354 /);
    assert.match(await client.ask(`${content}.`), /^250 /);
  } finally {
    client.socket.destroy();
  }
  return bed.engine.last();
}

/** Answers challenges to the end. */
async function exchange(client: Client, command: string, answers: readonly string[]): Promise<string> {
  let reply = await client.ask(command);
  for (const answer of answers) {
    assert.match(reply, /^334/);
    reply = await client.ask(answer);
  }
  return reply;
}

const plain = base64(`\0${USER}\0${PASSWORD}`);
const LOGINS: readonly {
  name: string;
  secrets: readonly string[];
  login: (client: Client) => Promise<string>;
}[] = [
  {
    name: "PLAIN with an initial response",
    secrets: [plain],
    login: (client) => client.ask(`AUTH PLAIN ${plain}`),
  },
  { name: "PLAIN", secrets: [plain], login: (client) => exchange(client, "AUTH PLAIN", [plain]) },
  {
    name: "LOGIN",
    secrets: [base64(PASSWORD), base64(USER)],
    login: (client) => exchange(client, "AUTH LOGIN", [base64(USER), base64(PASSWORD)]),
  },
  {
    name: "LOGIN with an initial response",
    secrets: [base64(PASSWORD), base64(USER)],
    login: (client) => exchange(client, `AUTH LOGIN ${base64(USER)}`, [base64(PASSWORD)]),
  },
];

describe("trace.dialogue at a listener", () => {
  for (const { name, secrets, login } of LOGINS) {
    it(`has the whole session with AUTH ${name}, without what proves the user`, async () => {
      const record = await send(login);
      const text = JSON.stringify(record.entries);
      for (const secret of secrets) assert.ok(!text.includes(secret), text);
      assert.ok(!text.includes("private") && !text.includes("hello"), "content is in the trace");
      const lines = shown(record);
      assert.match(lines[0] ?? "", /^S: 220 mx\.example ESMTP/);
      assert.equal(lines[1], "C: EHLO client.example");
      assert.match(lines[2] ?? "", /^S: 250 mx\.example[\s\S]*\nPIPELINING/);
      assert.ok(lines.includes(`C: AUTH ${name.split(" ")[0]} (not shown)`), text);
      assert.deepEqual(lines.slice(-8), [
        "S: 235 2.7.0 Authentication succeeded",
        `C: MAIL FROM:<${USER}>`,
        "S: 250 2.1.0 Sender ok",
        "C: RCPT TO:<bob@example.org>",
        "S: 250 2.1.5 Recipient ok",
        "C: DATA",
        "S: 354 End data with <CR><LF>.<CR><LF>",
        "C: (50 octets of content)",
      ]);
    });
  }

  it("has of SCRAM neither messages nor proofs, of either side", async () => {
    const said: string[] = [];
    const record = await send(async (client) => {
      const scram = scramSha256({ user: USER, password: PASSWORD });
      const first = base64(scram.initial ?? "");
      said.push(first);
      let reply = await client.ask(`AUTH SCRAM-SHA-256 ${first}`);
      while (reply.startsWith("334")) {
        const answer = base64(await scram.answer(challengeOf(reply)));
        said.push(reply.slice(4).trim(), answer);
        reply = await client.ask(answer);
      }
      return reply;
    });
    const text = JSON.stringify(record.entries);
    assert.ok(said.length > 3);
    for (const message of said) assert.ok(message === "" || !text.includes(message), message);
    assert.ok(shown(record).includes("C: AUTH SCRAM-SHA-256 (not shown)"));
  });

  it("has no secret of a client that goes on with an exchange that was refused", async () => {
    const record = await send(async (client) => {
      assert.match(await client.ask("AUTH CRAM-MD5"), /^504 /);
      assert.match(await client.ask(base64(PASSWORD)), /^500 /);
      return client.ask(`AUTH PLAIN ${plain}`);
    });
    const lines = shown(record);
    assert.ok(!JSON.stringify(record.entries).includes(base64(PASSWORD)));
    assert.ok(lines.includes("C: (8 octets that are no command)"), lines.join("\n"));
  });

  it("is not there for other clients", async () => {
    const client = await bed.open("198.51.100.1");
    await client.ask(`AUTH PLAIN ${plain}`);
    await client.ask(`MAIL FROM:<${USER}>`);
    await client.ask("RCPT TO:<bob@example.org>");
    await client.ask("RSET");
    client.socket.destroy();
    assert.deepEqual(shown(bed.engine.last()), []);
  });
});
