/** Whose mail `sign` signs, on which octets, and what its tags say. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineGateway, definePlugin, mailbox, pipeline } from "postern";
import { createTestGateway, type Injection, type Outcome } from "postern/testing";
import { type SignOptions, sign } from "../../../../plugins/auth/sign/sign.ts";
import { headers, smtpAuth } from "../../../../plugins/mod.ts";
import { hastyClock, toBackend } from "../../fakes.ts";
import { verifier } from "../dkim/dkim-bed.ts";
import { BOTH, PEM, RECORDS, signingGateway } from "./sign-bed.ts";

const STRANGER = "203.0.113.9";
const MESSAGE = "From: ann@example.com\r\nSubject: x\r\n\r\nHi\r\n";
const ZONE = Object.fromEntries(Object.entries(RECORDS).map(([name, text]) => [name, [text]]));

/** How many signatures of ours a message left with. */
const signatures = ({ deliveries }: Outcome): number =>
  deliveries[0]?.text.match(/^DKIM-Signature: /gm)?.length ?? 0;

describe("sign, as mail comes in", () => {
  const config = (options: Partial<SignOptions> = {}) =>
    defineGateway({
      domains: ["inside.example"],
      listeners: [
        {
          address: "0.0.0.0:0",
          trustedNetworks: ["198.51.100.0/24"],
          upstreams: ["198.51.100.7", "203.0.113.7"],
        },
      ],
      pipeline: pipeline(
        smtpAuth({ verify: ({ user }) => ({ user, maySendAs: ["@example.com"] }) }),
        sign({ keys: BOTH, ...options }),
        toBackend,
      ),
      nextHops: { backend: mailbox() },
    });
  const RECEIVED = (ip: string): string =>
    `Received: from x.example (x.example [${ip}])\r\n\tby mx.example with ESMTP id 1;\r\n\tTue, 3 Mar 2026 10:00:00 +0000\r\n`;
  const CASES: readonly {
    readonly name: string;
    readonly injection: Partial<Injection>;
    readonly want: 0 | 2;
  }[] = [
    {
      name: "a user that logged in, wherever from",
      injection: { client: { ip: STRANGER }, login: { user: "ann", password: "x" } },
      want: 2,
    },
    { name: "a client in a trusted network", injection: { client: { ip: "198.51.100.9" } }, want: 2 },
    { name: "a stranger with a From of our domain", injection: { client: { ip: STRANGER } }, want: 0 },
    {
      name: "a stranger that greets as one of ours, with a null reverse-path",
      injection: { client: { ip: STRANGER, ehlo: "mail.example.com" }, reversePath: "" },
      want: 0,
    },
    {
      name: "a stranger that claims to be trusted in the header",
      injection: {
        client: { ip: STRANGER },
        content: `${RECEIVED("198.51.100.9")}Authentication-Results: localhost; auth=pass smtp.auth=ann\r\n${MESSAGE}`,
      },
      want: 0,
    },
    {
      name: "a stranger behind an upstream in a trusted network",
      injection: { client: { ip: "198.51.100.7" }, content: RECEIVED(STRANGER) + MESSAGE },
      want: 0,
    },
    {
      name: "a client in a trusted network behind an upstream",
      injection: { client: { ip: "203.0.113.7" }, content: RECEIVED("198.51.100.9") + MESSAGE },
      want: 0,
    },
  ];
  for (const { name, injection, want } of CASES) {
    it(`sign makes ${want} signatures for ${name}`, async () => {
      const gateway = await createTestGateway(config());
      const outcome = await gateway.inject({
        ...{ reversePath: "ann@example.com", recipients: ["b@inside.example"], content: MESSAGE },
        ...injection,
      });
      assert.equal(outcome.reply.code, 250, outcome.reply.text);
      assert.equal(signatures(outcome), want);
    });
  }

  for (const [origin, want] of [
    ["dsn", 2],
    ["local", 2],
    ["smtp", 0],
    ["lmtp", 0],
    ["http", 0],
    ["email", 0],
    ["release", 0],
  ] as const) {
    it(`sign makes ${want} signatures for mail of the origin ${origin} that nobody logged in for`, async () => {
      const plugin = sign({ keys: BOTH });
      const { delivery } = plugin.definition;
      // As the engine makes it, but for the origin: test gateways have clients alone.
      const withOrigin = (ctx: object): never =>
        new Proxy(ctx, {
          get(target, key) {
            if (key === "origin") return origin;
            const value: unknown = Reflect.get(target, key, target);
            return typeof value === "function" ? value.bind(target) : value;
          },
        }) as never;
      const moved: typeof plugin = {
        ...plugin,
        definition: { ...plugin.definition, delivery: (ctx: object) => delivery?.(withOrigin(ctx)) },
      };
      const gateway = await createTestGateway(
        defineGateway({
          ...{ domains: ["inside.example"], nextHops: { backend: mailbox() } },
          pipeline: pipeline(moved, toBackend),
        }),
      );
      const outcome = await gateway.inject({
        ...{ client: { ip: STRANGER }, reversePath: "", recipients: ["b@inside.example"], content: MESSAGE },
      });
      assert.equal(outcome.reply.code, 250, outcome.reply.text);
      assert.equal(signatures(outcome), want);
    });
  }
});

describe("sign, as mail leaves", () => {
  it("sign signs what each recipient is sent, whatever plugins behind it change", async () => {
    const footer = definePlugin({
      ...{ name: "footer", edits: ["body", "header"] },
      data: (ctx) => ctx.message.appendText({ plain: "-- \r\nall of us" }, "a test"),
      route: (ctx) => ctx.message.addField("X-For", ctx.recipient.forwardPath.localPart, "a test"),
    });
    const counter = definePlugin({
      ...{ name: "counter", edits: ["header"] },
      delivery: (ctx) => ctx.message.addField("X-Attempt", `${ctx.attempt.number}`, "a test"),
    });
    const keys = { headers: ["From", "Subject", "X-For", "X-Attempt"], oversign: ["X-For", "X-Attempt"] };
    const gateway = await createTestGateway(
      defineGateway({
        ...{ domains: ["inside.example"], nextHops: { backend: mailbox() } },
        pipeline: pipeline(
          // In the stage of its own the written order counts.
          counter,
          sign({ keys: BOTH, canonical: "simple/simple", ...keys }),
          footer,
          headers({ replace: [{ name: "Subject", value: "[list] x" }] }),
          toBackend,
        ),
      }),
    );
    const verify = await verifier(ZONE);
    for (const localPart of ["b", "c"]) {
      const recipients = [`${localPart}@inside.example`];
      const { deliveries } = await gateway.inject({ reversePath: "", recipients, content: MESSAGE });
      const { text, bytes } = deliveries[0]!;
      assert.match(text, new RegExp(`^X-For: ${localPart}\r$`, "m"));
      assert.match(text, /^Subject: \[list\] x\r$/m);
      assert.match(text, /^X-Attempt: 1\r$/m);
      assert.match(text, /all of us/);
      const { signatures: found } = await verify(bytes);
      assert.deepEqual(
        found.map(({ result, reason }) => [result, reason]),
        [
          ["pass", ""],
          ["pass", ""],
        ],
      );
    }
  });

  const keyOf = (more: object = {}): SignOptions["keys"][number] => ({
    ...{ domain: "example.com", selector: "e", key: PEM.ed25519 },
    ...more,
  });
  const NOW = "17672256\\d\\d";
  const TAGS: readonly {
    readonly name: string;
    readonly options?: Partial<SignOptions>;
    readonly from?: string;
    /** Each in the field, in one line. */
    readonly has: readonly RegExp[];
    readonly not?: readonly RegExp[];
  }[] = [
    {
      name: "t= and neither x= nor i= nor l= by default",
      has: [new RegExp(`; t=${NOW}; `), /; c=relaxed\/relaxed; /, /^v=1; a=ed25519-sha256; /],
      not: [/[; ](?:x|i|l)=/],
    },
    { name: "no t= where options say so", options: { signedAt: false }, has: [], not: [/[; ]t=/] },
    {
      name: "x= without t=",
      options: { signedAt: false, expiresAfter: "1d" },
      has: [/; x=17673120\d\d; /],
      not: [/[; ]t=/],
    },
    {
      name: "i= of the address of From",
      options: { keys: [keyOf({ identity: "headerFrom" })] },
      has: [/; i=ann@example\.com; /],
    },
    {
      name: "i= of a From below the domain",
      options: { keys: [keyOf({ identity: "headerFrom", subdomains: true })] },
      from: "ann@a.b.example.com",
      has: [/; d=example\.com; i=ann@a\.b\.example\.com; /],
    },
    {
      name: "no i= for a From elsewhere, which the fall-back signs",
      options: { keys: [keyOf({ identity: "headerFrom" })], fallback: "example.com" },
      from: "ann@other.example",
      has: [/; d=example\.com; /],
      not: [/[; ]i=/],
    },
    {
      name: "i= of a local part beyond ASCII, encoded (RFC 6376 2.11)",
      options: { keys: [keyOf({ identity: "headerFrom" })] },
      from: "jürgen@example.com",
      has: [/; i=j=C3=BCrgen@example\.com; /],
    },
    {
      name: "i= as options have it",
      options: { keys: [keyOf({ identity: "@news.example.com" })] },
      has: [/; i=@news\.example\.com; /],
    },
    {
      name: "h= of the list that options have, From first where it is not in it, the oversigned twice",
      options: { headers: ["Subject", "X-None"], oversign: ["Subject"] },
      has: [/; h=from:from:subject:subject; /],
    },
    {
      name: "h= with what is oversigned and not there",
      options: { headers: ["From", "To", "Subject"], oversign: ["To"] },
      has: [/; h=from:from:to:subject; /],
    },
  ];
  for (const { name, options = {}, from = "ann@example.com", has, not = [] } of TAGS) {
    it(`sign writes ${name}, and it verifies`, async () => {
      const inject = await signingGateway({ keys: [keyOf()], ...options }, { clock: hastyClock() });
      const { deliveries } = await inject({ content: `From: ${from}\r\nSubject: x\r\n\r\nHi\r\n` });
      const sent = deliveries[0]!;
      const [, value = ""] = /^DKIM-Signature: ((?:.*\r\n )*.*)/m.exec(sent.text) ?? [];
      const line = value.replace(/\r\n /g, " ");
      for (const pattern of has) assert.match(line, pattern);
      for (const pattern of not) assert.doesNotMatch(line, pattern);
      // The verifier's clock is of the year 2100: what has expired by then is right but for that.
      const [found] = (await (await verifier(ZONE))(sent.bytes)).signatures;
      const want = options.expiresAfter ? ["policy", "it has expired"] : ["pass", ""];
      assert.deepEqual([found?.result, found?.reason], want);
    });
  }
});
