/**
 * spf, dkim, arc and dmarc judge what came in: with every plugin of the package that edits before them, and one that edits
 * all that can be, they say what they say without. A plugin that is new must enter a table here.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  defineGateway,
  definePlugin,
  mailbox,
  makeAddress,
  type Pipeline,
  type Plugin,
  pipeline,
} from "postern";
import { createTestGateway } from "postern/testing";
import * as plugins from "../../../plugins/mod.ts";
import { toBackend } from "../fakes.ts";
import { chainOf, KEYS } from "./arc/arc-bed.ts";
import { CLOCK, latin1, RECORDS, signed, zoneOf } from "./dkim/dkim-bed.ts";
import { ODD_MESSAGES } from "./sign/odd-messages.ts";
import { PEM } from "./sign/sign-bed.ts";

const REWRITTEN = "a <a@sender.example>";

/** Every plugin of the package, with options by which those that edit do so to each message. */
const PLUGINS: { readonly [name: string]: () => Plugin } = {
  arc: () => plugins.arc(),
  attachments: () => plugins.attachments(),
  authenticationResults: () => plugins.authenticationResults(),
  dkim: () => plugins.dkim(),
  dmarc: () => plugins.dmarc(),
  dnsbl: () => plugins.dnsbl({ lists: [{ zone: "block.example" }] }),
  headers: () => {
    const gone = ["DKIM-Signature", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"];
    return plugins.headers({
      remove: gone,
      replace: [
        { name: "From", value: REWRITTEN },
        { name: "Subject", value: "rewritten" },
      ],
      add: [{ name: "X-Rewritten", value: "yes" }],
      allowProtected: gone,
    });
  },
  iprev: () => plugins.iprev(),
  routes: () => toBackend,
  sign: () => plugins.sign({ keys: [{ domain: "sender.example", selector: "x", key: PEM.ed25519 }] }),
  smtpAuth: () => plugins.smtpAuth({ verify: () => undefined }),
  spf: () => plugins.spf(),
  srs: () => plugins.srs({ domain: "inside.example", keys: ["a secret of sixteen letters"] }),
  trust: () => plugins.trust({ networks: ["192.0.2.1"] }),
};
/** Functions that the package exports for plugins of one's own, and that make none. */
const HELPERS = ["countOption", "functionOption", "objectOption", "parseOptions"];

const editing = Object.values(PLUGINS)
  .map((make) => make())
  .filter(({ definition: { edits = [], waysBack } }) => edits.length > 0 || waysBack);

/** Edits whatever an own plugin may before others read: the recipient, both ends of the body, fields. */
const ownEditor = definePlugin({
  name: "ownEditor",
  edits: ["header", "body", "envelope"],
  rcpt: (ctx) => ctx.rewriteRecipient(makeAddress("rewritten", "elsewhere.example"), "a test"),
  async data({ message }) {
    message.replaceField("From", "twice <a@sender.example>", "a test");
    message.removeField("Date", "a test");
    message.addFoldedField("DKIM-Signature", ["v=1;", "d=rewritten.example"], "a test");
    await message.prependText({ plain: "Before" }, "a test");
    await message.appendText({ plain: "Behind" }, "a test");
  },
});

const ZONE = zoneOf({
  ...RECORDS,
  ...KEYS,
  "sender.example": ["v=spf1 ip4:127.0.0.1 -all"],
  "_dmarc.sender.example": ["v=DMARC1; p=reject"],
});
/** The client is in a trusted network, as sign and srs are for its mail: the others look all the same. */
const judges: readonly Plugin[] = [
  plugins.spf({ skip: [] }),
  plugins.dkim(),
  plugins.arc(),
  plugins.dmarc({ skip: [], policy: "record", onUnusableFrom: "record" }),
];

async function gatewayWith(before: readonly Plugin[]) {
  const make = pipeline as unknown as (...elements: readonly Plugin[]) => Pipeline<true>;
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: make(...before, ...judges, toBackend),
      nextHops: { backend: mailbox() },
    }),
    { dns: ZONE, clock: CLOCK },
  );
  return (content: Uint8Array) =>
    gateway.inject({ reversePath: "a@sender.example", recipients: ["b@outside.example"], content });
}

const SIGNED = signed(["From: a@sender.example", "Subject: x", "Date: now"], "Hello\r\n");
const MESSAGES: readonly { readonly name: string; readonly content: Uint8Array }[] = [
  { name: "signed by RSA", content: latin1(SIGNED) },
  { name: "sealed twice", content: latin1(chainOf({}, {})) },
  {
    name: "with a part that l= leaves",
    content: latin1(
      signed(["From: a@sender.example"], "Hello", { tags: { l: "5" } }).concat(", and more\r\n"),
    ),
  },
  { name: "damaged", content: latin1(SIGNED.replace("Hello", "Hallo")) },
  { name: "with two From fields", content: latin1(`From: b@other.example\r\n${SIGNED}`) },
  ...ODD_MESSAGES.map(({ name, bytes }) => ({ name, content: bytes })),
];

describe("what judges the message", () => {
  it("the tables have every function that postern/plugins exports", () => {
    const functions = Object.entries(plugins).flatMap(([name, value]) =>
      typeof value === "function" ? [name] : [],
    );
    assert.deepEqual(functions.sort(), [...Object.keys(PLUGINS), ...HELPERS].sort());
    for (const [name, make] of Object.entries(PLUGINS)) assert.equal(make().name, name);
    assert.deepEqual(editing.map(({ name }) => name).sort(), [
      "authenticationResults",
      "headers",
      "sign",
      "srs",
    ]);
  });

  it("spf, dkim, arc and dmarc say the same of every message, whatever was edited before them", async () => {
    const [plain, edited] = [await gatewayWith([]), await gatewayWith([...editing, ownEditor])];
    for (const { name, content } of MESSAGES) {
      const [want, got] = [await plain(content), await edited(content)];
      assert.equal(want.reply.code, 250, name);
      for (const fact of ["spf", "dkim", "arc", "dmarc"])
        assert.deepEqual(got.facts[fact], want.facts[fact], `${fact}: ${name}`);
      if (name === "sealed twice") assert.equal((want.facts.arc as { result: string }).result, "pass");
      if (name !== "signed by RSA") continue;
      const { dmarc, spf } = want.facts as { readonly [fact: string]: { readonly result: string } };
      assert.deepEqual(
        [spf?.result, dmarc?.result, (dmarc as { dkimAligned?: boolean }).dkimAligned],
        ["pass", "pass", true],
      );
      // They did edit, each of them; of srs the reverse-path tells.
      const editors = new Set(got.edits.map(({ author }) => author));
      const others = [...editing, ownEditor].filter(({ name: one }) => one !== "srs");
      for (const plugin of others) assert.ok(editors.has(plugin.name), plugin.name);
      const text = got.deliveries[0]?.text ?? "";
      assert.match(text, /Before[\s\S]*Behind/);
      assert.match(text, /^From: twice <a@sender\.example>\r$/m);
      assert.match(got.deliveries[0]?.reversePath ?? "", /^SRS0=/);
    }
  });

  it("dkim of what left says that it was changed", async () => {
    const [plain, edited] = [await gatewayWith([]), await gatewayWith([...editing, ownEditor])];
    const { deliveries } = await edited(latin1(SIGNED));
    const { facts } = await plain(deliveries[0]!.bytes);
    const { signatures } = facts.dkim as { readonly signatures: readonly { readonly result: string }[] };
    assert.deepEqual(
      signatures.map(({ result }) => result),
      ["permerror", "neutral"],
    );
  });
});
