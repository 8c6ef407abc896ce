/** LMTP, whatever is refused where: who hears 250 has the copy, who hears anything else has none, and nobody has two. */
import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { definePlugin, type Plugin, pipeline, type Reply, reject, routeTo, tempfail } from "postern";
import { recordingNextHop } from "postern/testing";
import { forward } from "./engine-bed.ts";
import { openLmtpBed } from "./lmtp-bed.ts";
import { mark } from "./spool-engine-fixtures.ts";

const PEOPLE = ["ann", "bob", "carl", "dora", "emil"];
const ALIASES = ["one", "two", "three"];
const at = (name: string): string => `${name}@example.org`;
const refusals = {
  reject: reject("5.7.1", "no"),
  tempfail: tempfail("4.7.1", "later"),
};
const replies: { readonly [kind: string]: Reply } = {
  reject: { code: 550, enhanced: "5.1.1", text: "unknown" },
  tempfail: { code: 450, enhanced: "4.2.1", text: "busy" },
};
const kind = fc.constantFrom("reject" as const, "tempfail" as const);

/** One message: whom it is for, where aliases lead, whom a filter and whom the next hop refuses, and who is elsewhere. */
const messages = fc.record({
  to: fc.uniqueArray(fc.constantFrom(...PEOPLE, ...ALIASES), { minLength: 1 }),
  aliases: fc.dictionary(
    fc.constantFrom(...ALIASES),
    fc.uniqueArray(fc.constantFrom(...PEOPLE), { minLength: 1, maxLength: 3 }),
    { maxKeys: 3 },
  ),
  filtered: fc.dictionary(fc.constantFrom(...PEOPLE, ...ALIASES), kind, { maxKeys: 2 }),
  refused: fc.dictionary(fc.constantFrom(...PEOPLE), kind, { maxKeys: 2 }),
  elsewhere: fc.subarray(PEOPLE),
});

it("answerEach() says 250 of a recipient if and only if each of its copies is delivered, and delivers none twice", async () => {
  await fc.assert(
    fc.asyncProperty(messages, async ({ to, aliases, filtered, refused, elsewhere }) => {
      // An alias that the filter refuses leads nowhere.
      const targetsOf = (name: string): readonly string[] =>
        (!Object.hasOwn(filtered, name) && Object.hasOwn(aliases, name) && aliases[name]) || [name];
      const alias = definePlugin({
        name: "alias",
        edits: ["envelope"],
        route(ctx) {
          const { localPart } = ctx.recipient.forwardPath;
          if (Object.hasOwn(aliases, localPart))
            ctx.expandRecipient(targetsOf(localPart).map(at).map(forward), "alias");
        },
      }) as Plugin<never, never, false>;
      const routes = definePlugin({
        name: "routes",
        routes: true,
        route: ({ recipient }) =>
          routeTo(elsewhere.includes(recipient.forwardPath.localPart) ? "other" : "backend"),
      });
      const hop = (name: string) =>
        recordingNextHop(name, (path) => replies[refused[path.split("@")[0] ?? ""] ?? ""]);
      const [backend, other] = [hop("backend"), hop("other")];
      const verdicts = Object.fromEntries(
        Object.entries(filtered).map(([name, which]) => [name, refusals[which]]),
      );
      const bed = await openLmtpBed({
        pipeline: pipeline(mark(verdicts), alias, routes),
        nextHops: { backend, other },
      });
      const answers = await bed.deliver(to.map(at));
      assert.equal(answers.length, to.length);
      const delivered = [...backend.deliveries, ...other.deliveries].flatMap(({ recipients }) => recipients);
      assert.equal(new Set(delivered).size, delivered.length, `twice: ${delivered}`);
      for (const [n, name] of to.entries()) {
        const whole = answers[n] === "250 2.0.0";
        for (const target of targetsOf(name))
          assert.equal(delivered.includes(at(target)), whole, `${name} got ${answers[n]}: ${delivered}`);
      }
      // Nothing but what the client asked for is delivered.
      const asked = new Set(to.flatMap((name) => targetsOf(name)).map(at));
      assert.deepEqual(
        delivered.filter((path) => !asked.has(path)),
        [],
      );
    }),
    { numRuns: 300 },
  );
});
