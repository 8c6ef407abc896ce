/** What the edge host does with a message and a request, told by the platform's own message object. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createEdge, type EdgeOptions, EmailTempfail, resolveEdgeConfig } from "../../core/edge/mod.ts";
import { memoryTraces } from "../../core/gateway/mod.ts";
import {
  ConfigFaults,
  defineGateway,
  definePlugin,
  discard,
  type GatewaySettingsInput,
  mailbox,
  mx,
  type Plugin,
  parseAddress,
  pipeline,
  reject,
  smtp,
  tempfail,
} from "../../core/mod.ts";
import { attachments, headers, routes, smtpAuth } from "../../plugins/mod.ts";
import { emailMessage, streamOf } from "./email-fixture.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const toBackend = routes([{ recipient: "*", nextHop: "backend" }]);
const base = { domains: ["example.com"], nextHops: { backend: smtp("mx.example.com") } };

function setUp(plugin?: Plugin<never, never, false>, settings: GatewaySettingsInput = base) {
  const traces = memoryTraces(10);
  const options: EdgeOptions = { log: silent, traces };
  const all = plugin ? pipeline(plugin, toBackend) : pipeline(toBackend);
  const edge = createEdge(defineGateway({ ...settings, pipeline: all }), options);
  return { edge, newestTrace: async () => (await traces.list({ limit: 1 }))[0] };
}

const faultOf = (input: Parameters<typeof defineGateway>[0], env = {}) =>
  resolveEdgeConfig(defineGateway(input), env).then(
    () => "",
    (error: unknown) => (error instanceof ConfigFaults ? error.message : `not a fault: ${error}`),
  );

test("email() forwards an unchanged message to the recipient without header fields", async () => {
  const { edge, newestTrace } = setUp();
  const { message, forwarded, rejected } = emailMessage({});
  await edge.email(message);
  assert.deepEqual(forwarded, [{ forwardPath: "bob@example.com", fields: {} }]);
  assert.deepEqual(rejected, []);
  const trace = await newestTrace();
  assert.equal(trace?.origin, "email");
  assert.equal(trace?.recipients[0]?.outcome, "delivered");
  assert.equal(trace?.recipients[0]?.nextHop, "backend");
});

test("email() takes a null reverse-path", async () => {
  const { edge } = setUp();
  const { message, forwarded } = emailMessage({ from: "" });
  await edge.email(message);
  assert.equal(forwarded.length, 1);
});

test("email() forwards to the recipient that an rcpt hook wrote", async () => {
  const carol = parseAddress("carol@example.com");
  assert.ok(!("fault" in carol));
  const { edge } = setUp(
    definePlugin({
      name: "alias",
      edits: ["envelope"],
      rcpt: (ctx) => void ctx.rewriteRecipient(carol, "alias"),
    }),
  );
  const { message, forwarded } = emailMessage({});
  await edge.email(message);
  assert.equal(forwarded[0]?.forwardPath, "carol@example.com");
});

test("email() gives forward() the header fields in X- that plugins added", async () => {
  const { edge } = setUp(headers({ add: [{ name: "X-Where", value: "Zürich" }] }));
  const { message, forwarded } = emailMessage({ content: "X-Before: 1\r\nSubject: hello\r\n\r\nbody\r\n" });
  await edge.email(message);
  assert.deepEqual(forwarded[0]?.fields, { "x-where": "=?UTF-8?Q?Z=C3=BCrich?=" });
});

const uncarried = [
  {
    name: "a field without X-",
    plugin: headers({ add: [{ name: "Comments", value: "passed" }] }),
    cause: /add header fields in X- only, not 'Comments'/,
  },
  {
    name: "two fields of one name",
    plugin: headers({
      add: [
        { name: "X-A", value: "1" },
        { name: "X-A", value: "2" },
      ],
    }),
    cause: /'X-A' only once/,
  },
  {
    name: "a removed field",
    plugin: headers({ remove: ["Subject"] }),
    cause: /changed or removed header field 'Subject'/,
  },
  {
    name: "a replaced field",
    plugin: headers({ replace: [{ name: "X-Before", value: "2" }] }),
    cause: /changed or removed header field 'X-Before'/,
  },
];
for (const { name, plugin, cause } of uncarried) {
  test(`email() tempfails ${name}, which forward() can not carry, and forwards nothing`, async () => {
    const { edge, newestTrace } = setUp(plugin);
    const { message, forwarded, rejected } = emailMessage({
      content: "X-Before: 1\r\nSubject: hello\r\n\r\nbody\r\n",
    });
    await assert.rejects(edge.email(message), (error: unknown) => {
      assert.ok(error instanceof EmailTempfail);
      assert.equal(error.reply.enhanced, "4.3.5");
      return true;
    });
    assert.deepEqual([forwarded, rejected], [[], []]);
    const details = (await newestTrace())?.entries.map((entry) => ("detail" in entry ? entry.detail : ""));
    assert.match(details?.join("\n") ?? "", cause);
  });
}

test("email() says a refusal by setReject() with code, enhanced code and trace id", async () => {
  const { edge, newestTrace } = setUp(
    definePlugin({ name: "no", data: () => reject("5.7.1", "Not this one") }),
  );
  const { message, forwarded, rejected } = emailMessage({});
  await edge.email(message);
  assert.deepEqual(forwarded, []);
  assert.deepEqual(rejected, [`550 5.7.1 Not this one (ref ${(await newestTrace())?.id})`]);
});

test("email() throws EmailTempfail for a tempfail, so that the platform tries again", async () => {
  const { edge } = setUp(definePlugin({ name: "later", mail: () => tempfail("4.7.1", "Later") }));
  const { message, forwarded, rejected } = emailMessage({});
  await assert.rejects(edge.email(message), /^EmailTempfail: 451 4\.7\.1 Later \(ref [0-9a-z]{14}\)$/);
  assert.deepEqual([forwarded, rejected], [[], []]);
});

test("email() drops a message that a plugin discards", async () => {
  const { edge, newestTrace } = setUp(definePlugin({ name: "drop", data: () => discard("junk") }));
  const { message, forwarded, rejected } = emailMessage({});
  await edge.email(message);
  assert.deepEqual([forwarded, rejected], [[], []]);
  assert.equal((await newestTrace())?.recipients[0]?.outcome, "discarded");
});

test("email() refuses a recipient of a domain that is not served here", async () => {
  const { edge } = setUp();
  const { message, forwarded, rejected } = emailMessage({ to: "bob@elsewhere.example" });
  await edge.email(message);
  assert.deepEqual(forwarded, []);
  assert.match(rejected[0] ?? "", /^550 5\.7\.1 Relaying denied/);
});

test("email() refuses addresses that are none, and never quotes them", async () => {
  for (const parts of [{ from: "a b\r\n250 ok" }, { to: "<bob@example.com>" }, { to: "" }]) {
    const { message, forwarded, rejected } = emailMessage(parts);
    await setUp().edge.email(message);
    assert.deepEqual(forwarded, []);
    assert.match(rejected[0] ?? "", /^501 5\.1\.[37] [ -~]+$/);
    assert.doesNotMatch(rejected[0] ?? "", /250 ok|bob/);
  }
});

test("email() refuses a message over messageBytesMax, told by rawSize or by the octets themselves", async () => {
  const settings = { ...base, limits: { messageBytesMax: 1_500 } };
  for (const rawSize of [20_000, 10]) {
    const { edge, newestTrace } = setUp(undefined, settings);
    const { message, forwarded, rejected } = emailMessage({ content: new Uint8Array(20_000), rawSize });
    await edge.email(message);
    assert.deepEqual(forwarded, []);
    assert.match(rejected[0] ?? "", /^552 5\.3\.4 .*\(ref/);
    assert.equal((await newestTrace())?.outcome, "refused");
  }
});

test("email() tempfails when the content breaks off", async () => {
  let sent = false;
  const raw = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent) controller.error(new Error("the line broke"));
      else controller.enqueue(new TextEncoder().encode("Subject: half\r\n"));
      sent = true;
    },
  });
  const { edge, newestTrace } = setUp();
  const { message, forwarded } = emailMessage({ raw });
  await assert.rejects(edge.email(message), /^EmailTempfail: 451 4\.3\.0/);
  assert.deepEqual(forwarded, []);
  assert.equal((await newestTrace())?.outcome, "deferred");
});

test("email() tempfails when the content stops coming for as long as limits.idle", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const asked = Promise.withResolvers<void>();
    const raw = new ReadableStream<Uint8Array>({ pull: () => asked.resolve() }, { highWaterMark: 0 });
    const { edge, newestTrace } = setUp(undefined, { ...base, limits: { idle: "7s" } });
    const { message, forwarded } = emailMessage({ raw });
    const run = edge.email(message);
    await asked.promise;
    await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(7_000);
    await assert.rejects(run, /^EmailTempfail: 451 4\.3\.0/);
    assert.deepEqual(forwarded, []);
    assert.match(JSON.stringify((await newestTrace())?.entries), /nothing came for 7000 ms/);
  } finally {
    mock.timers.reset();
  }
});

test("email() tempfails when forward() rejects, and the cause is in the trace only", async () => {
  const { edge, newestTrace } = setUp();
  const { message } = emailMessage({
    forward: () => Promise.reject(new Error("destination address is not verified")),
  });
  await assert.rejects(edge.email(message), (error: Error) => !/verified/.test(error.message));
  const trace = await newestTrace();
  assert.equal(trace?.recipients[0]?.reply?.enhanced, "4.4.1");
  assert.match(JSON.stringify(trace?.entries), /destination address is not verified/);
});

test("email() ends at the deadline when forward() hangs, and the trace says that a copy may be out", async () => {
  const { edge, newestTrace } = setUp(undefined, { ...base, deadline: "1s" });
  const { message } = emailMessage({ forward: () => new Promise(() => {}) });
  await assert.rejects(edge.email(message), /^EmailTempfail: 451 4\.4\.7/);
  assert.match(JSON.stringify((await newestTrace())?.entries), /lost, forward\(\) did not return/);
});

test("waitUntil() of email() gets what event hooks still do", async () => {
  const done: string[] = [];
  const { edge } = setUp(
    definePlugin({
      name: "tell",
      on: {
        async delivered(event, ctx) {
          await ctx.clock.sleep(20);
          done.push(event.forwardPath);
        },
      },
    }),
  );
  const waits: Promise<unknown>[] = [];
  await edge.email(emailMessage({}).message, {}, { waitUntil: (promise) => void waits.push(promise) });
  assert.deepEqual(done, []);
  await Promise.all(waits);
  assert.deepEqual(done, ["bob@example.com"]);
});

test("the config function of createEdge gets the texts of env and no bindings", async () => {
  let seen: object = {};
  const edge = createEdge(
    defineGateway((env) => {
      seen = env;
      return { ...base, pipeline: pipeline(toBackend) };
    }),
    { log: silent },
  );
  await edge.email(emailMessage({}).message, { MODE: "strict", KV: { get() {} } });
  assert.deepEqual(seen, { MODE: "strict" });
});

test("resolveEdgeConfig names the plugin and what it lacks here", async () => {
  const dns = definePlugin({ name: "lookUp", needs: ["dns"], data: () => undefined });
  const footer = definePlugin({ name: "footer", edits: ["body"], data: () => undefined });
  assert.match(
    await faultOf({ ...base, pipeline: pipeline(smtpAuth({ users: {} }), dns, toBackend) }),
    /pipeline: smtpAuth: the plugin needs 'auth', which this host does not have\n.*lookUp.*'dns'/,
  );
  assert.match(
    await faultOf({ ...base, pipeline: pipeline(footer, toBackend) }),
    /pipeline: footer: .*edits bodies/,
  );
});

test("resolveEdgeConfig refuses a config without domains, and one with several next hops", async () => {
  const plugins = pipeline(attachments({ refuse: { extensions: ["exe"] } }), toBackend);
  const two = { backend: mailbox(), other: mailbox() };
  assert.match(
    await faultOf({ domains: [], nextHops: two, pipeline: plugins }),
    /domains: found an empty list[^\n]*\nnextHops: found backend, other/,
  );
});

test("resolveEdgeConfig refuses mx(), as this host looks nothing up", async () => {
  const plugins = pipeline(attachments({ refuse: { extensions: ["exe"] } }), toBackend);
  assert.match(
    await faultOf({ ...base, nextHops: { backend: mx() }, pipeline: plugins }),
    /nextHops\.backend: found mx\(\), expected smtp\(\.\.\.\) or mailbox\(\)/,
  );
});

test("email() with a wrong config throws ConfigFaults, and fetch() answers /healthz with 503", async () => {
  const { edge } = setUp(undefined, { ...base, domains: [] });
  const { message, forwarded, rejected } = emailMessage({});
  await assert.rejects(edge.email(message), ConfigFaults);
  assert.deepEqual([forwarded, rejected], [[], []]);
  const response = await edge.fetch(new Request("https://gateway.example/healthz"));
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), { status: "configFault" });
});

test("fetch() answers any other path with 404 and any other method with 405, in JSON", async () => {
  const { edge } = setUp();
  const asked = async (path: string, method = "GET") => {
    const response = await edge.fetch(new Request(`https://gateway.example${path}`, { method }));
    const { headers } = response;
    return [response.status, headers.get("content-type"), headers.get("allow"), await response.json()];
  };
  const type = "application/json; charset=utf-8";
  assert.deepEqual(await asked("/"), [404, type, null, { error: "notFound" }]);
  assert.deepEqual(await asked("/healthz", "POST"), [405, type, "GET, HEAD", { error: "methodNotAllowed" }]);
  assert.deepEqual(await asked("/healthz"), [200, type, null, { status: "ok" }]);
});

test("email() gives a large message on without a change", async () => {
  const { edge } = setUp();
  const content = new TextEncoder().encode(`Subject: large\r\n\r\n${"0123456789\r\n".repeat(200_000)}`);
  const { message, forwarded } = emailMessage({ raw: streamOf(content), rawSize: content.length });
  await edge.email(message);
  assert.equal(forwarded.length, 1);
});
