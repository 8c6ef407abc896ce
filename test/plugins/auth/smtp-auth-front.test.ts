/** Logins that a listed server in front tells by XCLIENT: the config's `maySendAs` of such a user holds for them too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { definePlugin, type Identity, pipeline, routeTo } from "postern";
import { type SmtpAuthOptions, smtpAuth } from "../../../plugins/auth/smtp-auth.ts";
import { type Bed, forward, octets, openBed, reverse, short } from "../../gateway/engine-bed.ts";

// Of the right form alone: nobody proves a password here.
const hash = `scrypt$16384$8$1$${btoa("salt of 16 bytes")}$${btoa("a key of thirty-two octets, sure")}`;
const users: SmtpAuthOptions["users"] = {
  ann: { hash, maySendAs: ["ann@one.example", "@two.example"] },
  "bob@one.example": hash,
  "mute@one.example": { hash, maySendAs: [] },
};
const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });

/** What the gateway says to a message of a session that began with this identity. */
async function send(bed: Bed, identity: Identity, from: string, headerFrom: string): Promise<string> {
  const session = bed.gateway.openSession({
    ...{ origin: "smtp", listener: { name: "relay", kind: "relay", address: "" }, local: "", identity },
    client: { ip: "203.0.113.9", port: 40_000 },
  });
  const mail = await session.mail(reverse(from), {});
  if (mail.kind !== "goOn") return short(mail);
  await session.rcpt(forward("x@elsewhere.example"), {});
  const receiver = session.receive();
  await receiver.write(octets(`From: ${headerFrom}\r\nSubject: x\r\n\r\nHello\r\n`));
  return short((await receiver.end()).answer);
}

const CASES: readonly {
  name: string;
  identity: Identity;
  from: string;
  headerFrom?: string;
  want: string;
}[] = [
  { name: "an address of the list", identity: { user: "ann" }, from: "ann@one.example", want: "250 2.0.0" },
  {
    name: "an address of a listed domain",
    identity: { user: "ann" },
    from: "x@two.example",
    want: "250 2.0.0",
  },
  { name: "another address", identity: { user: "ann" }, from: "bob@one.example", want: "550 5.7.1" },
  {
    name: "another address in From",
    identity: { user: "ann" },
    ...{ from: "ann@one.example", headerFrom: "bob@one.example", want: "550 5.7.1" },
  },
  {
    name: "an address of the list in From, with the null reverse-path",
    identity: { user: "ann" },
    ...{ from: "", headerFrom: "y@two.example", want: "250 2.0.0" },
  },
  {
    name: "its name, where it has no list",
    identity: { user: "bob@one.example" },
    from: "bob@one.example",
    want: "250 2.0.0",
  },
  {
    name: "anything, where the list is empty",
    identity: { user: "mute@one.example" },
    from: "mute@one.example",
    want: "550 5.7.1",
  },
  {
    name: "its name, where nobody knows it here",
    identity: { user: "eve@one.example" },
    from: "eve@one.example",
    want: "250 2.0.0",
  },
  {
    name: "more than its name, where nobody knows it here",
    identity: { user: "eve" },
    from: "ann@one.example",
    want: "550 5.7.1",
  },
  {
    name: "what the identity itself says, where it says so",
    identity: { user: "ann", maySendAs: ["@three.example"] },
    ...{ from: "ann@three.example", want: "250 2.0.0" },
  },
  {
    name: "more than the identity itself says",
    identity: { user: "ann", maySendAs: ["@three.example"] },
    ...{ from: "ann@one.example", want: "550 5.7.1" },
  },
  {
    name: "the list of a name in another spelling (RFC 4013)",
    identity: { user: "a\u00adnn" },
    from: "x@two.example",
    want: "250 2.0.0",
  },
  {
    name: "a name that objects have",
    identity: { user: "constructor" },
    from: "ann@one.example",
    want: "550 5.7.1",
  },
];
for (const { name, identity, from, headerFrom = from, want } of CASES) {
  test(`smtpAuth answers ${want} to a login from in front that writes as ${name}`, async () => {
    const bed = await openBed({
      pipeline: pipeline(smtpAuth({ users }), routes),
      config: {
        domains: ["inside.example"],
        listeners: [{ address: "127.0.0.1:25", xclient: ["127.0.0.1"] }],
      },
    });
    assert.equal(await send(bed, identity, from, headerFrom), want);
    assert.equal(bed.deliveries.length, want.startsWith("250") ? 1 : 0);
  });
}
