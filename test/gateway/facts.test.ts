/** How long facts live and whose they are, by what a later plugin reads after each command. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { definePlugin, fact, identify, pipeline, type Recipient, routeTo, z } from "postern";
import { CONTENT, forward, octets, openBed, reverse } from "./engine-bed.ts";

const count = z.number();
const options = { schema: count, fallback: -1 } as const;
const AtConnect = fact("atConnect", { stage: "connect", scope: "session", ...options });
const AtEhlo = fact("atEhlo", { stage: "ehlo", scope: "session", ...options });
const AtAuth = fact("atAuth", { stage: "auth", scope: "session", ...options });
const AtMail = fact("atMail", { stage: "mail", scope: "transaction", ...options });
const AtRcpt = fact("atRcpt", { stage: "rcpt", scope: "recipient", ...options });
const AtData = fact("atData", { stage: "data", scope: "transaction", ...options });
const TLS = { protocol: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" };

/** A session whose provider counts its runs, and a reader that tells what it reads in `mail` and in `data`. */
async function watch() {
  let runs = 0;
  const provider = definePlugin({
    name: "provider",
    provides: [AtConnect, AtEhlo, AtAuth, AtMail, AtData],
    connect: (ctx) => ctx.provide(AtConnect, ++runs),
    // Only the first time: what is read afterwards is what is left of it.
    ehlo: (ctx) => ctx.provide(AtEhlo, ++runs),
    auth(ctx) {
      ctx.provide(AtAuth, ++runs);
      return ctx.attempt.password === "right" ? identify({ user: "ann" }) : undefined;
    },
    mail: (ctx) => ctx.provide(AtMail, ++runs),
    data: (ctx) => ctx.provide(AtData, ++runs),
  });
  const seen: { readonly [name: string]: number }[] = [];
  const reader = definePlugin({
    name: "reader",
    reads: [AtConnect, AtEhlo, AtAuth, AtMail],
    routes: true,
    mail: (ctx) =>
      void seen.push({
        connect: ctx.fact(AtConnect),
        ehlo: ctx.fact(AtEhlo),
        auth: ctx.fact(AtAuth),
        mail: ctx.fact(AtMail),
      }),
    route: () => routeTo("backend"),
  });
  const bed = await openBed({ pipeline: pipeline(provider, reader) });
  const session = bed.open();
  const mail = async () => {
    await session.mail(reverse("ann@example.com"), {});
    return seen.at(-1)!;
  };
  return { bed, session, mail };
}

describe("session facts", () => {
  it("of connect live as long as the session", async () => {
    const { session, mail } = await watch();
    await session.connect();
    await session.ehlo("a.example");
    session.startedTls(TLS);
    session.reset();
    assert.equal((await mail()).connect, 1);
  });

  it("of ehlo are those of the last EHLO", async () => {
    const { session, mail } = await watch();
    await session.ehlo("a.example");
    await session.ehlo("b.example");
    assert.equal((await mail()).ehlo, 2);
  });

  it("of ehlo and auth are gone after STARTTLS, with identity and name (RFC 3207 4.2)", async () => {
    const { session, mail } = await watch();
    await session.ehlo("a.example");
    await session.auth({ mechanism: "PLAIN", user: "ann", password: "right" });
    assert.deepEqual(await mail(), { connect: -1, ehlo: 1, auth: 2, mail: 3 });
    session.startedTls(TLS);
    assert.deepEqual(await mail(), { connect: -1, ehlo: -1, auth: -1, mail: 4 });
    assert.equal(session.identity, undefined);
  });

  it("of auth survive EHLO, RSET and MAIL", async () => {
    const { session, mail } = await watch();
    await session.auth({ mechanism: "PLAIN", user: "ann", password: "right" });
    await session.ehlo("a.example");
    session.reset();
    assert.equal((await mail()).auth, 1);
  });

  it("of a failed attempt to authenticate are not left: nobody was vouched for", async () => {
    const { session, mail } = await watch();
    await session.auth({ mechanism: "PLAIN", user: "ann", password: "wrong" });
    assert.equal((await mail()).auth, -1);
  });
});

describe("transaction facts", () => {
  const ends: readonly {
    readonly name: string;
    readonly end: (s: Awaited<ReturnType<typeof watch>>["session"]) => unknown;
  }[] = [
    { name: "RSET", end: (session) => session.reset() },
    { name: "EHLO", end: (session) => session.ehlo("a.example") },
    { name: "STARTTLS", end: (session) => session.startedTls(TLS) },
    { name: "another MAIL", end: () => undefined },
    {
      name: "the end of data",
      async end(session) {
        await session.rcpt(forward("bob@example.org"), {});
        const receiver = session.receive();
        await receiver.write(octets(CONTENT));
        await receiver.end();
      },
    },
  ];
  for (const { name, end } of ends) {
    it(`are not those of the transaction before ${name}`, async () => {
      const values: number[] = [];
      let first = true;
      const once = definePlugin({
        name: "once",
        provides: [AtMail],
        onError: "skip",
        mail(ctx) {
          if (!first) throw new Error("provides nothing the second time");
          first = false;
          ctx.provide(AtMail, 7);
        },
      });
      const reader = definePlugin({
        name: "reader",
        reads: [AtMail],
        mail: (ctx) => void values.push(ctx.fact(AtMail)),
        routes: true,
        route: () => routeTo("backend"),
      });
      const session = (await openBed({ pipeline: pipeline(once, reader) })).open();
      await session.mail(reverse("ann@example.com"), {});
      await end(session);
      await session.mail(reverse("ann@example.com"), {});
      assert.deepEqual(values, [7, -1]);
    });
  }
});

describe("recipient facts", () => {
  const perRcpt = definePlugin({
    name: "perRcpt",
    provides: [AtRcpt],
    rcpt: (ctx) => ctx.provide(AtRcpt, ctx.recipient.forwardPath.localPart.length),
  });

  it("are read for a recipient, in data and delivery by naming it, in route for the one at hand", async () => {
    const seen: string[] = [];
    const tell = (stage: string, { forwardPath }: Recipient, value: number) =>
      seen.push(`${stage} ${forwardPath.localPart} ${value}`);
    const reader = definePlugin({
      name: "reader",
      reads: [AtRcpt],
      routes: true,
      data: (ctx) => void ctx.recipients.map((one) => tell("data", one, ctx.fact(AtRcpt, one))),
      route(ctx) {
        tell("route", ctx.recipient, ctx.fact(AtRcpt));
        return routeTo("backend");
      },
      delivery: (ctx) =>
        void ctx.delivery.recipients.map((one) => tell("delivery", one, ctx.fact(AtRcpt, one))),
    });
    const bed = await openBed({ pipeline: pipeline(perRcpt, reader) });
    await bed.send(["a@example.org", "bbb@example.org"]);
    assert.deepEqual(seen, [
      "data a 1",
      "data bbb 3",
      "route a 1",
      "route bbb 3",
      "delivery a 1",
      "delivery bbb 3",
    ]);
  });

  it("go with the targets of an alias", async () => {
    const seen: number[] = [];
    const alias = definePlugin({
      name: "alias",
      reads: [AtRcpt],
      edits: ["envelope"],
      routes: true,
      route(ctx) {
        seen.push(ctx.fact(AtRcpt));
        if (ctx.recipient.forwardPath.localPart === "team") {
          ctx.expandRecipient([forward("ann@example.org")], "team");
          return undefined;
        }
        return routeTo("backend");
      },
    });
    const bed = await openBed({ pipeline: pipeline(perRcpt, alias) });
    await bed.send(["team@example.org"]);
    assert.deepEqual(seen, [4, 4]);
  });
});

describe("a fact whose provider did not run", () => {
  it("reads as its fallback from an origin without that stage, and the trace tells which did", async () => {
    const provider = definePlugin({
      name: "provider",
      provides: [AtEhlo, AtMail],
      ehlo: (ctx) => ctx.provide(AtEhlo, 1),
      mail: (ctx) => ctx.provide(AtMail, 2),
    });
    const seen: number[][] = [];
    const reader = definePlugin({
      name: "reader",
      reads: [AtEhlo, AtMail],
      data: (ctx) => void seen.push([ctx.fact(AtEhlo), ctx.fact(AtMail)]),
      routes: true,
      route: () => routeTo("backend"),
    });
    const bed = await openBed({ pipeline: pipeline(provider, reader) });
    const email = bed.gateway.openSession({
      origin: "email",
      listener: { name: "email", kind: "email", address: "" },
      client: { ip: "", port: 0 },
      local: "",
    });
    // A stranger may name the postmaster only, as no domain is served here.
    await bed.send(["postmaster"], { session: email });
    const fallbacks = [bed.last()].map(({ entries }) =>
      entries.flatMap((entry) => ("fallbacks" in entry ? entry.fallbacks : [])),
    );
    await bed.send(["bob@example.org"]);
    assert.deepEqual(seen, [
      [-1, 2],
      [1, 2],
    ]);
    assert.deepEqual(fallbacks, [["atEhlo"]]);
    assert.ok(bed.last().entries.every((entry) => !("fallbacks" in entry)));
  });

  it("reads as its fallback where the provider failed with onError skip", async () => {
    const seen: number[] = [];
    const provider = definePlugin({
      name: "provider",
      provides: [AtMail],
      onError: "skip",
      mail(ctx) {
        ctx.provide(AtMail, 2);
        throw new Error("oops");
      },
    });
    const reader = definePlugin({
      name: "reader",
      reads: [AtMail],
      data: (ctx) => void seen.push(ctx.fact(AtMail)),
      routes: true,
      route: () => routeTo("backend"),
    });
    const bed = await openBed({ pipeline: pipeline(provider, reader) });
    await bed.send(["bob@example.org"]);
    assert.deepEqual(seen, [-1]);
  });
});
