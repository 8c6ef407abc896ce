/** TLS towards a server with a certificate that nobody signed: the one that smtp-server carries for development. */
import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { SMTPServer } from "smtp-server";
import type { SmtpNextHop } from "../../core/config/next-hops.ts";
import { createSmtpDriver } from "../../core/relay/mod.ts";
import { clock, delivery, goOn, nextHop, recordingLog } from "./relay-fixtures.ts";

async function deliverTo(hop: Partial<SmtpNextHop>, secure = false) {
  const sessions: { secure: boolean; user: string | undefined }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    secure,
    onAuth: ({ username, password }, _session, done) =>
      password === "right" ? done(null, { user: username ?? "" }) : done(new Error("wrong")),
    onData(stream, session, done) {
      sessions.push({ secure: session.secure, user: session.user || undefined });
      stream.resume().on("end", () => done());
    },
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.server.address() as AddressInfo;
  const driver = createSmtpDriver("tls", nextHop(port, hop), {
    hostName: "gw.example",
    log: recordingLog(),
    clock,
  });
  const result = await driver.deliver(delivery("a\r\n"), goOn());
  await driver.close();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  const { ended, tlsFault, recipients } = result;
  return { ended, status: recipients[0]?.status, sessions, ...(tlsFault === undefined ? {} : { tlsFault }) };
}

test("opportunistic (the default on loopback) and required TLS encrypt without checking the certificate", async () => {
  for (const hop of [{}, { tls: "required" as const }])
    assert.deepEqual(await deliverTo(hop), {
      ended: "reply",
      status: "delivered",
      sessions: [{ secure: true, user: undefined }],
    });
  assert.equal((await deliverTo({ implicitTls: true }, true)).status, "delivered");
});

test("verified TLS sends nothing to a server whose certificate is not good", async () => {
  for (const implicitTls of [false, true])
    assert.deepEqual(await deliverTo({ tls: "verified", implicitTls }, implicitTls), {
      ended: "us",
      status: "tempfailed",
      sessions: [],
      tlsFault: true,
    });
});

test("credentials are used over TLS, and wrong ones are about us", async () => {
  const right = await deliverTo({ auth: { user: "u", password: "right" } });
  assert.deepEqual(right.sessions, [{ secure: true, user: "u" }]);
  const wrong = await deliverTo({ auth: { user: "u", password: "bad" } });
  assert.deepEqual([wrong.ended, wrong.tlsFault], ["us", undefined]);
});
