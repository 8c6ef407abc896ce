/** The driver of the platform's forward(): what it carries, and that it sends nothing where it can not carry all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { forwardDriver } from "../../core/edge/forward-driver.ts";
import type { DeliverOptions, Delivery, DeliveryResult } from "../../core/gateway/mod.ts";
import { type Address, isPathFault, memoryContent, parsePath } from "../../core/mod.ts";
import { emailMessage } from "./email-fixture.ts";

const RECEIVED = "Received: by gateway.example with ESMTP id 1;\r\n Thu, 1 Jan 1970 00:00:00 +0000\r\n";
const ORIGINAL = "Subject: hello\r\nX-A: 1\r\n\r\nbody\r\n";

function address(text: string): Address {
  const path = parsePath(`<${text}>`, { kind: "forward" });
  assert.ok(!isPathFault(path));
  return path;
}

const contentOf = (text: string) => memoryContent(new TextEncoder().encode(text));

interface Run {
  readonly original?: string | undefined;
  /** The form that leaves, without the engine's trace field. */
  readonly leaving?: string;
  readonly delivery?: Partial<Delivery>;
  readonly options?: Partial<DeliverOptions>;
}

async function deliver(run: Run): Promise<{ result: DeliveryResult; forwarded: readonly object[] }> {
  const original = "original" in run ? run.original : ORIGINAL;
  const { message, forwarded } = emailMessage({});
  const driver = forwardDriver(message, () => (original === undefined ? undefined : contentOf(original)));
  const delivery: Delivery = {
    id: "1",
    number: 1,
    origin: "email",
    nextHop: "backend",
    reversePath: address("ann@elsewhere.example"),
    parameters: {},
    recipients: [{ forwardPath: address("bob@example.com"), parameters: {} }],
    content: contentOf(RECEIVED + (run.leaving ?? ORIGINAL)),
    client: { ip: "", port: 0, trusted: false },
    ehlo: "",
    ...run.delivery,
  };
  const options = { signal: new AbortController().signal, proceed: () => true, ...run.options };
  return { result: await driver.deliver(delivery, options), forwarded };
}

const bob = { forwardPath: address("bob@example.com"), parameters: {} };
const carried: readonly (Run & { name: string; fields: { [name: string]: string } })[] = [
  { name: "a message as it came", fields: {} },
  { name: "a field in X- on top", leaving: `X-B: 2\r\n${ORIGINAL}`, fields: { "x-b": "2" } },
  {
    name: "fields in X- between others and at the end",
    leaving: "Subject: hello\r\nX-B: 2\r\nX-A: 1\r\nX-C: 3\r\n\r\nbody\r\n",
    fields: { "x-b": "2", "x-c": "3" },
  },
  {
    name: "one that is there already under its own name",
    leaving: `X-A: 2\r\n${ORIGINAL}`,
    fields: { "x-a": "2" },
  },
  {
    name: "a folded field, on one line",
    leaving: `X-B: one\r\n two\r\n\tthree\r\n${ORIGINAL}`,
    fields: { "x-b": "one two\tthree" },
  },
  {
    name: "a message without a header section",
    original: "\r\nbody\r\n",
    leaving: "\r\nbody\r\n",
    fields: {},
  },
  { name: "a message without a body", original: "A: 1\r\n", leaving: "A: 1\r\n", fields: {} },
  { name: "an empty message", original: "", leaving: "", fields: {} },
];
for (const { name, fields, ...run } of carried) {
  test(`forwardDriver carries ${name}`, async () => {
    const { result, forwarded } = await deliver(run);
    assert.deepEqual(forwarded, [{ forwardPath: "bob@example.com", fields }]);
    assert.equal(result.recipients[0]?.status, "delivered", result.cause);
    assert.equal(result.ended, "reply");
  });
}

const refused: readonly (Run & { name: string; cause: RegExp })[] = [
  { name: "two recipients", delivery: { recipients: [bob, bob] }, cause: /several recipients/ },
  { name: "no recipient", delivery: { recipients: [] }, cause: /several recipients/ },
  {
    name: "another reverse-path",
    delivery: { reversePath: address("srs@example.com") },
    cause: /reverse-path/,
  },
  { name: "the null reverse-path for another", delivery: { reversePath: null }, cause: /reverse-path/ },
  { name: "a demand for TLS", delivery: { parameters: { requireTls: true } }, cause: /demand for TLS/ },
  { name: "a message that came by another way", original: undefined, cause: /did not come by email\(\)/ },
  { name: "a changed body", leaving: "Subject: hello\r\nX-A: 1\r\n\r\nbody!\r\n", cause: /changed body/ },
  {
    name: "a changed body of the same size",
    leaving: ORIGINAL.replace("body", "BODY"),
    cause: /changed body/,
  },
  { name: "a changed field", leaving: ORIGINAL.replace("hello", "HELLO"), cause: /field 'Subject'/ },
  { name: "a removed field", leaving: "Subject: hello\r\n\r\nbody\r\n", cause: /field 'X-A'/ },
  {
    name: "fields in another order",
    leaving: "X-A: 1\r\nSubject: hello\r\n\r\nbody\r\n",
    cause: /field 'X-A'/,
  },
  {
    name: "a field that is not in X-",
    leaving: `List-Id: <a.example>\r\n${ORIGINAL}`,
    cause: /X- only, not 'List-Id'/,
  },
  { name: "two fields of one name", leaving: `X-B: 1\r\nX-b: 2\r\n${ORIGINAL}`, cause: /'X-b' only once/ },
  {
    name: "a field of raw UTF-8",
    leaving: `X-B: \u20ac\r\n${ORIGINAL}`,
    cause: /'X-B' with other than ASCII/,
  },
];
for (const { name, cause, ...run } of refused) {
  test(`forwardDriver tempfails ${name} with 451 4.3.5 and forwards nothing`, async () => {
    const { result, forwarded } = await deliver(run);
    assert.deepEqual(forwarded, []);
    assert.match(result.cause ?? "", cause);
    assert.equal(result.ended, "us");
    for (const { status, reply } of result.recipients) {
      assert.deepEqual([status, reply.code, reply.enhanced], ["tempfailed", 451, "4.3.5"]);
    }
  });
}

test("forwardDriver puts its recipient aside when the engine does not proceed", async () => {
  const asked: unknown[] = [];
  const { result, forwarded } = await deliver({
    options: {
      proceed(results) {
        asked.push(results);
        return false;
      },
    },
  });
  assert.deepEqual(asked, [["accepted"]]);
  assert.deepEqual(forwarded, []);
  assert.deepEqual([result.recipients[0]?.status, result.recipients[0]?.reply.code], ["aside", 451]);
});

test("forwardDriver forwards nothing when the deadline passed before", async () => {
  const { result, forwarded } = await deliver({ options: { signal: AbortSignal.abort() } });
  assert.deepEqual(forwarded, []);
  assert.deepEqual([result.ended, result.recipients[0]?.reply.enhanced], ["connection", "4.4.7"]);
});
