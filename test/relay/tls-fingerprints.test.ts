/** TLS by fingerprint, its lowest version, and sessions that are resumed. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { describe, it } from "node:test";
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import { SMTPServer } from "smtp-server";
import type { TlsPins } from "../../core/config/next-hops.ts";
import { type ConnectionOptions, openConnection } from "../../core/relay/open-connection.ts";
import { plainFingerprint, tlsPolicyOf } from "../../core/relay/tls-policy.ts";

const signal = new AbortController().signal;

/** The certificate that smtp-server carries for development: any will do. */
const { key, cert } = new SMTPServer({ secure: true }).options as { key: string; cert: string };

/** A server with TLS from the first octet that greets and answers EHLO; `resumed` tells of each session. */
async function startTlsSink(options: TlsOptions = {}) {
  const resumed: boolean[] = [];
  const server: Server = createTlsServer({ key, cert, ...options }, (socket: TLSSocket) => {
    resumed.push(socket.isSessionReused());
    socket.on("error", () => {});
    socket.write("220 sink\r\n");
    socket.on("data", () => socket.write("250 sink\r\n"));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { port, resumed, close: () => new Promise((resolve) => server.close(resolve)) };
}

const optionsOf = (port: number, changes: Partial<ConnectionOptions> = {}): ConnectionOptions => ({
  ...{
    host: "127.0.0.1",
    port,
    hostName: "gw.example",
    implicitTls: true,
    startTls: "always",
    verify: false,
  },
  ...{ auth: undefined, connectTimeoutMs: 2000, replyTimeoutMs: 2000 },
  ...changes,
});

/** What the server's certificate has for a fingerprint. */
async function fingerprintOf(port: number): Promise<string> {
  const connection = await openConnection(optionsOf(port), signal);
  const { fingerprint256 } = (connection.socket as TLSSocket).getPeerCertificate();
  connection.cut();
  return fingerprint256;
}

describe("fingerprints", () => {
  it("the right one is enough, in either spelling, and counts as verified; on resumed sessions too", async () => {
    const sink = await startTlsSink();
    const fingerprint = await fingerprintOf(sink.port);
    const pins: TlsPins = { fingerprints: ["00".repeat(32), fingerprint.toLowerCase()] };
    const options = optionsOf(sink.port, tlsPolicyOf({ tls: pins }, "mail.example"));
    assert.deepEqual(options.fingerprints, ["00".repeat(32), plainFingerprint(fingerprint)]);
    for (let round = 0; round < 3; round++) {
      const connection = await openConnection(options, signal);
      assert.ok(connection.verified && connection.secure);
      await sessionHere(connection.socket as TLSSocket);
      connection.cut();
    }
    assert.deepEqual(sink.resumed, [false, false, true, true]);
    await sink.close();
  });

  it("another one is about us, and nothing is said", async () => {
    const sink = await startTlsSink();
    const opened = openConnection(optionsOf(sink.port, { fingerprints: ["00".repeat(32)] }), signal);
    await assert.rejects(opened, (error: Error & { about?: string }) => {
      assert.match(error.message, /none of the fingerprints/);
      return error.about === "us";
    });
    await sink.close();
  });

  it("demand TLS: a server that does not offer STARTTLS gets nothing", () => {
    const { startTls } = tlsPolicyOf({ tls: { fingerprints: ["00".repeat(32)] } }, "127.0.0.1");
    assert.equal(startTls, "always");
  });
});

/** TLS 1.3 hands out the session behind the handshake (RFC 8446 4.6.1). */
async function sessionHere(socket: TLSSocket): Promise<void> {
  if (socket.isSessionReused()) return;
  if (socket.getTLSTicket() === undefined) await new Promise((resolve) => socket.once("session", resolve));
}

describe("openConnection", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it(`resumes the session of a server by ${version}, and not that of another policy`, async () => {
      const sink = await startTlsSink({ minVersion: version, maxVersion: version });
      const options = optionsOf(sink.port);
      for (const one of [options, options, { ...options }]) {
        const connection = await openConnection(one, signal);
        await sessionHere(connection.socket as TLSSocket);
        connection.cut();
      }
      assert.deepEqual(sink.resumed, [false, true, false]);
      await sink.close();
    });
  }

  it("has no TLS below 1.2", async () => {
    const sink = await startTlsSink({
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "ALL:@SECLEVEL=0",
    });
    await assert.rejects(openConnection(optionsOf(sink.port), signal), /TLS|version|protocol/i);
    assert.deepEqual(sink.resumed, []);
    await sink.close();
  });

  it("leaves no socket behind where the handshake fails or is not answered", async () => {
    const closed: Promise<void>[] = [];
    const server = createServer((socket) => {
      closed.push(new Promise((resolve) => socket.once("close", () => resolve())));
      socket.on("error", () => {});
      socket.once("data", () => socket.write("no handshake at all\r\n"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await assert.rejects(openConnection(optionsOf(port), signal));
    assert.equal(closed.length, 1);
    await Promise.all(closed);
    await new Promise((resolve) => server.close(resolve));
  });
});
