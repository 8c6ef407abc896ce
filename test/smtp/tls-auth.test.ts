import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { listen, ScriptedGateway } from "./scripted-gateway.ts";

const folder = mkdtempSync(join(tmpdir(), "smtp-tls-"));
after(() => rmSync(folder, { recursive: true }));
const tls = { keyFile: join(folder, "key.pem"), certFile: join(folder, "cert.pem") };
const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mx.example";
execFileSync("openssl", [...request.split(" "), "-keyout", tls.keyFile, "-out", tls.certFile], {
  stdio: "ignore",
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");
async function ask(socket: Socket, line: string): Promise<string> {
  socket.write(`${line}\r\n`);
  return String((await once(socket, "data"))[0]);
}

test("STARTTLS: AUTH is refused before it, offered after it, and PLAIN and LOGIN prove an identity", async () => {
  const gateway = new ScriptedGateway();
  const listener = await listen(
    gateway,
    { kind: "submission", tls, authRequired: true },
    { authOffered: true },
  );
  const plain = connect(listener.address.port, "127.0.0.1");
  await once(plain, "data");
  const before = await ask(plain, "EHLO c");
  assert.match(before, /STARTTLS/);
  assert.doesNotMatch(before, /AUTH/);
  assert.match(await ask(plain, "AUTH PLAIN x"), /^538 /);
  assert.match(await ask(plain, "MAIL FROM:<a@b.example>"), /^530 5\.7\.0/);
  assert.match(await ask(plain, "STARTTLS"), /^220 /);
  const secure = connectTls({ socket: plain, rejectUnauthorized: false });
  await once(secure, "secureConnect");
  assert.match(await ask(secure, "MAIL FROM:<a@b.example>"), /^503 /);
  const offered = await ask(secure, "EHLO c");
  assert.match(offered, /AUTH PLAIN LOGIN/);
  assert.doesNotMatch(offered, /STARTTLS/);
  assert.match(await ask(secure, `AUTH PLAIN ${base64("\0ann\0wrong")}`), /^535 5\.7\.8/);
  assert.match(await ask(secure, "AUTH LOGIN"), /^334 VXNlcm5hbWU6/);
  assert.match(await ask(secure, base64("ann")), /^334 UGFzc3dvcmQ6/);
  assert.match(await ask(secure, base64("secret")), /^235 2\.7\.0/);
  assert.match(await ask(secure, "MAIL FROM:<a@b.example>"), /^250 2\.1\.0/);
  secure.destroy();
  await listener.close();
  assert.deepEqual(gateway.events.slice(0, 3), ["tls TLSv1.3", "auth PLAIN ann", "auth LOGIN ann"]);
});

test("a listener of kind submissions speaks TLS from the first octet", async () => {
  const listener = await listen(new ScriptedGateway(), { kind: "submissions", tls }, { authOffered: true });
  const socket = connectTls({ port: listener.address.port, host: "127.0.0.1", rejectUnauthorized: false });
  assert.match(String((await once(socket, "data"))[0]), /^220 mx\.example ESMTP/);
  assert.match(await ask(socket, "EHLO c"), /AUTH PLAIN LOGIN/);
  socket.destroy();
  await listener.close();
});
