/** A listener on a unix socket: who may connect, what becomes of the file, and who its clients are. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { defineGateway, definePlugin, mailbox, pipeline, readAll, resolveConfig, routeTo } from "postern";
import type { SessionStart } from "../../core/gateway/mod.ts";
import { listenSmtp } from "../../core/smtp/mod.ts";
import { openBed } from "../gateway/engine-bed.ts";
import { listen, ScriptedGateway } from "./scripted-gateway.ts";

const folder = mkdtempSync(join(tmpdir(), "unix-socket-"));
after(() => rmSync(folder, { recursive: true }));
let count = 0;
const newPath = (): string => join(folder, `s${count++}`);
/** Listens there until the test is over, however it ends. */
async function listenAt(t: TestContext, path: string) {
  const listener = await listen(new ScriptedGateway(), at(path));
  t.after(() => listener.close());
  return listener;
}
const at = (path: string) => ({ address: { host: `unix:${path}`, port: 0 }, kind: "lmtp" as const });

/** Says all at once, and gives all that comes until the end. */
async function talk(path: string, lines: readonly string[]): Promise<string> {
  const socket = connect(path);
  let heard = "";
  socket.on("data", (chunk) => {
    if (heard === "") socket.write(lines.map((line) => `${line}\r\n`).join(""));
    heard += String(chunk);
  });
  await once(socket, "close");
  return heard;
}

/** A socket file whose server was killed. */
async function deadSocket(path: string): Promise<void> {
  const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
  await once(child, "close");
  assert.ok(lstatSync(path).isSocket());
}

describe("a listener on a unix socket", () => {
  for (const umask of [0o000, 0o022, 0o077]) {
    it(`lets its owner and its group connect, and nobody else, with umask 0${umask.toString(8)}`, async (t) => {
      const path = newPath();
      const before = process.umask(umask);
      try {
        await listenAt(t, path);
        assert.equal(lstatSync(path).mode & 0o777, 0o770);
        assert.equal(process.umask(), umask);
      } finally {
        process.umask(before);
      }
    });
  }

  it("tells its address as it was written, takes sessions, and removes the file at the end", async (t) => {
    const path = newPath();
    const listener = await listenAt(t, path);
    assert.deepEqual(listener.address, { host: `unix:${path}`, port: 0 });
    assert.match(await talk(path, ["LHLO c", "QUIT"]), /^220 mx\.example LMTP\r\n250-mx\.example\r\n/);
    await listener.close();
    assert.ok(!existsSync(path));
  });

  it("ends its idle sessions when it closes", async (t) => {
    const path = newPath();
    const listener = await listenAt(t, path);
    const socket = connect(path);
    t.after(() => socket.destroy());
    await once(socket, "data");
    let last = "";
    socket.on("data", (chunk) => {
      last += String(chunk);
    });
    await Promise.all([once(socket, "close"), listener.close()]);
    assert.match(last, /^421 4\.3\.2 /);
  });

  it("takes the place of a socket whose server is dead", async (t) => {
    const path = newPath();
    await deadSocket(path);
    const listener = await listenAt(t, path);
    assert.match(await talk(path, ["QUIT"]), /^220 /);
    await listener.close();
    assert.ok(!existsSync(path));
  });

  it("leaves a socket alone on which somebody answers", async (t) => {
    const path = newPath();
    const other = createServer((socket) => socket.on("error", () => {}).end("other\n"));
    await new Promise<void>((resolve) => other.listen(path, resolve));
    t.after(() => other.close());
    await assert.rejects(listenAt(t, path), { code: "EADDRINUSE" });
    assert.equal(await talk(path, []), "other\n");
  });

  it("leaves a file alone that is no socket, and a link to a dead one", async (t) => {
    const file = newPath();
    writeFileSync(file, "precious");
    await assert.rejects(listenAt(t, file), { code: "EADDRINUSE" });
    assert.equal(readFileSync(file, "utf8"), "precious");
    const dead = newPath();
    await deadSocket(dead);
    const link = newPath();
    symlinkSync(dead, link);
    await assert.rejects(listenAt(t, link), { code: "EADDRINUSE" });
    assert.ok(lstatSync(link).isSymbolicLink() && lstatSync(dead).isSocket());
  });

  it("does not start in a folder that is not there", async (t) => {
    await assert.rejects(listenAt(t, join(folder, "no", "s")), { code: "ENOENT" });
  });

  it("has clients without an address, who are strangers", async (t) => {
    const path = newPath();
    const starts: SessionStart[] = [];
    const routes = definePlugin({ name: "routes", routes: true, route: () => routeTo("backend") });
    const settings = {
      domains: ["local.example"],
      listeners: [{ kind: "lmtp" as const, address: `unix:${path}` }],
      nextHops: { backend: mailbox() },
    };
    const bed = await openBed({ pipeline: pipeline(routes), config: settings });
    const config = await resolveConfig(defineGateway({ ...settings, pipeline: pipeline(routes) }), {});
    const [own] = config.listeners;
    assert.ok(own);
    assert.deepEqual(own.trustedNetworks, []);
    const gateway = {
      openSession(start: SessionStart) {
        starts.push(start);
        return bed.gateway.openSession(start);
      },
    };
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const listener = await listenSmtp(config, own, gateway, { log, drainMs: 0 });
    t.after(() => listener.close());
    const heard = await talk(path, [
      ...["LHLO client.example", "MAIL FROM:<ann@client.example>", "RCPT TO:<eve@elsewhere.example>"],
      ...["RCPT TO:<bob@local.example>", "DATA", "Subject: x", ".", "QUIT"],
    ]);
    assert.match(heard, /\r\n550 5\.7\.1 Relaying denied.*\r\n250 2\.1\.5 .*\r\n354 .*\r\n250 2\.0\.0 /);
    assert.deepEqual(
      starts.map(({ origin, client, local, listener: { kind, address } }) => ({
        ...{ origin, client, local, kind, address },
      })),
      [{ origin: "lmtp", client: { ip: "", port: 0 }, local: "", kind: "lmtp", address: `unix:${path}` }],
    );
    const [delivery] = bed.deliveries;
    assert.ok(delivery);
    assert.match(
      new TextDecoder().decode(await readAll(delivery.content)),
      /^Received: from client\.example\r\n\tby gate\.example \(Postern\) with LMTP id /,
    );
  });
});
