/** What rcpt and route hooks change of the envelope, what the next hop gets of it, and how loops and floods end. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, discard, pipeline, type RcptParameters, routeTo } from "postern";
import { EXPANSION_MAX, LINEAGE_MAX } from "../../core/gateway/envelope-changes.ts";
import type { Delivery } from "../../core/gateway/mod.ts";
import { forward, openBed, reverse, short } from "./engine-bed.ts";

const local = ({ recipients }: Delivery): string[] =>
  recipients.map(({ forwardPath }) => forwardPath.localPart);

/** An alias table as a plugin: expands by local part, and routes the rest. */
const aliases = (table: { readonly [name: string]: readonly string[] }) =>
  definePlugin({
    name: "aliases",
    edits: ["envelope"],
    routes: true,
    route(ctx) {
      const targets = table[ctx.recipient.forwardPath.localPart];
      if (!targets) return routeTo("backend");
      ctx.expandRecipient(
        targets.map((name) => forward(`${name}@example.org`)),
        "alias table",
      );
      return undefined;
    },
  });

describe("rewriteRecipient", () => {
  it("in rcpt sends the copy to the new address, and keeps the one the client gave", async () => {
    const originals: string[] = [];
    const rewrite = definePlugin({
      name: "rewrite",
      edits: ["envelope"],
      rcpt: (ctx) => ctx.rewriteRecipient(forward("new@example.org"), "moved"),
    });
    const routes = definePlugin({
      name: "routes",
      routes: true,
      route(ctx) {
        originals.push(`${ctx.recipient.original.text} ${ctx.recipient.forwardPath.text}`);
        return routeTo("backend");
      },
    });
    const bed = await openBed({ pipeline: pipeline(rewrite, routes) });
    await bed.send(["old@example.org"]);
    assert.deepEqual(bed.deliveries.map(local), [["new"]]);
    assert.deepEqual(originals, ["old@example.org new@example.org"]);
    const { recipients, entries } = bed.last();
    assert.deepEqual(
      recipients.map(({ forwardPath, original }) => [forwardPath, original]),
      [["new@example.org", "old@example.org"]],
    );
    const note = entries.find((entry) => "event" in entry && entry.event === "rewriteRecipient");
    assert.match(JSON.stringify(note), /old@example\.org -> new@example\.org \(rewrite: moved\)/);
  });

  it("in route is seen by the plugins after it, for that recipient only", async () => {
    const seen: string[] = [];
    const rewrite = definePlugin({
      name: "rewrite",
      edits: ["envelope"],
      route: (ctx) => {
        if (ctx.recipient.forwardPath.localPart === "a")
          ctx.rewriteRecipient(forward("c@example.org"), "moved");
      },
    });
    const routes = definePlugin({
      name: "routes",
      routes: true,
      route(ctx) {
        seen.push(ctx.recipient.forwardPath.localPart);
        return routeTo("backend");
      },
    });
    const bed = await openBed({ pipeline: pipeline(rewrite, routes) });
    await bed.send(["a@example.org", "b@example.org"]);
    assert.deepEqual(seen, ["c", "b"]);
    assert.deepEqual(bed.deliveries.map(local), [["c", "b"]]);
  });

  it("of a hook that fails afterwards does not count", async () => {
    const rewrite = definePlugin({
      name: "rewrite",
      edits: ["envelope"],
      onError: "skip",
      rcpt(ctx) {
        ctx.rewriteRecipient(forward("new@example.org"), "moved");
        throw new Error("oops");
      },
    });
    const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
    const bed = await openBed({ pipeline: pipeline(rewrite, routes) });
    await bed.send(["old@example.org"]);
    assert.deepEqual(bed.deliveries.map(local), [["old"]]);
  });
});

describe("expandRecipient", () => {
  it("replaces a recipient by others, which are routed in their turn, aliases of aliases too", async () => {
    const table = { team: ["ann", "others"], others: ["bob", "cyd"] };
    const bed = await openBed({ pipeline: pipeline(aliases(table)) });
    assert.equal(short(await bed.send(["team@example.org"])), "250 2.0.0");
    assert.deepEqual(bed.deliveries.map(local), [["ann", "bob", "cyd"]]);
    assert.deepEqual(
      bed.last().recipients.map(({ forwardPath, original }) => `${original} ${forwardPath}`),
      ["ann", "bob", "cyd"].map((name) => `team@example.org ${name}@example.org`),
    );
  });

  it("delivers once to one who is named twice, by the client and by aliases, whatever the domain's letter case", async () => {
    const table = { team: ["ann", "bob", "ann"], all: ["bob", "cyd"] };
    const bed = await openBed({ pipeline: pipeline(aliases(table)) });
    await bed.send(["ann@EXAMPLE.org", "team@example.org", "all@example.org"]);
    assert.deepEqual(bed.deliveries.map(local), [["ann", "bob", "cyd"]]);
  });

  const loops = [
    { name: "leads to itself", table: { a: ["a"] } },
    { name: "leads to itself and another", table: { a: ["a", "b"] } },
    { name: "leads back by way of another", table: { a: ["b"], b: ["c"], c: ["a"] } },
  ];
  for (const { name, table } of loops) {
    it(`refuses with 5.4.6 an alias that ${name}, and delivers nothing`, async () => {
      const bed = await openBed({
        pipeline: pipeline(aliases(table as { readonly [n: string]: readonly string[] })),
      });
      assert.equal(short(await bed.send(["a@example.org"])), "550 5.4.6");
      assert.equal(bed.deliveries.length, 0);
    });
  }

  it("refuses with 5.4.6 a loop of rewriting and expansion", async () => {
    const swap = definePlugin({
      name: "swap",
      edits: ["envelope"],
      route(ctx) {
        if (ctx.recipient.forwardPath.localPart !== "a") return;
        ctx.rewriteRecipient(forward("b@example.org"), "moved");
        ctx.expandRecipient([forward("a@example.org")], "and back");
      },
    });
    const bed = await openBed({ pipeline: pipeline(swap, aliases({})) });
    assert.equal(short(await bed.send(["a@example.org"])), "550 5.4.6");
  });

  it("tempfails an alias without targets: 250 would lose the message", async () => {
    const bed = await openBed({ pipeline: pipeline(aliases({ nobody: [] })) });
    assert.equal(short(await bed.send(["nobody@example.org"])), "451 4.3.0");
    assert.equal(bed.deliveries.length, 0);
  });

  it(`tempfails a chain of more than ${LINEAGE_MAX} aliases, also when a plugin after it would refuse`, async () => {
    const chain = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`a${n}`, [`a${n + 1}`]]));
    const never = definePlugin({ name: "never", routes: true, route: () => undefined });
    const bed = await openBed({ pipeline: pipeline(aliases(chain), never) });
    assert.equal(short(await bed.send(["a0@example.org"])), "451 4.5.3");
    const fits = await openBed({ pipeline: pipeline(aliases(chain)) });
    assert.equal(short(await fits.send([`a${40 - LINEAGE_MAX}@example.org`])), "250 2.0.0");
  });

  it(`tempfails an alias that would make more than ${EXPANSION_MAX} recipients`, async () => {
    const names = Array.from({ length: EXPANSION_MAX }, (_, n) => `n${n}`);
    const bed = await openBed({ pipeline: pipeline(aliases({ all: names })) });
    assert.equal(short(await bed.send(["all@example.org"])), "451 4.5.3");
    assert.equal(bed.deliveries.length, 0);
  });

  it("takes its targets' verdicts in the place of the alias' own", async () => {
    const picky = definePlugin({
      name: "picky",
      edits: ["envelope"],
      routes: true,
      route(ctx) {
        const { localPart } = ctx.recipient.forwardPath;
        if (localPart === "team")
          ctx.expandRecipient([forward("ann@example.org"), forward("no@example.org")], "t");
        return localPart === "ann" ? routeTo("backend") : undefined;
      },
    });
    const bed = await openBed({ pipeline: pipeline(picky) });
    assert.equal(short(await bed.send(["team@example.org"])), "550 5.1.2");
    assert.equal(bed.deliveries.length, 0);
  });
});

describe("DSN parameters over an alias (RFC 3461 5.2.7)", () => {
  const orcpt = "rfc822;team@example.org";
  const table: readonly {
    readonly name: string;
    readonly given: RcptParameters;
    readonly targets: readonly string[];
    readonly want: RcptParameters;
  }[] = [
    {
      name: "one target gets all of them (5.2.7.2)",
      given: { notify: ["SUCCESS", "FAILURE"], orcpt },
      targets: ["ann"],
      want: { notify: ["SUCCESS", "FAILURE"], orcpt },
    },
    {
      name: "several get NOTIFY without SUCCESS (5.2.7.3 c)",
      given: { notify: ["SUCCESS", "FAILURE"], orcpt },
      targets: ["ann", "bob"],
      want: { notify: ["FAILURE"], orcpt },
    },
    {
      name: "several get NEVER where SUCCESS was all",
      given: { notify: ["SUCCESS"] },
      targets: ["ann", "bob"],
      want: { notify: ["NEVER"] },
    },
    {
      name: "several get NEVER as NEVER",
      given: { notify: ["NEVER"] },
      targets: ["ann", "bob"],
      want: { notify: ["NEVER"] },
    },
    { name: "several get none where none was given", given: {}, targets: ["ann", "bob"], want: {} },
  ];
  for (const { name, given, targets, want } of table) {
    it(name, async () => {
      const bed = await openBed({ pipeline: pipeline(aliases({ team: targets })) });
      const parameters = { envid: "id1", ret: "HDRS" } as const;
      await bed.send(["team@example.org"], { rcpt: given, parameters });
      assert.equal(bed.deliveries.length, 1);
      assert.deepEqual(
        bed.deliveries[0]?.recipients.map((recipient) => recipient.parameters),
        targets.map(() => want),
      );
      assert.deepEqual(bed.deliveries[0]?.parameters, parameters);
    });
  }
});

describe("addRecipient", () => {
  const journal = definePlugin({
    name: "journal",
    edits: ["envelope"],
    routes: true,
    route(ctx) {
      ctx.addRecipient(forward("journal@example.org"), "kept for the law");
      return routeTo("backend");
    },
  });

  it("adds a copy of our own once, with NOTIFY=NEVER, whatever the sender asked for (RFC 3461 4.1)", async () => {
    const bed = await openBed({ pipeline: pipeline(journal) });
    const rcpt = { notify: ["SUCCESS"], orcpt: "rfc822;x@example.org" } as const;
    await bed.send(["ann@example.org", "bob@example.org"], { rcpt });
    assert.deepEqual(
      bed.deliveries[0]?.recipients.map(({ forwardPath, parameters }) => [forwardPath.localPart, parameters]),
      [
        ["ann", rcpt],
        ["bob", rcpt],
        ["journal", { notify: ["NEVER"] }],
      ],
    );
  });

  it("adds none for a recipient whose mail is discarded before", async () => {
    const drop = definePlugin({ name: "drop", data: () => discard("unwanted") });
    const bed = await openBed({ pipeline: pipeline(drop, journal) });
    await bed.send(["ann@example.org"]);
    assert.equal(bed.deliveries.length, 0);
    assert.equal(bed.last().recipients.length, 1);
  });
});

describe("setReversePath", () => {
  const srs = definePlugin({
    name: "srs",
    edits: ["envelope"],
    routes: true,
    route(ctx) {
      const { localPart } = ctx.recipient.forwardPath;
      if (localPart === "away")
        ctx.setReversePath(reverse("SRS0=x=y=example.com=ann@example.org"), "forwarded");
      if (localPart === "null") ctx.setReversePath(null, "an answer");
      return routeTo("backend");
    },
  });
  for (const { to, want } of [
    { to: "away", want: "SRS0=x=y=example.com=ann@example.org" },
    { to: "null", want: undefined },
    { to: "home", want: "ann@example.com" },
  ]) {
    it(`gives the next hop of ${to}@ the reverse-path <${want ?? ""}>; the trace keeps the client's`, async () => {
      const bed = await openBed({ pipeline: pipeline(srs) });
      await bed.send([`${to}@example.org`]);
      assert.equal(bed.deliveries[0]?.reversePath?.text, want);
      assert.equal(bed.last().reversePath, "ann@example.com");
    });
  }
});
