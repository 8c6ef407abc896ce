/** The proof that the core is neutral: bundled for no platform, it runs a message where only Web standards are. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Edge } from "../../core/edge/mod.ts";
import * as everything from "../../core/mod.ts";
import * as testing from "../../core/testing/mod.ts";
import { type FakeAnswer, responseTo, stringBytes, TYPES } from "../dns/fake-dns-server.ts";
import { record } from "../dns/resolver-contract.ts";
import { RFC_8463 } from "../plugins/auth/dkim/rfc-8463-message.ts";
import { ED25519_PUBLIC, RSA_PUBLIC } from "../store/signature-vectors.ts";
import { needsNode } from "../tidy/plugin-needs.ts";
import { readProject } from "../tidy/source-tree.ts";
import { bundleEdge, neutralPluginFiles, runEdge } from "./edge-bundle.ts";
import { emailMessage } from "./email-fixture.ts";

const SOURCE = `
  import { defineGateway, definePlugin, fact, mailbox, pipeline, reject, z } from "postern";
  import { createEdge } from "postern/edge";
  import { attachments, Dkim, dkim, headers, routes, Spf, spf } from "postern/plugins";
  export * as everything from "postern";
  export * as plugins from "postern/plugins";
  export * as testing from "postern/testing";

  const Digest = fact("digest", { stage: "data", scope: "transaction", schema: z.string(), fallback: "" });
  const digest = definePlugin({
    name: "digest", provides: [Digest], digests: [{ canonical: "relaxed", hash: "sha256" }],
    async data(ctx) {
      const hash = await ctx.original.bodyDigest("relaxed", "sha256");
      ctx.provide(Digest, btoa(String.fromCharCode(...hash)));
    },
  });
  export default createEdge(defineGateway((env) => ({
    domains: env.DOMAINS,
    nextHops: { backend: mailbox() },
    pipeline: pipeline(
      attachments({ refuse: { extensions: ["exe"] } }),
      digest,
      headers({ facts: [Digest], add: [{ name: "X-Digest", value: (ctx) => ctx.fact(Digest) }] }),
      routes([{ recipient: "*", nextHop: "backend" }]),
    ),
  })), { log: { debug() {}, info() {}, warn() {}, error() {} } });

  export const authenticating = createEdge(defineGateway({
    domains: ["example.com"],
    dns: { doh: "https://dns.example/dns-query" },
    nextHops: { backend: mailbox() },
    pipeline: pipeline(
      spf(),
      dkim(),
      headers({ facts: [Spf, Dkim], add: [{ name: "X-Results", value: (ctx) => [
        "spf=" + ctx.fact(Spf).result,
        ...ctx.fact(Dkim).signatures.map(({ algorithm, result }) => algorithm + "=" + result),
      ].join(" ") }] }),
      routes([{ recipient: "*", nextHop: "backend" }]),
    ),
  }), {
    log: { debug() {}, info() {}, warn() {}, error() {} },
    clientIp: (message) => message.headers.get("x-client") ?? undefined,
  });
`;
const txt = (text: string) =>
  record("TXT", ...(text.match(/.{1,255}/g) ?? []).map((part) => stringBytes(part)));
const env = { DOMAINS: "example.com", BINDING: {} };
const storeDoor = fileURLToPath(new URL("../../core/store/mod.ts", import.meta.url));

let code = "";
let files: readonly string[] = [];
before(async () => {
  ({ code, files } = await bundleEdge(SOURCE));
});

test("the bundle of core, core/edge and plugins for a neutral platform imports nothing of Node", () => {
  assert.ok(code.length > 100_000, "the bundle holds the package");
  // Only the fault is shown: the bundle is long.
  assert.deepEqual(code.match(/.*["'`]node:.*|.*\brequire\(.*|.*\bimport\(.*|^import .*/m)?.[0], undefined);
});

test("the bundle holds every plugin that does not say it is for Node", () => {
  // Found by their text and not by the door: a plugin that the door forgets would be missed by both.
  const wanted = readProject()
    .sources.filter(({ path, text }) => /^plugins\/[^/]+\//.test(path) && /\bdefinePlugin\b/.test(text))
    .filter((source) => !needsNode(source))
    .map(({ path }) => path);
  assert.ok(wanted.length >= 4, wanted.join());
  assert.deepEqual(
    wanted.filter((path) => !files.includes(path)),
    [],
  );
});

test("the bundle exports all that the doors of the package export", async () => {
  const bundle = runEdge<{ [door: string]: object }>(code);
  const names = (door: object | undefined): readonly string[] => Object.keys(door ?? {}).sort();
  assert.deepEqual(names(bundle.everything), names(everything));
  assert.deepEqual(names(bundle.testing), names(testing));
  const modules = await Promise.all(
    neutralPluginFiles().map((path) => import(new URL(`../../${path}`, import.meta.url).href)),
  );
  assert.deepEqual(names(bundle.plugins), names(Object.assign({}, ...modules)));
});

test("the same bundle with core/store in it is told to import from Node", async () => {
  await assert.rejects(bundleEdge(`export * from "${storeDoor}";`), /node:/);
});

test("email() forwards a message in a context that has Web standards and nothing else", async () => {
  const edge = runEdge<{ default: Edge }>(code).default;
  const { message, forwarded, rejected } = emailMessage({ content: "Subject: hello\r\n\r\nbody\r\n" });
  await edge.email(message, env);
  assert.deepEqual(rejected, []);
  assert.deepEqual(
    forwarded.map(({ forwardPath, fields }) => ({ forwardPath, fields })),
    [
      {
        forwardPath: "bob@example.com",
        fields: { "x-digest": "Ck5SoRNWUpSR4X0COv7R5ub2pUTtl6xz4dTFz++ji4M=" },
      },
    ],
  );
});

test("email() refuses an attachment in a context that has Web standards and nothing else", async () => {
  const edge = runEdge<{ default: Edge }>(code).default;
  const content =
    'Content-Type: application/octet-stream; name="run.exe"\r\nContent-Disposition: attachment; filename="run.exe"\r\n\r\nMZ\r\n';
  const { message, forwarded, rejected } = emailMessage({ content });
  await edge.email(message, env);
  assert.deepEqual(forwarded, []);
  assert.match(rejected[0] ?? "", /^550 5\.7\.\d .*\(ref [0-9a-z]{14}\)$/);
});

test("fetch() answers /healthz in a context that has Web standards and nothing else", async () => {
  const edge = runEdge<{ default: Edge }>(code).default;
  const response = await edge.fetch(new Request("https://gateway.example/healthz"), env);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { status: "ok" });
});

/** The published message of RFC 8463 A with both its signatures, and what DNS says of its domain. */
const DNS: { readonly [question: string]: FakeAnswer } = {
  [`football.example.com ${TYPES.TXT}`]: [txt("v=spf1 ip4:192.0.2.0/24 -all")],
  [`brisbane._domainkey.football.example.com ${TYPES.TXT}`]: [txt(`v=DKIM1; k=ed25519; p=${ED25519_PUBLIC}`)],
  [`test._domainkey.football.example.com ${TYPES.TXT}`]: [txt(`v=DKIM1; k=rsa; p=${RSA_PUBLIC}`)],
};
const authenticated = [
  { name: "pass where DNS says so", answers: DNS, want: "spf=pass ed25519-sha256=pass rsa-sha256=pass" },
  {
    name: "are temperror where DNS fails",
    answers: { "*": "servfail" as const },
    want: "spf=temperror ed25519-sha256=temperror rsa-sha256=temperror",
  },
  {
    name: "are none and permerror where there is nothing in DNS",
    answers: {},
    want: "spf=none ed25519-sha256=permerror rsa-sha256=permerror",
  },
];
for (const { name, answers, want } of authenticated) {
  test(`spf and dkim ${name}, by DoH in a context that has Web standards and nothing else`, async () => {
    const asked: unknown[] = [];
    // In place of the platform's own, with a server of DNS behind it.
    const fetch = async (url: string, { method, body }: { method: string; body: Uint8Array }) => {
      const { question, octets } = responseTo<never>(Buffer.from(body), answers);
      asked.push([url, method, question]);
      return new Response(octets && new Uint8Array(octets), {
        headers: { "content-type": "application/dns-message" },
      });
    };
    const { authenticating } = runEdge<{ authenticating: Edge }>(code, { fetch });
    const { message, forwarded, rejected } = emailMessage({
      from: "joe@football.example.com",
      content: RFC_8463,
    });
    message.headers.set("x-client", "192.0.2.1");
    await authenticating.email(message);
    assert.deepEqual([rejected, forwarded[0]?.fields], [[], { "x-results": want }]);
    assert.deepEqual(
      asked.toSorted(),
      Object.keys(DNS)
        .map((question) => ["https://dns.example/dns-query", "POST", question])
        .toSorted(),
    );
  });
}
