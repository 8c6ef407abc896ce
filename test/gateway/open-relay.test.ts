/**
 * No open relay: what a stranger may name, whatever the plugins say. Each spelling is tried on a listener off loopback
 * and on one on loopback that is asked by a client it does not trust.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  defineGateway,
  definePlugin,
  identify,
  isPathFault,
  mailbox,
  parsePath,
  pipeline,
  routeTo,
} from "postern";
import { routes } from "postern/plugins";
import { createTestGateway } from "postern/testing";
import { CONTENT, openBed, short } from "./engine-bed.ts";

const STRANGER = "203.0.113.5";
const domains = ["example.com", "bücher.example"];
const nextHops = { backend: mailbox() };

/** Routes for anyone, at RCPT and after, as a careless function would. */
const forAnyone = definePlugin({
  name: "forAnyone",
  routes: true,
  envelopeRoute: () => ({ nextHop: "backend" }),
  route: () => routeTo("backend"),
});
const byFunction = routes([async () => "backend"]);

/** `parse`: the path is none, the host says 501. `refused`: 550 5.7.1. `taken`: it is delivered to that address. */
const spellings: readonly { readonly name: string; readonly to: string; readonly want: string }[] = [
  { name: "another domain", to: "bob@elsewhere.example", want: "refused" },
  { name: "the %-hack", to: "bob%elsewhere.example@example.com", want: "refused" },
  { name: "the %-hack, quoted", to: '"bob%elsewhere.example"@example.com', want: "refused" },
  { name: "the %-hack, escaped", to: '"bob\\%elsewhere.example"@example.com', want: "refused" },
  { name: "a source route to another domain", to: "@example.com:bob@elsewhere.example", want: "refused" },
  { name: "a source route of two", to: "@a.example,@example.com:bob@elsewhere.example", want: "refused" },
  {
    name: "a source route by another domain to ours",
    to: "@elsewhere.example:bob@example.com",
    want: "taken bob@example.com",
  },
  { name: "a quoted @", to: '"bob@elsewhere.example"@example.com', want: "refused" },
  { name: "a quoted @, escaped", to: '"bob\\@elsewhere.example"@example.com', want: "refused" },
  { name: "a second @", to: "bob@example.com@elsewhere.example", want: "parse" },
  { name: "a second @, ours last", to: "bob@elsewhere.example@example.com", want: "parse" },
  { name: "a bang path", to: "elsewhere.example!bob@example.com", want: "refused" },
  { name: "a bang path of two", to: "a!elsewhere.example!bob@example.com", want: "refused" },
  { name: "a DECnet path", to: '"elsewhere::bob"@example.com', want: "refused" },
  { name: "a pipe", to: '"|/bin/sh"@example.com', want: "refused" },
  { name: "a file", to: "/tmp/x@example.com", want: "refused" },
  { name: "a local part like an option", to: "-oQ/tmp@example.com", want: "refused" },
  { name: "our domain", to: "bob@example.com", want: "taken bob@example.com" },
  { name: "our domain in other letter case", to: "bob@EXAMPLE.Com", want: "taken bob@EXAMPLE.Com" },
  { name: "another domain in other letter case", to: "bob@Elsewhere.EXAMPLE", want: "refused" },
  { name: "our domain as U-label", to: "bob@bücher.example", want: "taken bob@bücher.example" },
  { name: "our domain as A-label", to: "bob@xn--bcher-kva.example", want: "taken bob@xn--bcher-kva.example" },
  {
    name: "our domain as A-label in other letter case",
    to: "bob@XN--BCHER-KVA.example",
    want: "taken bob@XN--BCHER-KVA.example",
  },
  {
    name: "our domain as U-label in other letter case",
    to: "bob@BÜCHER.example",
    want: "taken bob@BÜCHER.example",
  },
  {
    name: "our domain as U-label of combining marks",
    to: "bob@bu\u0308cher.example",
    want: "taken bob@bu\u0308cher.example",
  },
  { name: "another U-label that looks like ours", to: "bob@ехample.com", want: "refused" },
  { name: "our domain in full-width letters", to: "bob@ｅxample.com", want: "parse" },
  { name: "our domain with a soft hyphen", to: "bob@exam\u00adple.com", want: "parse" },
  { name: "an ideographic full stop", to: "bob@example\u3002com", want: "parse" },
  { name: "our domain with a trailing dot", to: "bob@example.com.", want: "parse" },
  { name: "another domain with a trailing dot", to: "bob@elsewhere.example.", want: "parse" },
  { name: "an empty domain", to: "bob@", want: "parse" },
  { name: "no domain", to: "bob", want: "parse" },
  { name: "an empty path", to: "", want: "parse" },
  { name: "an empty local part", to: "@example.com", want: "parse" },
  { name: "a dot as domain", to: "bob@.", want: "parse" },
  { name: "two dots in the domain", to: "bob@example..com", want: "parse" },
  { name: "a leading dot in the domain", to: "bob@.example.com", want: "parse" },
  { name: "a subdomain of ours", to: "bob@mail.example.com", want: "refused" },
  { name: "a domain that ours is a part of", to: "bob@example.com.elsewhere.example", want: "refused" },
  { name: "a domain that ends in ours", to: "bob@notexample.com", want: "refused" },
  { name: "the parent of ours", to: "bob@com", want: "refused" },
  { name: "an IPv4 literal", to: "bob@[192.0.2.1]", want: "refused" },
  { name: "the literal of loopback", to: "bob@[127.0.0.1]", want: "refused" },
  { name: "an IPv6 literal", to: "bob@[IPv6:2001:db8::1]", want: "refused" },
  { name: "a general literal", to: "bob@[example.com]", want: "parse" },
  { name: "a bare address as domain", to: "bob@192.0.2.1", want: "parse" },
  { name: "a number as domain", to: "bob@3221225985", want: "parse" },
  { name: "a space after the domain", to: "bob@example.com ", want: "parse" },
  {
    name: "a line end in the domain",
    to: "bob@example.com\r\nRCPT TO:<bob@elsewhere.example>",
    want: "parse",
  },
  { name: "a NUL in the domain", to: "bob@example.com\0.elsewhere.example", want: "parse" },
  { name: "a comment in the domain", to: "bob@example.com(elsewhere.example)", want: "parse" },
  { name: "a port in the domain", to: "bob@example.com:26", want: "parse" },
  { name: "a slash in the domain", to: "bob@elsewhere.example/example.com", want: "parse" },
  { name: "a # in the domain", to: "bob@elsewhere.example#example.com", want: "parse" },
  {
    name: "a local part of another meaning in a host of ours",
    to: '"bob@elsewhere.example\\"@example.com',
    want: "parse",
  },
];

const gateways = {
  "a listener off loopback": "0.0.0.0:25",
  "a loopback listener": "127.0.0.1:2525",
} as const;
const pipelines = {
  "a plugin that routes for anyone": pipeline(forAnyone),
  "a function route": pipeline(byFunction),
};

for (const [where, address] of Object.entries(gateways)) {
  describe(`on ${where}, a client that is not trusted`, () => {
    for (const [by, pipe] of Object.entries(pipelines)) {
      const opened = createTestGateway(
        defineGateway({ listeners: [{ address }], domains, nextHops, pipeline: pipe }),
      );
      for (const { name, to, want } of spellings) {
        it(`finds ${name} ${want}, with ${by}: ${JSON.stringify(to)}`, async () => {
          if (want === "parse") {
            assert.ok(isPathFault(parsePath(`<${to}>`)));
            return;
          }
          const message = { reversePath: "ann@elsewhere.example", recipients: [to], content: CONTENT };
          const { reply, deliveries } = await (await opened).inject({ ...message, client: { ip: STRANGER } });
          if (want === "refused") {
            assert.equal(`${reply.code} ${reply.enhanced}`, "550 5.7.1");
            assert.equal(deliveries.length, 0);
            return;
          }
          assert.equal(reply.code, 250);
          assert.deepEqual(
            deliveries.flatMap(({ recipients }) => recipients).map((address) => `taken ${address}`),
            [want],
          );
        });
      }

      it(`never gets a path of any spelling to a next hop but for a domain served here, with ${by}`, async () => {
        const gateway = await opened;
        const piece = fc.constantFrom(
          ...'bob,@,%,!,",\\,.,:,<,>,[,],(,), ,example.com,elsewhere.example,EXAMPLE.com,bücher.example,xn--,\u00ad,，'.split(
            ",",
          ),
        );
        await fc.assert(
          fc.asyncProperty(
            fc.array(piece, { maxLength: 9 }).map((parts) => parts.join("")),
            async (to) => {
              const parsed = parsePath(`<${to}>`);
              if (isPathFault(parsed)) return;
              const message = {
                reversePath: "",
                recipients: [to],
                content: CONTENT,
                client: { ip: STRANGER },
              };
              const { deliveries } = await gateway.inject(message);
              for (const sent of deliveries.flatMap(({ recipients }) => recipients)) {
                assert.match(sent, /^[^@%!:]+@(example\.com|bücher\.example|xn--bcher-kva\.example)$/iu);
              }
            },
          ),
          { numRuns: 300 },
        );
      });
    }
  });
}

describe("who may name any recipient", () => {
  const login = definePlugin({ name: "login", auth: (ctx) => identify({ user: ctx.attempt.user }) });
  const config = {
    domains,
    listeners: [{ address: "0.0.0.0:25", trustedNetworks: ["198.51.100.0/24"] }],
    nextHops,
  };
  const attempt = { mechanism: "PLAIN", user: "ann", password: "x" };
  const table = [
    { name: "a client in a trusted network", ip: "198.51.100.7", auth: false, want: "250 2.0.0" },
    { name: "the same as IPv4-mapped IPv6", ip: "::ffff:198.51.100.7", auth: false, want: "250 2.0.0" },
    { name: "a client beside it", ip: "198.51.101.7", auth: false, want: "550 5.7.1" },
    {
      name: "a client on loopback, where the listener is not bound to it",
      ip: "127.0.0.1",
      auth: false,
      want: "550 5.7.1",
    },
    { name: "a client without an address", ip: "", auth: false, want: "550 5.7.1" },
    { name: "a stranger who authenticated", ip: STRANGER, auth: true, want: "250 2.0.0" },
  ];
  for (const { name, ip, auth, want } of table) {
    it(`${want.startsWith("250") ? "is" : "is not"} ${name}`, async () => {
      const bed = await openBed({ pipeline: pipeline(login, forAnyone), config });
      const session = bed.open(ip);
      await session.ehlo("client.example");
      if (auth) await session.auth(attempt);
      assert.equal(short(await bed.send(["bob@elsewhere.example"], { session })), want);
    });
  }

  it("is not a session that authenticated before STARTTLS", async () => {
    const bed = await openBed({ pipeline: pipeline(login, forAnyone), config });
    const session = bed.open(STRANGER);
    await session.auth(attempt);
    session.startedTls({ protocol: "TLSv1.3", cipher: "x" });
    assert.equal(short(await bed.send(["bob@elsewhere.example"], { session })), "550 5.7.1");
  });

  it("is nobody on a listener that the config does not have", async () => {
    const bed = await openBed({ pipeline: pipeline(forAnyone), config });
    assert.equal(
      short(await bed.send(["bob@elsewhere.example"], { session: bed.open("198.51.100.7", "unknown") })),
      "550 5.7.1",
    );
  });

  it("is told at RCPT, before any plugin is asked, and the refusal is in the trace", async () => {
    const asked: string[] = [];
    const rcpt = definePlugin({
      name: "rcpt",
      rcpt: (ctx) => void asked.push(ctx.recipient.forwardPath.text),
    });
    const bed = await openBed({ pipeline: pipeline(rcpt, forAnyone), config });
    const session = bed.open(STRANGER);
    await bed.send(["bob@elsewhere.example"], { session });
    session.close();
    assert.deepEqual(asked, []);
    const { recipients, entries } = bed.last();
    assert.equal(recipients[0]?.outcome, "refused");
    assert.ok(entries.some((entry) => "event" in entry && entry.event === "relayRefused"));
  });
});

describe("the postmaster (RFC 5321 4.5.1)", () => {
  const table = [
    { name: "without a domain", to: "postmaster", postmaster: undefined, want: "postmaster@example.com" },
    { name: "in other letter case", to: "PostMaster", postmaster: undefined, want: "PostMaster@example.com" },
    {
      name: "of a domain served here",
      to: "postmaster@bücher.example",
      postmaster: undefined,
      want: "postmaster@bücher.example",
      traced: "postmaster@xn--bcher-kva.example",
    },
    {
      name: "sent on by the config",
      to: "postmaster",
      postmaster: "admin@elsewhere.example",
      want: "admin@elsewhere.example",
    },
    {
      name: "of a domain, sent on by the config",
      to: "postmaster@example.com",
      postmaster: "admin@elsewhere.example",
      want: "admin@elsewhere.example",
    },
    { name: "of another domain", to: "postmaster@elsewhere.example", postmaster: undefined, want: undefined },
  ];
  for (const { name, to, postmaster, want, traced = to } of table) {
    it(`${name} is ${want ? "taken from a stranger" : "refused to a stranger"}: <${to}>`, async () => {
      const config = {
        domains,
        listeners: [{ address: "0.0.0.0:25" }],
        nextHops,
        ...(postmaster ? { postmaster } : {}),
      };
      const bed = await openBed({ pipeline: pipeline(forAnyone), config });
      const answer = await bed.send([to], { session: bed.open(STRANGER) });
      assert.equal(short(answer), want ? "250 2.0.0" : "550 5.7.1");
      assert.deepEqual(
        bed.deliveries.flatMap(({ recipients }) => recipients.map(({ forwardPath }) => forwardPath.text)),
        want ? [want] : [],
      );
      if (want)
        assert.equal(bed.last().recipients[0]?.original ?? bed.last().recipients[0]?.forwardPath, traced);
    });
  }

  it("without a domain is this host's where no domain is served", async () => {
    const bed = await openBed({ pipeline: pipeline(forAnyone) });
    await bed.send(["postmaster"]);
    assert.equal(bed.deliveries[0]?.recipients[0]?.forwardPath.text, "postmaster@gate.example");
  });
});
