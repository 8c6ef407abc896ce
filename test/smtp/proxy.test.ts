/** Listeners behind a PROXY protocol proxy: whose header counts, and what becomes of it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import { SMTPServer } from "smtp-server";
import type { ListenerConfig } from "../../core/config/mod.ts";
import { bed, Client } from "./limits-fixtures.ts";
import { SeeingGateway, v2, v2Tcp4 } from "./proxy-fixtures.ts";

const folder = mkdtempSync(join(tmpdir(), "smtp-proxy-"));
after(() => rmSync(folder, { recursive: true }));
const tls = { keyFile: join(folder, "key.pem"), certFile: join(folder, "cert.pem") };
const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mx.example";
execFileSync("openssl", [...request.split(" "), "-keyout", tls.keyFile, "-out", tls.certFile], {
  stdio: "ignore",
});

/** 127.0.0.1 is a proxy, 127.0.0.2 is not. */
async function behindProxy(listener: Partial<ListenerConfig> = {}, more: Parameters<typeof bed>[0] = {}) {
  const gateway = new SeeingGateway();
  const all = { proxyProtocol: ["127.0.0.1"], ...listener };
  return { ...(await bed({ ...more, gateway, listener: all })), gateway };
}

const V1 = "PROXY TCP4 203.0.113.9 198.51.100.2 40000 25\r\n";
const WHOLE = { client: { ip: "203.0.113.9", port: 40_000 }, local: "198.51.100.2:25" };
const HEADERS = [
  { name: "version 1", header: Buffer.from(V1), want: WHOLE },
  { name: "version 2", header: v2Tcp4([203, 0, 113, 9], 40_000), want: WHOLE },
  {
    name: "version 1 of IPv6",
    header: Buffer.from("PROXY TCP6 2001:DB8:0::9 2001:db8::25 40000 25\r\n"),
    want: { client: { ip: "2001:db8::9", port: 40_000 }, local: "[2001:db8::25]:25" },
  },
];

describe("listenSmtp with proxyProtocol", () => {
  for (const { name, header, want } of HEADERS) {
    for (const way of ["at once", "octet by octet", "with a command behind it"] as const) {
      it(`takes the client from a header of ${name} that comes ${way}`, async () => {
        const { port, gateway, close } = await behindProxy();
        const client = await Client.open(port);
        client.socket.setNoDelay(true);
        if (way === "octet by octet") {
          for (const octet of header) {
            client.say(Uint8Array.of(octet));
            await new Promise(setImmediate);
          }
        } else client.say(way === "at once" ? header : Buffer.concat([header, Buffer.from("NOOP\r\n")]));
        assert.match(await client.reply(), way === "with a command behind it" ? /^(220|421) / : /^220 /);
        assert.deepEqual(
          gateway.starts.map(({ client: who, local }) => ({ client: who, local })),
          [want],
        );
        client.socket.destroy();
        await close();
      });
    }

    it(`takes the client from a header of ${name} before implicit TLS, with the handshake behind it in one piece`, async () => {
      const { port, gateway, close } = await behindProxy({ kind: "submissions", tls });
      const client = await Client.open(port);
      client.socket.cork();
      client.socket.removeAllListeners("data");
      client.socket.write(header);
      const secure = connectTls({ socket: client.socket, rejectUnauthorized: false });
      process.nextTick(() => client.socket.uncork());
      assert.match(String((await once(secure, "data"))[0]), /^220 /);
      assert.deepEqual(gateway.starts[0]?.client, want.client);
      secure.destroy();
      await close();
    });
  }

  it("goes on with the peer's own address for LOCAL and UNKNOWN", async () => {
    for (const header of [v2(0x20, 0, Buffer.alloc(0)), Buffer.from("PROXY UNKNOWN\r\n")]) {
      const { port, gateway, close } = await behindProxy();
      const client = await Client.open(port);
      client.say(header);
      assert.match(await client.reply(), /^220 /);
      assert.equal(gateway.starts[0]?.client.ip, "127.0.0.1");
      assert.equal(gateway.starts[0]?.client.port, client.socket.localPort);
      await close();
    }
  });

  it("gives a client that a trusted proxy can not name none of the proxy's trust", async () => {
    const headers = [Buffer.from("PROXY UNKNOWN\r\n"), v2(0x21, 0x31, Buffer.alloc(216))];
    for (const header of headers) {
      const { port, gateway, close } = await behindProxy({ trustedNetworks: ["127.0.0.0/8"] });
      const client = await Client.open(port);
      client.say(header);
      assert.match(await client.reply(), /^220 /);
      assert.deepEqual(gateway.starts[0]?.client, { ip: "", port: 0 });
      await close();
    }
  });

  it("does not obey a header from others: it is a command like another", async () => {
    const { port, gateway, close } = await behindProxy();
    const client = await Client.open(port, "127.0.0.2");
    assert.match(await client.reply(), /^220 /);
    assert.match(await client.ask(V1.trim()), /^500 /);
    assert.equal(gateway.starts[0]?.client.ip, "127.0.0.2");
    await close();
  });

  it("does not obey one either where nobody is listed", async () => {
    const { port, gateway, close } = await behindProxy({ proxyProtocol: [] });
    const client = await Client.open(port);
    assert.match(await client.reply(), /^220 /);
    assert.match(await client.ask(V1.trim()), /^500 /);
    assert.equal(gateway.starts[0]?.client.ip, "127.0.0.1");
    await close();
  });

  const BAD = [
    { name: "a command instead of it", octets: "EHLO c\r\n" },
    { name: "a malformed address", octets: "PROXY TCP4 203.0.113.999 198.51.100.2 40000 25\r\n" },
    { name: "a line that does not end", octets: `PROXY TCP4 ${"1".repeat(200)}` },
    { name: "a version 2 header that announces 64 KB", octets: v2(0x21, 0x11, Buffer.alloc(65_535)) },
    { name: "a TLS handshake instead of it", octets: Buffer.from("160301020001", "hex") },
  ];
  for (const { name, octets } of BAD) {
    it(`closes without a word on ${name}`, async () => {
      for (const kind of ["relay", "submissions"] as const) {
        const { port, gateway, logged, close } = await behindProxy({ kind, tls });
        const client = await Client.open(port);
        client.say(octets);
        assert.equal(await client.reply(), "");
        await client.closed();
        assert.deepEqual(gateway.starts, []);
        const lines = logged.map(({ event, peer, reason }) => [event, peer, reason]);
        assert.deepEqual(lines, [["proxyHeaderRefused", "127.0.0.1", "malformed"]]);
        await close();
      }
    });
  }

  it("closes without a word when no header comes in time, also one octet of it at a time", async () => {
    for (const octets of ["", "P"]) {
      const { port, gateway, logged, close } = await behindProxy({}, { options: { proxyHeaderMs: 20 } });
      const client = await Client.open(port);
      client.say(octets);
      assert.equal(await client.reply(), "");
      assert.deepEqual(gateway.starts, []);
      assert.deepEqual(
        logged.map(({ reason }) => reason),
        ["tooSlow"],
      );
      await close();
    }
  });

  it("outlives proxies that leave in the middle of the header, and takes the next", async () => {
    const { port, gateway, close } = await behindProxy();
    for (let length = 0; length < V1.length - 1; length += 5) {
      const client = await Client.open(port);
      client.socket.write(V1.slice(0, length), () =>
        length % 2 === 0 ? client.socket.end() : client.socket.resetAndDestroy(),
      );
      await client.closed();
    }
    assert.deepEqual(gateway.starts, []);
    const client = await Client.open(port);
    client.say(V1);
    assert.match(await client.reply(), /^220 /);
    await close();
  });

  it("close() ends connections whose header has not come", async () => {
    const { port, close } = await behindProxy();
    const client = await Client.open(port);
    client.say("PROXY ");
    await close();
    assert.equal(await client.reply(), "");
  });

  it("holds limits and trust to the client and not to the proxy", async () => {
    const { port, close } = await behindProxy(
      { trustedNetworks: ["192.0.2.0/24"] },
      { limits: { sessionsPerClientMax: 1 } },
    );
    const greeting = async (header: string): Promise<string> => {
      const client = await Client.open(port);
      client.say(header);
      return (await client.reply()).slice(0, 9);
    };
    assert.match(await greeting(V1), /^220 /);
    assert.equal(await greeting(V1.replace("40000", "40001")), "421 4.7.0");
    assert.match(await greeting(V1.replace("203.0.113.9", "203.0.113.10")), /^220 /);
    const trusted = V1.replace("203.0.113.9", "192.0.2.1");
    assert.match(await greeting(trusted), /^220 /);
    assert.match(await greeting(trusted), /^220 /);
    await close();
  });
});

it("smtp-server has the methods of SMTPServer that are overridden, with their arity", () => {
  const methods = SMTPServer.prototype as unknown as Record<string, { length: number } | undefined>;
  for (const [name, arity] of Object.entries({ _expectsProxyHeader: 1, _handleProxy: 2, connect: 2 }))
    assert.equal(methods[name]?.length, arity, name);
});
