/** What is known of routes at RCPT: no route is refused there, and one transaction keeps to one inline next hop. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  condition,
  definePlugin,
  type EnvelopeRoute,
  mailbox,
  mx,
  pipeline,
  routeTo,
  smtp,
  when,
} from "postern";
import { forward, openBed, reverse, short } from "./engine-bed.ts";

const config = {
  nextHops: { backend: mailbox(), other: mailbox({ folder: "other" }), away: smtp("192.0.2.9:25") },
};

/** Routes by local part, and says so at RCPT. */
const byName = (answer: (name: string) => EnvelopeRoute) =>
  definePlugin({
    name: "byName",
    routes: true,
    envelopeRoute: (ctx) => answer(ctx.recipient.forwardPath.localPart),
    route: () => routeTo("backend"),
  });

async function say(pipe: Parameters<typeof openBed>[0]["pipeline"], names: readonly string[]) {
  const bed = await openBed({ pipeline: pipe, config });
  const session = bed.open();
  await session.mail(reverse("ann@example.com"), {});
  const answers: string[] = [];
  for (const name of names) answers.push(short(await session.rcpt(forward(`${name}@example.org`), {})));
  return { bed, answers };
}

describe("envelopeRoute", () => {
  it("none refuses the recipient at RCPT with 550 5.1.2, and takes the others", async () => {
    const pipe = pipeline(byName((name) => (name === "nobody" ? "none" : { nextHop: "backend" })));
    const { answers } = await say(pipe, ["ann", "nobody", "bob"]);
    assert.deepEqual(answers, ["250", "550 5.1.2", "250"]);
  });

  it("another inline next hop than that of the recipients before is 452 4.5.3 (RFC 5321 4.5.3.1.10)", async () => {
    const pipe = pipeline(byName((name) => ({ nextHop: name.startsWith("o") ? "other" : "backend" })));
    const { answers } = await say(pipe, ["ann", "olga", "bob", "oleg"]);
    assert.deepEqual(answers, ["250", "452 4.5.3", "250", "452 4.5.3"]);
  });

  it("a refused recipient does not set the group for those after it", async () => {
    const pipe = pipeline(byName((name) => (name === "nobody" ? "none" : { nextHop: "other" })));
    const { answers } = await say(pipe, ["nobody", "ann"]);
    assert.deepEqual(answers, ["550 5.1.2", "250"]);
  });

  it("is one group for a transaction: the next one begins anew", async () => {
    const bed = await openBed({
      pipeline: pipeline(byName((name) => ({ nextHop: name === "olga" ? "other" : "backend" }))),
      config,
    });
    const session = bed.open();
    for (const name of ["ann", "olga"]) {
      await session.mail(reverse(""), {});
      assert.equal(short(await session.rcpt(forward(`${name}@example.org`), {})), "250");
    }
  });

  it("that says mode queue takes no part in the group", async () => {
    const pipe = pipeline(
      byName((name) => (name === "queued" ? { nextHop: "other", mode: "queue" } : { nextHop: "backend" })),
    );
    assert.deepEqual((await say(pipe, ["ann", "queued"])).answers, ["250", "250"]);
  });

  it("undecided takes the recipient: the stage route decides", async () => {
    const pipe = pipeline(byName((name) => (name === "later" ? undefined : { nextHop: "other" })));
    assert.deepEqual((await say(pipe, ["later", "ann"])).answers, ["250", "250"]);
  });

  it("under a condition is not asked", async () => {
    const never = condition("never", { from: "connect", per: "session", holds: () => false });
    const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
    const { answers } = await say(
      pipeline(
        when(
          never,
          byName(() => "none"),
        ),
        routes,
      ),
      ["ann"],
    );
    assert.deepEqual(answers, ["250"]);
  });

  it("that throws is 451 4.3.0, told in trace and log with the plugin's name", async () => {
    const pipe = pipeline(
      byName(() => {
        throw new Error("oops");
      }),
    );
    const { bed, answers } = await say(pipe, ["ann"]);
    assert.deepEqual(answers, ["451 4.3.0"]);
    assert.match(JSON.stringify(bed.lines), /"pluginFault".*"byName".*oops/);
  });
});

describe("without a durable spool", () => {
  const several = definePlugin({
    name: "several",
    routes: true,
    route: (ctx) => routeTo(ctx.recipient.forwardPath.localPart === "a" ? "backend" : "other"),
  });
  const queued = definePlugin({
    name: "queued",
    routes: true,
    route: () => routeTo("away", { mode: "queue" }),
  });
  const table = [
    { name: "several inline deliveries", pipe: pipeline(several), to: ["a@example.org", "b@example.org"] },
    { name: "mode queue", pipe: pipeline(queued), to: ["a@example.org"] },
  ];
  for (const { name, pipe, to } of table) {
    it(`${name} are 451 4.3.5 before anything is sent`, async () => {
      const bed = await openBed({ pipeline: pipe, config });
      assert.equal(short(await bed.send(to)), "451 4.3.5");
      assert.equal(bed.deliveries.length, 0);
      assert.ok(bed.lines.some(({ level, event }) => level === "error" && event === "spoolNeeded"));
    });
  }
});

describe("mx()", () => {
  const out = { nextHops: { out: mx(), backend: mailbox() } };
  const toOut = definePlugin({
    name: "toOut",
    routes: true,
    envelopeRoute: () => ({ nextHop: "out" }),
    route: () => routeTo("out"),
  });
  const inStage = definePlugin({ name: "inStage", routes: true, route: () => routeTo("out") });
  const rewriting = definePlugin({
    name: "rewriting",
    edits: ["envelope"],
    routes: true,
    rcpt: (ctx) =>
      ctx.rewriteRecipient(forward(`${ctx.recipient.forwardPath.localPart}@example.net`), "one house"),
    envelopeRoute: () => ({ nextHop: "out" }),
    route: () => routeTo("out"),
  });

  it("has recipients of one domain in an inline transaction: 452 4.5.3 to those of another", async () => {
    const bed = await openBed({ pipeline: pipeline(toOut), config: out });
    const session = bed.open();
    await session.mail(reverse("ann@example.com"), {});
    const answers: string[] = [];
    for (const to of ["a@example.org", "b@example.net", "c@EXAMPLE.org", "d@[192.0.2.1]"])
      answers.push(short(await session.rcpt(forward(to), {})));
    assert.deepEqual(answers, ["250", "452 4.5.3", "250", "452 4.5.3"]);
    const receiver = session.receive();
    await receiver.write(new TextEncoder().encode("Subject: s\r\n\r\nb\r\n"));
    assert.equal(short((await receiver.end()).answer), "250 2.0.0");
    assert.deepEqual(
      bed.deliveries.map(({ recipients }) => recipients.map(({ forwardPath }) => forwardPath.text)),
      [["a@example.org", "c@EXAMPLE.org"]],
    );
  });

  it("goes by the domain that a recipient was rewritten to", async () => {
    const bed = await openBed({ pipeline: pipeline(rewriting), config: out });
    assert.match(short(await bed.send(["a@example.org", "b@example.com"])), /^250/);
    assert.equal(bed.deliveries.length, 1);
  });

  it("has a delivery for each domain, of which several need a durable spool", async () => {
    const bed = await openBed({ pipeline: pipeline(inStage), config: out });
    assert.equal(short(await bed.send(["a@example.org", "b@example.net"])), "451 4.3.5");
    assert.equal(bed.deliveries.length, 0);
    assert.match(short(await bed.send(["a@example.org", "b@Example.org"])), /^250/);
    assert.deepEqual(
      bed.deliveries.map(({ recipients }) => recipients.length),
      [2],
    );
  });
});
