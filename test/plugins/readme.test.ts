import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadedConfig } from "postern";
import { createTestGateway, type Injection } from "postern/testing";
import { replyText } from "./fakes.ts";
import { file, message, multipart, text } from "./filter/mail-writer.ts";
import { zipOf } from "./filter/zip-writer.ts";
import { examplesOf, projectOf } from "./readme-examples.ts";

const README = (kind: string) => examplesOf(`plugins/${kind}/README.md`);
const own = examplesOf("plugins/README.md");
const all = [...["auth", "filter", "rewrite", "route"].flatMap(README), ...own];
const project = projectOf(all);

/** The gateway of a README's one example. */
async function gatewayOf(kind: string) {
  const [example, ...others] = README(kind);
  assert.ok(example && others.length === 0, `plugins/${kind}/README.md has one example`);
  const { default: config } = await project.load(example.fileName);
  const gateway = await createTestGateway(config as LoadedConfig);
  return (injection: Partial<Injection>) =>
    gateway.inject({
      client: { ip: "192.0.2.1" },
      reversePath: "a@outside.example",
      recipients: ["b@example.com"],
      content: message(text()),
      ...injection,
    });
}

const LOGINS: readonly { user: string; password: string; writesAs: string; want: string }[] = [
  {
    user: "ann@example.com",
    password: "correct horse",
    writesAs: "ann@example.com",
    want: "2.0.0 Message accepted",
  },
  {
    user: "ann@example.com",
    password: "correct horse",
    writesAs: "desk@example.com",
    want: "5.7.1 You may not send as this address",
  },
  {
    user: "ann@example.com",
    password: "wrong",
    writesAs: "ann@example.com",
    want: "5.7.8 Wrong user or password",
  },
  {
    user: "desk",
    password: "from your own store",
    writesAs: "any@shop.example",
    want: "2.0.0 Message accepted",
  },
];
for (const { user, password, writesAs, want } of LOGINS) {
  test(`the example of plugins/auth answers '${want}' to ${user} with '${password}' as ${writesAs}`, async () => {
    const inject = await gatewayOf("auth");
    const outcome = await inject({
      login: { user, password },
      reversePath: writesAs,
      recipients: ["b@outside.example"],
      content: `From: ${writesAs}\n\nHello\n`,
    });
    // Without the basic code: the answer to AUTH has none before its host gives it one.
    assert.equal(replyText(outcome).slice(4), want);
  });
}

test("the example of plugins/filter refuses what its config names and counts what it takes", async () => {
  const inject = await gatewayOf("filter");
  const locked = zipOf([{ name: "a.pdf", encrypted: true }]);
  for (const [part, want] of [
    [file("a.exe", "x"), "550 5.7.1 We do not take this kind of attachment"],
    [file("a.docm", "x"), "550 5.7.1 We do not take this kind of attachment"],
    [file("a.zip", locked), "550 5.7.1 We do not take encrypted archives"],
  ] as const) {
    assert.equal(replyText(await inject({ content: message(multipart([part])) })), want);
  }
  const taken = await inject({
    content: message(multipart([text(), file("a.pdf", "x"), file("b.pdf", "x")])),
  });
  assert.match(taken.deliveries[0]?.text ?? "", /^X-Files: 2\r$/m);
});

test("the example of plugins/rewrite tags the Subject and lists the files", async () => {
  const inject = await gatewayOf("rewrite");
  const content = message(multipart([file("a.pdf", "x"), file("b.pdf", "x")])).replace(
    "Subject:",
    "X-Files: forged\nSubject:",
  );
  const { deliveries, edits } = await inject({ content });
  const head = deliveries[0]?.text ?? "";
  assert.match(head, /^Subject: \[external\] with attachments\r\nX-Files: a\.pdf; b\.pdf\r$/m);
  assert.ok(!head.includes("forged"));
  assert.deepEqual(
    edits.map(({ reason }) => reason),
    ["only ours counts", "set in the config", "for the archive"],
  );
  const plain = await inject({});
  assert.ok(!plain.deliveries[0]?.text.includes("X-Files"));
});

test("the example of plugins/route sends each recipient where it says", async () => {
  const inject = await gatewayOf("route");
  const files = message(multipart([file("a.pdf", "x")]));
  for (const { want, ...injection } of [
    { recipients: ["old@example.com"], want: "550 5.1.6 Moved to new@example.com" },
    { recipients: ["users@lists.example.com"], reversePath: "", want: "bounces" },
    { recipients: ["users@lists.example.com"], want: "lists" },
    { recipients: ["scan@example.com"], content: files, want: "archive" },
    { recipients: ["scan@example.com"], want: "backend" },
    { content: `Subject: x\n\n${"long line\n".repeat(1_000_001)}`, want: "archive" },
    { content: files, want: "backend" },
    { recipients: ["b@elsewhere.example"], want: "550 5.7.1 Relaying denied" },
  ]) {
    const outcome = await inject(injection);
    assert.equal(outcome.deliveries[0]?.nextHop ?? replyText(outcome), want);
  }
});

test("the examples of the READMEs of plugins compile", async () => {
  assert.equal(await project.compile(), "");
});

// The example's own tests become tests of this file.
assert.deepEqual(
  own.map(({ fileName }) => fileName),
  ["no-shouting.ts", "no-shouting.test.ts"],
);
await project.load("no-shouting.test.ts");
