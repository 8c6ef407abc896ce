/** A valid way back (SRS) is all that a stranger may name besides the domains served here, and only a plugin knows one. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, discard, makeAddress, type Pipeline, pipeline, reject } from "postern";
import { routes } from "../../plugins/mod.ts";
import { openBed, short } from "./engine-bed.ts";

const STRANGER = "203.0.113.9";
const config = { domains: ["example.com"], listeners: [{ address: "0.0.0.0:25" }] };
const anywhere = routes([{ recipient: "*", nextHop: "backend" }]);

/** Takes one way back, as a plugin that checks signatures would. */
const checker = (waysBack: boolean) =>
  definePlugin({
    name: "checker",
    waysBack,
    edits: ["envelope"],
    rcpt(ctx) {
      const { localPart } = ctx.recipient.forwardPath;
      if (localPart === "SRS0=a/b=ann")
        ctx.rewriteRecipient(makeAddress("a/nn", "elsewhere.example"), "signed");
      if (localPart === "SRS0=a/b=eve") return reject("5.1.1", "No such way back");
      return undefined;
    },
  });
const mapper = definePlugin({
  name: "mapper",
  edits: ["envelope"],
  rcpt: (ctx) => ctx.rewriteRecipient(makeAddress(ctx.recipient.forwardPath.localPart, "inner.example"), "x"),
});
const discarding = definePlugin({ name: "discarding", mail: () => discard("spam") });

const REFUSED = "550 5.7.1";
const table: readonly {
  name: string;
  to: string;
  pipe?: Pipeline;
  want: string;
  sent?: string;
}[] = [
  {
    name: "one that is signed",
    to: "SRS0=a/b=ann@example.com",
    want: "250 2.0.0",
    sent: "a/nn@elsewhere.example",
  },
  { name: "one that the plugin refuses", to: "SRS0=a/b=eve@example.com", want: "550 5.1.1" },
  { name: "one that the plugin leaves as it is", to: "SRS0=a/b=joe@example.com", want: REFUSED },
  { name: "a route in disguise", to: "joe%elsewhere.example@example.com", want: REFUSED },
  { name: "the form at another place", to: "x/SRS0=a/b=ann@example.com", want: REFUSED },
  { name: "the form without its separator", to: "SRS0/a/b=ann@example.com", want: REFUSED },
  { name: "the form of a domain that is not ours", to: "SRS0=a/b=ann@elsewhere.example", want: REFUSED },
  {
    name: "one that no plugin says it checks",
    to: "SRS0=a/b=ann@example.com",
    pipe: pipeline(checker(false), anywhere),
    want: REFUSED,
  },
  {
    name: "one that another plugin only moves to another domain",
    to: "SRS0=a/b=joe@example.com",
    pipe: pipeline(mapper, checker(true), anywhere),
    want: REFUSED,
  },
  {
    name: "one whose hooks are not asked, as all of the transaction is discarded",
    to: "SRS0=a/b=ann@example.com",
    pipe: pipeline(discarding, checker(true), anywhere),
    want: REFUSED,
  },
  { name: "the form without a sign of a route", to: "SRS0=ab=joe@example.com", want: "250 2.0.0" },
];

describe("of the ways back that a stranger names, the engine takes", () => {
  for (const { name, to, pipe = pipeline(checker(true), anywhere), want, sent } of table) {
    it(`${want.startsWith("2") ? "" : "not "}${name}: <${to}>`, async () => {
      const bed = await openBed({ pipeline: pipe, config });
      const session = bed.open(STRANGER);
      assert.equal(short(await bed.send([to], { session, reversePath: "" })), want);
      const names = bed.deliveries.flatMap(({ recipients }) =>
        recipients.map(({ forwardPath }) => forwardPath.text),
      );
      assert.deepEqual(names, want.startsWith("2") ? [sent ?? to] : []);
    });
  }
});

describe("waysBack of a plugin", () => {
  const mistakes: readonly { name: string; definition: object; want: RegExp }[] = [
    {
      name: "that is a word",
      definition: { waysBack: "yes", rcpt() {} },
      want: /'waysBack' is true or false/,
    },
    { name: "without a hook to check them", definition: { waysBack: true }, want: /no 'rcpt' hook/ },
  ];
  for (const { name, definition, want } of mistakes) {
    it(`${name} is told`, () => {
      assert.throws(() => definePlugin({ name: "checker", ...definition }), want);
    });
  }
});
