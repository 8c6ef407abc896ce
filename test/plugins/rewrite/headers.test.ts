import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { definePlugin, fact, type Plugin, pipeline, z } from "postern";
import { type HeadersOptions, headers } from "../../../plugins/rewrite/headers.ts";
import { faultsOf, gatewayOf, hastyClock, replyText, toBackend } from "../fakes.ts";

const Score = fact("score", {
  stage: "data",
  scope: "transaction",
  schema: z.object({ points: z.number(), rule: z.string() }),
  fallback: { points: 0, rule: "none" },
});
const Other = fact("other", { stage: "data", scope: "transaction", schema: z.string(), fallback: "" });
const score = definePlugin({
  name: "score",
  provides: [Score],
  data: (ctx) => ctx.provide(Score, { points: 7, rule: ctx.message.header.text("Subject") ?? "" }),
});

const HEAD = [
  "From: a@outside.example",
  "X-Mark: one",
  "Subject: Hello",
  "x-mark: two",
  "To: b@inside.example",
];
const BODY = "The body\r\n";

/** The fields as the next hop got them, without the trace field, unfolded. */
function fieldsOf(text: string): string[] {
  const [head = ""] = text.split("\r\n\r\n");
  const lines = head.replace(/\r\n([ \t])/g, "$1").split("\r\n");
  return lines.filter((line) => !line.startsWith("Received:"));
}

const TABLE: readonly {
  name: string;
  options: HeadersOptions<[typeof Score]>;
  want: readonly string[];
  edits?: readonly string[];
}[] = [
  { name: "changes nothing without a change", options: {}, want: HEAD, edits: [] },
  {
    name: "removes all fields of a name, whatever its letter case",
    options: { remove: ["X-MARK"] },
    want: [HEAD[0]!, HEAD[2]!, HEAD[4]!],
    edits: ["removed X-MARK", "removed X-MARK"],
  },
  { name: "removes none where there is none", options: { remove: ["X-None"] }, want: HEAD, edits: [] },
  {
    name: "replaces the first field of a name and takes the others away",
    options: { replace: [{ name: "X-Mark", value: "new" }] },
    want: [HEAD[0]!, "X-Mark: new", HEAD[2]!, HEAD[4]!],
    edits: ["replaced X-Mark", "removed X-Mark"],
  },
  {
    name: "replaces none where there is none",
    options: { replace: [{ name: "X-None", value: "new" }] },
    want: HEAD,
    edits: [],
  },
  {
    name: "adds fields on top, the last written first",
    options: {
      add: [
        { name: "X-A", value: "1" },
        { name: "X-B", value: "2" },
      ],
    },
    want: ["X-B: 2", "X-A: 1", ...HEAD],
    edits: ["added X-A", "added X-B"],
  },
  {
    name: "adds a field after the last of a name",
    options: { add: [{ name: "X-A", value: "1", position: { after: "x-mark" } }] },
    want: [...HEAD.slice(0, 4), "X-A: 1", HEAD[4]!],
  },
  {
    name: "adds a field after the n-th of a name",
    options: { add: [{ name: "X-A", value: "1", position: { after: "X-Mark", n: 0 } }] },
    want: [HEAD[0]!, HEAD[1]!, "X-A: 1", ...HEAD.slice(2)],
  },
  {
    name: "adds a field on top where the one that it goes after is not there",
    options: { add: [{ name: "X-A", value: "1", position: { after: "X-None" } }] },
    want: ["X-A: 1", ...HEAD],
  },
  {
    name: "removes first, then replaces, then adds",
    options: {
      add: [{ name: "Subject", value: "added" }],
      replace: [{ name: "Subject", value: "replaced" }],
      remove: [{ name: "Subject", reason: "gone" }],
    },
    want: ["Subject: added", ...HEAD.filter((line) => !line.startsWith("Subject"))],
    edits: ["removed Subject", "added Subject"],
  },
  {
    name: "computes values of facts, and of the message as earlier changes left it",
    options: {
      facts: [Score],
      replace: [
        {
          name: "Subject",
          value: (ctx) => `[${ctx.fact(Score).points}] ${ctx.message.header.text("Subject")}`,
        },
      ],
      add: [{ name: "X-Copy", value: (ctx) => ctx.message.header.text("Subject") }],
    },
    want: ["X-Copy: [7] Hello", HEAD[0]!, HEAD[1]!, "Subject: [7] Hello", HEAD[3]!, HEAD[4]!],
  },
  {
    name: "leaves a field as it is where the value is undefined",
    options: {
      replace: [{ name: "Subject", value: () => undefined }],
      add: [{ name: "X-A", value: (ctx) => (ctx.message.header.get("X-Mark") ? undefined : "1") }],
    },
    want: HEAD,
    edits: [],
  },
  {
    name: "writes what is not ASCII as encoded words",
    options: { add: [{ name: "X-Where", value: "Z\u00fcrich" }] },
    want: ["X-Where: =?UTF-8?Q?Z=C3=BCrich?=", ...HEAD],
  },
  {
    name: "writes an empty value",
    options: { add: [{ name: "X-Empty", value: "" }] },
    want: ["X-Empty: ", ...HEAD],
  },
  {
    name: "changes a protected field that the config allows",
    options: { allowProtected: ["mime-VERSION"], add: [{ name: "MIME-Version", value: "1.0" }] },
    want: ["MIME-Version: 1.0", ...HEAD],
  },
];

for (const { name, options, want, edits } of TABLE) {
  test(`headers ${name}`, async () => {
    const inject = await gatewayOf(pipeline(score, headers(options), toBackend));
    const outcome = await inject({ content: `${HEAD.join("\r\n")}\r\n\r\n${BODY}` });
    assert.equal(replyText(outcome), "250 2.0.0 Message accepted");
    const text = outcome.deliveries[0]?.text ?? "";
    assert.deepEqual(
      fieldsOf(text).map((line) => line.trimEnd()),
      want.map((line) => line.trimEnd()),
    );
    assert.ok(text.endsWith(`\r\n\r\n${BODY}`), "the body is as it was");
    if (edits)
      assert.deepEqual(
        outcome.edits.map(({ summary }) => summary),
        edits,
      );
  });
}

test("headers records each change with its author and the config's reason", async () => {
  const plugin = headers({
    remove: [{ name: "X-Mark", reason: "ours alone" }],
    add: [{ name: "X-A", value: "1" }],
  });
  const inject = await gatewayOf(pipeline(plugin, toBackend));
  const outcome = await inject({ content: "X-Mark: forged\n\nx\n" });
  assert.deepEqual(outcome.edits, [
    { author: "headers", summary: "removed X-Mark", reason: "ours alone" },
    { author: "headers", summary: "added X-A", reason: "set in the config" },
  ]);
});

const HOSTILE: readonly { name: string; value: string; want: string }[] = [
  {
    name: "a line end",
    value: "a\r\nBcc: evil@outside.example",
    want: "X-Value: a Bcc: evil@outside.example",
  },
  { name: "a bare LF", value: "a\nBcc: x", want: "X-Value: a Bcc: x" },
  { name: "a bare CR", value: "a\rBcc: x", want: "X-Value: a Bcc: x" },
  { name: "the end of the header section", value: "a\r\n\r\nbody", want: "X-Value: a body" },
  {
    name: "a line separator of Unicode",
    value: "a\u2028Bcc: x\u2029y\u0085z",
    want: "X-Value: a Bcc: x y z",
  },
  { name: "a NUL and other controls", value: "a\0b\u001b[31mc\u007f", want: "X-Value: ab[31mc" },
];
for (const { name, value, want } of HOSTILE) {
  test(`headers lets no value end its field by ${name}`, async () => {
    const inject = await gatewayOf(
      pipeline(headers({ add: [{ name: "X-Value", value: () => value }] }), toBackend),
    );
    const outcome = await inject({ content: `${HEAD.join("\r\n")}\r\n\r\n${BODY}` });
    assert.deepEqual(fieldsOf(outcome.deliveries[0]?.text ?? ""), [want, ...HEAD]);
  });
}

test("headers takes no line end out of an encoded word of the message", async () => {
  const copy = headers({ add: [{ name: "X-Copy", value: (ctx) => ctx.message.header.text("Subject") }] });
  const inject = await gatewayOf(pipeline(copy, toBackend));
  const outcome = await inject({
    content: "Subject: =?utf-8?Q?a=0D=0ABcc:_evil@outside.example?=\r\n\r\nx\r\n",
  });
  const fields = fieldsOf(outcome.deliveries[0]?.text ?? "");
  assert.equal(fields.length, 2);
  assert.match(fields[0] ?? "", /^X-Copy: a ?Bcc: evil@outside\.example$/);
});

test("headers cuts a value at 10,000 characters, never within one", async () => {
  const long = headers({ add: [{ name: "X-Long", value: () => `${"a ".repeat(4999)}a\u{1F600}` }] });
  const inject = await gatewayOf(pipeline(long, toBackend));
  const text = (await inject({ content: "Subject: x\n\nx\n" })).deliveries[0]?.text ?? "";
  assert.ok(!text.includes("=?"), "half of the last character would be written as an encoded word");
  assert.equal(fieldsOf(text)[0]?.match(/a/g)?.length, 5000);
});

test("headers writes any value as one field in ASCII with lines of at most 998 octets, and changes nothing else", async () => {
  let value = "";
  const plugin = headers({
    replace: [{ name: "Subject", value: () => value }],
    add: [{ name: "X-Value", value: () => value, position: { after: "Subject" } }],
  });
  const inject = await gatewayOf(pipeline(plugin, toBackend));
  const unit = fc.oneof(
    fc.constantFrom(
      "\r",
      "\n",
      "\r\n",
      " ",
      "\t",
      "\0",
      ":",
      "=?utf-8?Q?=0D=0AX-Evil:_1?=",
      "=?",
      "?=",
      "\u2028",
      "\u0085",
      "\ud800",
      "\r\nX-Evil: 1",
      "a".repeat(1000),
    ),
    fc.string({ unit: "binary", maxLength: 10 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(unit, { maxLength: 12 }), async (pieces) => {
      value = pieces.join("");
      const outcome = await inject({ content: `${HEAD.join("\r\n")}\r\n\r\n${BODY}` });
      const text = Buffer.from(outcome.deliveries[0]?.bytes ?? []).toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      assert.equal(text.slice(end + 4), BODY);
      const lines = text.slice(0, end).split("\r\n");
      assert.ok(lines.every((line) => /^[\t -~]*$/.test(line) && line.length <= 998 && line.trim() !== ""));
      const fields = fieldsOf(text);
      assert.deepEqual(
        fields.map((line) => line.split(":")[0]),
        ["From", "X-Mark", "Subject", "X-Value", "x-mark", "To"],
      );
      assert.deepEqual([fields[0], fields[1], fields[4], fields[5]], [HEAD[0], HEAD[1], HEAD[3], HEAD[4]]);
    }),
    { numRuns: 200 },
  );
});

test("headers takes any text as a name, or tells that it is none", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1, maxLength: 80 }), async (name) => {
      let plugin: Plugin<never, never, false>;
      try {
        plugin = headers({ add: [{ name, value: "1" }] });
      } catch (error) {
        assert.match(String(error), /headers: add\[0\]\.name: found /);
        return;
      }
      const inject = await gatewayOf(pipeline(plugin, toBackend));
      const outcome = await inject({ content: "Subject: x\n\nx\n" });
      assert.deepEqual(fieldsOf(outcome.deliveries[0]?.text ?? ""), [`${name}: 1`, "Subject: x"]);
    }),
    { numRuns: 100 },
  );
});

const FAULTS: readonly { name: string; value: () => unknown; want: RegExp }[] = [
  { name: "throws", value: () => assert.fail("boom"), want: /AssertionError: boom/ },
  { name: "returns a number", value: () => 7, want: /the value of 'X-B' gave no text/ },
  { name: "returns null", value: () => null, want: /the value of 'X-B' gave no text/ },
  { name: "returns a promise", value: async () => "text", want: /the value of 'X-B' gave no text/ },
  {
    name: "returns a promise that never ends",
    value: () => new Promise(() => {}),
    want: /the value of 'X-B' gave no text/,
  },
];
for (const { name, value, want } of FAULTS) {
  test(`headers puts mail off, with none of its changes, when a value ${name}`, async () => {
    const plugin = headers({
      remove: ["Subject"],
      add: [
        { name: "X-A", value: "1" },
        { name: "X-B", value: value as () => string },
      ],
    });
    const inject = await gatewayOf(pipeline(plugin, toBackend), { clock: hastyClock() });
    const outcome = await inject({ content: "Subject: x\n\nx\n" });
    assert.match(replyText(outcome), /^451 4\.3\.0 /);
    assert.equal(faultsOf(outcome).length, 1);
    assert.match(faultsOf(outcome)[0] ?? "", want);
    assert.deepEqual(outcome.edits, []);
    assert.equal(outcome.deliveries.length, 0);
  });
}

test("headers puts mail off when a value reads a fact that is not in its list", async () => {
  // @ts-expect-error: the compiler says so too
  const plugin = headers({ facts: [Score], add: [{ name: "X-A", value: (ctx) => ctx.fact(Other) }] });
  const inject = await gatewayOf(pipeline(score, plugin, toBackend));
  const outcome = await inject({ content: "Subject: x\n\nx\n" });
  assert.match(faultsOf(outcome)[0] ?? "", /to read the fact 'other', put it into the plugin's 'reads'/);
});

test("headers reads the facts of its list, so that their providers must stand before it", () => {
  const plugin = headers({ facts: [Score], add: [{ name: "X-A", value: (ctx) => ctx.fact(Score).rule }] });
  assert.deepEqual(plugin.definition.reads, [Score]);
  // @ts-expect-error: needs the fact 'score'
  pipeline(plugin, score, toBackend);
});
