/** TLS towards the hosts that DNS names: opportunistic, verified by the host's name, and what REQUIRETLS demands. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { SMTPServer } from "smtp-server";
import type { MxNextHop } from "../../core/config/mod.ts";
import type { Zone } from "../../core/dns/mod.ts";
import { mxBed } from "./mx-fixtures.ts";
import { startSink } from "./sink-server.ts";

const folder = mkdtempSync(join(tmpdir(), "postern-mx-tls-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
execFileSync(
  "openssl",
  [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mx.example".split(" "),
    ...["-addext", "subjectAltName=DNS:mx.example,DNS:b.example", "-keyout", keyFile, "-out", certFile],
  ],
  { stdio: "ignore" },
);
const [key, cert] = [readFileSync(keyFile, "utf8"), readFileSync(certFile, "utf8")];
// What an authority that this machine trusts would have signed.
setDefaultCACertificates([...getCACertificates(), cert]);

interface Taken {
  readonly secure: boolean;
  readonly servername: unknown;
  readonly requireTls: boolean;
}

/** A server with STARTTLS by that certificate, what it took, and a driver on this zone. */
async function open(
  context: TestContext,
  zone: Zone,
  { hop, server: options }: { readonly hop?: Partial<MxNextHop>; readonly server?: object } = {},
) {
  const taken: Taken[] = [];
  const server = new SMTPServer({
    ...{ key, cert, authOptional: true, hideREQUIRETLS: false },
    ...options,
    onData(stream, session, done) {
      const { secure, envelope } = session;
      const { servername } = session as { servername?: unknown };
      taken.push({ secure, servername, requireTls: envelope.requireTLS === true });
      stream.resume().on("end", () => done());
    },
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const bed = mxBed((server.server.address() as AddressInfo).port, zone, hop);
  context.after(async () => {
    await bed.driver.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { bed, taken };
}

const byMx: Zone = {
  "b.example": { MX: ["1 mx.example."] },
  "c.example": { MX: ["1 other.example."] },
  "mx.example": { A: ["127.0.0.1"] },
  "other.example": { A: ["127.0.0.1"] },
};
const itself: Zone = { "b.example": { A: ["127.0.0.1"] }, "c.example": { A: ["127.0.0.1"] } };

describe("createMxDriver", () => {
  it("encrypts where it is offered, for the name of the host, whatever the certificate says", async (context) => {
    const { bed, taken } = await open(context, byMx);
    for (const to of ["bob@b.example", "bob@c.example"])
      assert.deepEqual(await bed.send(to), ["delivered 250 2.0.0"]);
    assert.deepEqual(taken, [
      { secure: true, servername: "mx.example", requireTls: false },
      { secure: true, servername: "other.example", requireTls: false },
    ]);
  });

  it("sends in clear text where the handshake fails, but not by the policy required", async (context) => {
    const sink = await startSink((command) =>
      // What follows is no TLS: silence.
      command === "STARTTLS" ? "220 go" : command.startsWith("EHLO") ? "250-sink\r\n250 STARTTLS" : undefined,
    );
    const zone = { "b.example": { A: ["127.0.0.1"] } };
    const required = mxBed(sink.port, zone, { tls: "required", connectTimeout: 300 });
    const opportunistic = mxBed(sink.port, zone, { connectTimeout: 300 });
    context.after(async () => {
      await Promise.all([required.driver.close(), opportunistic.driver.close()]);
      await sink.close();
    });
    assert.deepEqual(await required.send("bob@b.example"), ["tempfailed 451 4.3.5"]);
    assert.equal(sink.messages.length, 0);
    assert.deepEqual(await opportunistic.send("bob@b.example"), ["delivered 250 2.0.0"]);
  });

  const policies: readonly { readonly to: string; readonly want: string }[] = [
    { to: "bob@b.example", want: "delivered 250 2.0.0" },
    { to: "bob@c.example", want: "tempfailed 451 4.3.5" },
  ];
  for (const { to, want } of policies) {
    it(`by the policy verified asks for the name of the host: ${to} is ${want}`, async (context) => {
      const { bed, taken } = await open(context, byMx, { hop: { tls: "verified" } });
      assert.deepEqual(await bed.send(to), [want]);
      assert.equal(taken.length, want.startsWith("delivered") ? 1 : 0);
    });
  }

  const demands: readonly {
    readonly name: string;
    readonly zone?: Zone;
    readonly to?: string;
    readonly given?: { readonly server?: object; readonly hop?: Partial<MxNextHop> };
    readonly want: string;
  }[] = [
    { name: "a host that is the domain itself, with a certificate for it", want: "delivered 250 2.0.0" },
    {
      name: "a host that an MX record names itself",
      zone: { "b.example": { MX: ["1 b.example."], A: ["127.0.0.1"] } },
      want: "delivered 250 2.0.0",
    },
    {
      name: "a host that nothing but an MX record without DNSSEC names",
      zone: byMx,
      want: "rejected 550 5.7.30",
    },
    { name: "a certificate for another name", to: "bob@c.example", want: "rejected 550 5.7.30" },
    {
      name: "a host without REQUIRETLS",
      given: { server: { hideREQUIRETLS: true } },
      want: "rejected 550 5.7.30",
    },
    {
      name: "a host without STARTTLS",
      given: { server: { hideSTARTTLS: true } },
      want: "rejected 550 5.7.30",
    },
    { name: "the policy none", given: { hop: { tls: "none" } }, want: "rejected 550 5.7.30" },
  ];
  for (const { name, zone = itself, to = "bob@b.example", given, want } of demands) {
    it(`gives a message with REQUIRETLS to ${name}: ${want} (RFC 8689 4.2.1)`, async (context) => {
      const { bed, taken } = await open(context, zone, given);
      assert.deepEqual(await bed.send(to, { parameters: { requireTls: true } }), [want]);
      const servername = to.slice(to.indexOf("@") + 1);
      const wanted = { secure: true, servername, requireTls: true };
      assert.deepEqual(taken, want.startsWith("delivered") ? [wanted] : []);
    });
  }

  it("does not take the connection of a message without REQUIRETLS for one with it", async (context) => {
    const { bed, taken } = await open(context, itself);
    assert.deepEqual(await bed.send("bob@c.example"), ["delivered 250 2.0.0"]);
    assert.deepEqual(await bed.send("bob@c.example", { parameters: { requireTls: true } }), [
      "rejected 550 5.7.30",
    ]);
    assert.equal(taken.length, 1);
  });
});
