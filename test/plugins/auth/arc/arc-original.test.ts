/** `arc` among others: after plugins that edit, before those that tell, and with `dmarc`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineGateway, definePlugin, mailbox, pipeline } from "postern";
import { createTestGateway } from "postern/testing";
import { fixedResolver } from "../../../../core/dns/mod.ts";
import { arc, authenticationResults, dkim, dmarc, headers, spf } from "../../../../plugins/mod.ts";
import { replyText, toBackend } from "../../fakes.ts";
import { CLOCK } from "../dkim/dkim-bed.ts";
import { type ArcValue, chainOf, KEYS, validator } from "./arc-bed.ts";

const zone = (more: { readonly [name: string]: string } = {}) =>
  fixedResolver({
    ...Object.fromEntries(Object.entries(KEYS).map(([name, TXT]) => [name, { TXT: [...TXT] }])),
    "_dmarc.sender.example": { TXT: ["v=DMARC1; p=reject"] },
    ...Object.fromEntries(
      Object.entries(more).map(([name, answer]) => [name, { TXT: answer as "servfail" }]),
    ),
  });

test("arc judges the message as it came in, whatever was edited before", async () => {
  const footer = definePlugin({
    name: "footer",
    edits: ["body"],
    data: (ctx) => ctx.message.appendText({ plain: "Bye" }, "a test"),
  });
  const rewrite = headers({
    replace: [{ name: "Subject", value: "y" }],
    remove: ["ARC-Seal", "ARC-Message-Signature"],
    allowProtected: ["ARC-Seal", "ARC-Message-Signature"],
  });
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(footer, rewrite, arc(), toBackend),
      nextHops: { backend: mailbox() },
    }),
    { dns: zone(), clock: CLOCK },
  );
  const content = chainOf({}, {});
  const { facts, deliveries } = await gateway.inject({
    reversePath: "",
    recipients: ["b@inside.example"],
    content,
  });
  assert.deepEqual(facts.arc, await (await validator(KEYS))(content));
  assert.equal((facts.arc as ArcValue).result, "pass");
  assert.match(deliveries[0]?.text ?? "", /Bye/);
  assert.doesNotMatch(deliveries[0]?.text ?? "", /^ARC-Seal/m);
});

test("a gateway without arc does nothing about ARC", async () => {
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(
        spf(),
        dkim(),
        dmarc({ onUnusableFrom: "record" }),
        authenticationResults(),
        toBackend,
      ),
      nextHops: { backend: mailbox() },
    }),
    { dns: fixedResolver({}), clock: CLOCK },
  );
  const { facts, deliveries } = await gateway.inject({
    ...{ client: { ip: "192.0.2.1" }, reversePath: "", recipients: ["b@inside.example"] },
    content: chainOf({}),
  });
  assert.equal(facts.arc, undefined);
  const [head = ""] = (deliveries[0]?.text ?? "").split("\r\n\r\n");
  assert.match(head, /^Authentication-Results: /m);
  assert.doesNotMatch(head, /^[ \t]*arc=/m);
  assert.match(head, /^ARC-Seal: i=1/m);
});

/** A mail whose domain wants failures rejected, by way of lists; what is answered, and what is told. */
async function byWayOf(
  content: string,
  sealers: readonly string[],
  broken: { readonly [name: string]: "servfail" } = {},
) {
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(
        spf(),
        dkim(),
        arc(),
        dmarc({ trustedForwarders: { sealers } }),
        authenticationResults({ authservId: "mx.inside.example" }),
        toBackend,
      ),
      nextHops: { backend: mailbox() },
    }),
    { dns: zone(broken), clock: CLOCK },
  );
  const outcome = await gateway.inject({
    ...{ client: { ip: "192.0.2.1" }, reversePath: "list@one.example", recipients: ["b@inside.example"] },
    content,
  });
  const text = (outcome.deliveries[0]?.text ?? "").replace(/\r\n[ \t]+/g, " ");
  return { reply: replyText(outcome), told: /^Authentication-Results: (.*)$/m.exec(text)?.[1] ?? "" };
}

const ACCEPTED = "250 2.0.0 Message accepted";
const REJECTED = "550 5.7.1 Rejected by the DMARC policy for sender.example";
const LATE = "451 4.7.1 DMARC of the domain in From can not be checked now";

for (const { name, content, sealers, broken, want } of [
  { name: "a list whose word counts", content: chainOf({}), sealers: ["one.example"], want: ACCEPTED },
  { name: "a list whose word does not count", content: chainOf({}), sealers: [], want: REJECTED },
  {
    name: "a list that saw it fail",
    content: chainOf({ results: "one.example; dmarc=fail header.from=sender.example" }),
    sealers: ["one.example"],
    want: REJECTED,
  },
  {
    name: "a list whose message was changed on the way",
    content: `${chainOf({})}!\r\n`,
    sealers: ["one.example"],
    want: REJECTED,
  },
  {
    name: "a list whose key DNS does not give now",
    content: chainOf({}),
    sealers: ["one.example"],
    broken: { "s1._domainkey.one.example": "servfail" },
    want: LATE,
  },
] as const) {
  test(`dmarc answers ${want.slice(0, 3)} to mail by way of ${name}`, async () => {
    assert.equal((await byWayOf(content, sealers, broken)).reply, want);
  });
}

test("authenticationResults tells the chain, the oldest signature that holds, and the client", async () => {
  const { told } = await byWayOf(chainOf({}, {}), ["two.example"]);
  assert.match(told, /; arc=pass header\.oldest-pass=0 smtp\.remote-ip=192\.0\.2\.1$/);
  assert.match(told, /; dmarc=fail reason="neither SPF nor DKIM [^"]*" header\.from=sender\.example/);
});
