/** The lowest TLS version of listeners (RFC 8996). */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import nodeTls, { type ConnectionOptions, connect as connectTls, type SecureVersion } from "node:tls";
import { bed, Client } from "./limits-fixtures.ts";

const folder = mkdtempSync(join(tmpdir(), "smtp-versions-"));
after(() => rmSync(folder, { recursive: true }));
const tls = { keyFile: join(folder, "key.pem"), certFile: join(folder, "cert.pem") };
const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mx.example";
execFileSync("openssl", [...request.split(" "), "-keyout", tls.keyFile, "-out", tls.certFile], {
  stdio: "ignore",
});

// Security level 0 lets both sides use the old versions: it is the listener's own minimum that must refuse them, and
// not how OpenSSL is set up here.
nodeTls.DEFAULT_CIPHERS = "DEFAULT:@SECLEVEL=0";

/** The version that was agreed on, or the alert that the listener sent. */
function handshake(options: ConnectionOptions, version: SecureVersion): Promise<string> {
  return new Promise((resolve) => {
    const all = { ...options, minVersion: version, maxVersion: version, rejectUnauthorized: false };
    const socket = connectTls(all);
    socket.once("secureConnect", () => {
      resolve(socket.getProtocol() ?? "");
      socket.destroy();
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

const CASES = [
  { version: "TLSv1", want: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" },
  { version: "TLSv1.1", want: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" },
  { version: "TLSv1.2", want: "TLSv1.2" },
  { version: "TLSv1.3", want: "TLSv1.3" },
] as const;

describe("listenSmtp", () => {
  for (const { version, want } of CASES) {
    const does = want === version ? "takes" : "refuses";
    it(`${does} ${version} from the first octet`, async () => {
      const { port, close } = await bed({ listener: { kind: "submissions", tls } });
      assert.equal(await handshake({ port, host: "127.0.0.1" }, version), want);
      await close();
    });

    it(`${does} ${version} after STARTTLS`, async () => {
      const { port, close } = await bed({ listener: { tls } });
      const client = await Client.open(port);
      await client.reply();
      assert.equal(await client.askAll("EHLO c", "STARTTLS"), "250 220");
      client.socket.removeAllListeners("data");
      assert.equal(await handshake({ socket: client.socket }, version), want);
      client.socket.destroy();
      await close();
    });
  }
});
