/** Runs each file of dialogues/ as a session with a listener of its own. A new dialogue is a new file, and no code. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeCertificate } from "../e2e/certificate.ts";
import { checked, type Got, openDialogueBed } from "./dialogue-bed.ts";
import { DialogueClient } from "./dialogue-client.ts";
import { type Check, parseDialogue, type Step } from "./dialogue-file.ts";

const folder = join(import.meta.dirname, "dialogues");
const pem = mkdtempSync(join(tmpdir(), "dialogues-"));
after(() => rmSync(pem, { recursive: true }));
const tls = makeCertificate(pem);

const names = readdirSync(folder).filter((name) => name.endsWith(".smtp"));

test("there are dialogues, each with a number of its own and a title", () => {
  assert.ok(names.length >= 120, `${names.length} files`);
  const numbers = names.map((name) => name.split("-")[0]);
  assert.equal(new Set(numbers).size, numbers.length);
  for (const name of names) assert.match(name, /^\d{3}-[a-z0-9-]+\.smtp$/);
});

for (const name of names.sort()) {
  const dialogue = parseDialogue(readFileSync(join(folder, name), "utf8"));
  test(`dialogue ${name.slice(0, -5)}: ${dialogue.title}`, { timeout: 20_000 }, async () => {
    assert.notEqual(dialogue.title, "", "a dialogue begins with a comment that says what it is about");
    const { listener, got } = await openDialogueBed(dialogue, tls);
    const client = new DialogueClient(listener.address.port, dialogue.listener.get("kind") === "submissions");
    try {
      await talk(client, dialogue.steps, name);
      checkMessages(await got(), dialogue.checks, name);
    } finally {
      client.destroy();
      await listener.close();
    }
  });
}

async function talk(client: DialogueClient, steps: readonly Step[], name: string): Promise<void> {
  let last = "";
  for (const step of steps) {
    const place = `${name}:${step.line}`;
    if ("say" in step) await client.say(step.say);
    else if ("lacks" in step) assert.ok(!last.includes(step.lacks), `${place}: ${step.lacks} is in ${last}`);
    else if ("reply" in step) {
      const reply = await client.reply();
      assert.ok(reply !== undefined, `${place}: wanted ${step.pattern}, and the connection was closed`);
      assert.match(reply, step.reply, `${place}: wanted ${step.pattern}, got ${reply}`);
      last = reply;
    } else if (step.act === "tls") await client.startTls();
    else if (step.act === "closed") assert.equal(await client.closed(), "", `${place}: it said more`);
    else client[step.act]();
  }
}

/** Every message is named by the dialogue: one that nobody expected would be smuggled. */
function checkMessages(got: readonly Got[], checks: readonly Check[], name: string): void {
  const wanted = checks.filter(({ about }) => about === "mail").length;
  assert.equal(got.length, wanted, `${name}: the next hop got ${got.map(({ mail }) => mail).join(", ")}`);
  let message = -1;
  let rcpt = 0;
  for (const { about, pattern, text, line } of checks) {
    if (about === "mail") {
      message += 1;
      rcpt = 0;
    }
    const one = got[message];
    assert.ok(one !== undefined, `${name}:${line}: a check before its message`);
    const value = checked(one, about, rcpt);
    if (about === "rcpt") rcpt += 1;
    assert.ok(value !== undefined && pattern.test(value), `${name}:${line}: wanted ${text}, got ${value}`);
  }
}
