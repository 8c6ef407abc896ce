/** Addresses of domains beyond ASCII: records, their entries and the log name them in one form, with A-labels. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, pipeline, reject, routeTo } from "postern";
import { recordingNextHop } from "postern/testing";
import { type BedOptions, forward, openBed, reverse } from "./engine-bed.ts";

const U = "bücher.example";
const A = "xn--bcher-kva.example";
const ann = `ann@${U}`;

const routed = (name: (localPart: string) => string) =>
  definePlugin({
    name: "routes",
    routes: true,
    envelopeRoute: ({ recipient }) => ({ nextHop: name(recipient.forwardPath.localPart) }),
    route: ({ recipient }) => routeTo(name(recipient.forwardPath.localPart)),
  });
const routes = routed(() => "backend");

const cases: readonly {
  readonly name: string;
  readonly plugins: BedOptions["pipeline"];
  readonly to?: readonly string[];
  /** Of the entry or note that is looked for. */
  readonly want: RegExp;
}[] = [
  {
    name: "a hook that is about a recipient, in rcpt",
    plugins: pipeline(definePlugin({ name: "look", rcpt: () => undefined }), routes),
    want: /"stage":"rcpt","plugin":"look".*"recipient":"ann@xn--bcher-kva\.example"/,
  },
  {
    name: "a hook that is about a recipient, in route",
    plugins: pipeline(routes),
    want: /"stage":"route","plugin":"routes".*"recipient":"ann@xn--bcher-kva\.example"/,
  },
  {
    name: "rewriteRecipient in rcpt",
    plugins: pipeline(
      definePlugin({
        name: "moved",
        edits: ["envelope"],
        rcpt: (ctx) => ctx.rewriteRecipient(forward(`new@${U}`), "moved"),
      }),
      routes,
    ),
    want: /"rewriteRecipient","detail":"ann@xn--bcher-kva\.example -> new@xn--bcher-kva\.example \(/,
  },
  {
    name: "rewriteRecipient in route",
    plugins: pipeline(
      definePlugin({
        name: "moved",
        edits: ["envelope"],
        route: (ctx) => ctx.rewriteRecipient(forward(`new@${U}`), "moved"),
      }),
      routes,
    ),
    want: /"rewriteRecipient","detail":"ann@xn--bcher-kva\.example -> new@xn--bcher-kva\.example \(/,
  },
  {
    name: "expandRecipient, addRecipient and setReversePath",
    plugins: pipeline(
      definePlugin({
        name: "alias",
        edits: ["envelope"],
        route(ctx) {
          if (ctx.recipient.forwardPath.localPart !== "ann") return;
          ctx.setReversePath(reverse(`list@${U}`), "list");
          ctx.addRecipient(forward(`journal@${U}`), "journal");
          ctx.expandRecipient([forward(`one@${U}`), forward(`two@${U}`)], "alias");
        },
      }),
      routes,
    ),
    want: /<list@xn--bcher-kva\.example>.*"journal@xn--bcher-kva\.example \(.*ann@xn--bcher-kva\.example -> one@xn--bcher-kva\.example, two@xn--bcher-kva\.example/,
  },
  {
    name: "no route, at RCPT",
    plugins: pipeline(
      definePlugin({ name: "routes", routes: true, envelopeRoute: () => "none", route: () => undefined }),
    ),
    want: /"noRoute","detail":"ann@xn--bcher-kva\.example"/,
  },
  {
    name: "no route, in route",
    plugins: pipeline(definePlugin({ name: "routes", routes: true, route: () => undefined })),
    want: /"noRoute","detail":"ann@xn--bcher-kva\.example"/,
  },
  {
    name: "another route than that of the transaction",
    plugins: pipeline(routed((localPart) => (localPart === "ann" ? "backend" : "other"))),
    to: [ann, `bob@${U}`],
    want: /"otherRoute","detail":"bob@xn--bcher-kva\.example: other"/,
  },
  {
    name: "what a next hop said of a recipient at RCPT",
    plugins: pipeline(
      definePlugin({
        name: "routes",
        routes: true,
        envelopeRoute: () => ({ nextHop: "backend", verifyRecipients: true }),
        route: () => routeTo("backend"),
      }),
    ),
    want: /"recipientUnknown","detail":"ann@xn--bcher-kva\.example at backend/,
  },
  {
    name: "a refused recipient, in the record itself",
    plugins: pipeline(definePlugin({ name: "none", rcpt: () => reject("5.1.1", "no") }), routes),
    want: /"forwardPath":"ann@xn--bcher-kva\.example","outcome":"refused"/,
  },
];

describe("a trace names by A-labels", () => {
  for (const { name, plugins, to = [ann], want } of cases) {
    it(name, async () => {
      const bed = await openBed({
        pipeline: plugins,
        nextHops: {
          backend: {
            ...recordingNextHop("backend"),
            verify: async () => ({ status: "bad", ended: "reply" }),
          },
        },
      });
      const session = bed.open();
      await session.ehlo("client.example");
      await bed.send(to, { session });
      session.reset();
      const record = JSON.stringify(bed.last());
      assert.match(record, want);
      // Nothing of it stands beside in the other form, in the log neither.
      assert.ok(!record.includes(U), record);
      assert.ok(!JSON.stringify(bed.lines).includes(U));
      assert.ok(record.includes(A));
    });
  }
});
