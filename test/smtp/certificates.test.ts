/** Which certificate a client gets, and new ones when the files change; with real handshakes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { ListenerCertificates } from "../../core/smtp/listener-certificates.ts";
import { CertificateFolder, commonName, commonNameOf, tlsSession } from "./certificate-fixtures.ts";
import { bed, type Logged } from "./limits-fixtures.ts";

const folder = new CertificateFolder();
after(() => folder.remove());

const KINDS = [
  { how: "starttls", kind: "relay" },
  { how: "implicit", kind: "submissions" },
] as const;

async function ask(socket: TLSSocket, line: string): Promise<string> {
  socket.write(`${line}\r\n`);
  return String((await once(socket, "data"))[0]);
}

/** Waits for a line of the log; the test's own time limit ends a wait in vain. */
async function logLine(logged: readonly Logged[], event: string): Promise<Logged> {
  for (;;) {
    const line = logged.find((one) => one.event === event);
    if (line !== undefined) return line;
    await sleep(5);
  }
}

describe("a listener with several certificates", () => {
  const tls = [
    folder.make("first", "first.example"),
    folder.make("named", "named", "in-the-certificate.example", "*.stars.example"),
    { ...folder.make("configured", "configured", "not-used.example"), names: ["mx.example", "*.mx.example"] },
    folder.make("plain", "plain.example"),
  ];
  const cases = [
    { serverName: "", want: "first.example" },
    { serverName: "unknown.example", want: "first.example" },
    { serverName: "in-the-certificate.example", want: "named" },
    { serverName: "IN-the-Certificate.EXAMPLE", want: "named" },
    { serverName: "a.stars.example", want: "named" },
    { serverName: "stars.example", want: "first.example" },
    { serverName: "a.b.stars.example", want: "first.example" },
    { serverName: "mx.example", want: "configured" },
    { serverName: "a.mx.example", want: "configured" },
    { serverName: "not-used.example", want: "first.example" },
    { serverName: "plain.example", want: "plain.example" },
    { serverName: "*.mx.example", want: "configured" },
    { serverName: "*", want: "first.example" },
    { serverName: "__proto__", want: "first.example" },
  ];
  for (const { how, kind } of KINDS) {
    it(`gives the one for the name that a client asks for (${how})`, async () => {
      const { port, close } = await bed({ listener: { kind, tls } });
      for (const { serverName, want } of cases)
        assert.equal(await commonName(port, how, serverName), want, serverName);
      await close();
    });
  }
});

describe("the certificate files of a listener", { timeout: 20_000 }, () => {
  for (const { how, kind } of KINDS) {
    it(`are read again without a session that ends (${how})`, async () => {
      const tls = [
        folder.make(`${how}-a`, "old.example"),
        folder.make(`${how}-b`, "old-b.example", "b.example"),
      ];
      const { port, logged, reload, close } = await bed({ listener: { kind, tls } });
      const before = await tlsSession(port, how);
      assert.match(await ask(before, "EHLO c"), /^250-/);
      folder.make(`${how}-a`, "new.example");
      folder.make(`${how}-b`, "new-b.example", "b.example");
      assert.equal(await commonName(port, how), "old.example");
      await reload();
      assert.equal(await commonName(port, how), "new.example");
      assert.equal(await commonName(port, how, "b.example"), "new-b.example");
      assert.match(await ask(before, "MAIL FROM:<a@b.example>"), /^250 /);
      assert.equal(commonNameOf(before), "old.example");
      assert.match(await ask(before, "QUIT"), /^221 /);
      assert.deepEqual(
        logged.map(({ event }) => event),
        ["certificatesReloaded"],
      );
      await close();
    });
  }

  it("are looked at by the listener itself, through symbolic links too", async () => {
    const made = [folder.make("link-1", "one.example"), folder.make("link-2", "two.example")] as const;
    const tls = { keyFile: join(folder.path, "live.key"), certFile: join(folder.path, "live.crt") };
    symlinkSync(made[0].keyFile, tls.keyFile);
    symlinkSync(made[0].certFile, tls.certFile);
    const { port, logged, close } = await bed({ listener: { tls }, options: { certificatePollMs: 10 } });
    assert.equal(await commonName(port, "starttls"), "one.example");
    for (const file of ["keyFile", "certFile"] as const) {
      symlinkSync(made[1][file], `${tls[file]}.new`);
      renameSync(`${tls[file]}.new`, tls[file]);
    }
    await logLine(logged, "certificatesReloaded");
    assert.equal(await commonName(port, "starttls"), "two.example");
    await close();
  });

  it("that can not be used leave the ones of before in use, with one error in the log", async () => {
    const tls = folder.make("broken", "good.example");
    const { port, logged, close } = await bed({ listener: { tls }, options: { certificatePollMs: 5 } });
    writeFileSync(tls.certFile, "no PEM\n");
    const { cause } = await logLine(logged, "certificatesKept");
    assert.match(
      String(cause),
      /^tls\.certFile: found ".*broken\.crt", expected a PEM file with a certificate/,
    );
    assert.equal(await commonName(port, "starttls"), "good.example");
    rmSync(tls.keyFile);
    while (logged.length < 2) await sleep(5);
    assert.match(
      String(logged[1]?.cause),
      /^tls\.keyFile: found ".*", which is no file, .*; tls\.certFile: /,
    );
    const next = folder.make("broken-next", "mended.example");
    renameSync(next.keyFile, tls.keyFile);
    renameSync(next.certFile, tls.certFile);
    await logLine(logged, "certificatesReloaded");
    assert.equal(await commonName(port, "starttls"), "mended.example");
    // A look between the two files' writing may find them changed once more; it finds no fault.
    assert.equal(logged.filter(({ event }) => event === "certificatesKept").length, 2);
    await close();
  });

  it("that are missing stop the start of the listener", async () => {
    const tls = { keyFile: join(folder.path, "no.key"), certFile: join(folder.path, "no.crt") };
    await assert.rejects(
      bed({ listener: { tls } }),
      /^Error: tls\.keyFile: found ".*no\.key", which is no file/,
    );
  });

  it("of a certificate that has ended are used, with a warning", async () => {
    const tls = folder.makeExpired("expired", "expired.example");
    const { port, logged, close } = await bed({ listener: { tls } });
    assert.equal(await commonName(port, "starttls"), "expired.example");
    assert.match(
      String(logged[0]?.certificate),
      /expired\.crt for expired\.example from 2020-01-01 to 2021-01-01$/,
    );
    assert.deepEqual(
      logged.map(({ event }) => event),
      ["certificateNotValid"],
    );
    await close();
  });

  it("of a certificate that is not for a name of the config are used for it, with a warning", async () => {
    const tls = { ...folder.make("other", "other.example"), names: ["other.example", "mx.example"] };
    const { port, logged, close } = await bed({ listener: { tls } });
    assert.equal(await commonName(port, "starttls", "mx.example"), "other.example");
    assert.deepEqual(logged, [
      { event: "certificateLacksNames", listener: "relay", certFile: tls.certFile, names: ["mx.example"] },
    ]);
    await close();
  });
});

describe("ListenerCertificates", () => {
  const open = async (name: string) => {
    const files = folder.make(name, "old.example");
    const events: string[] = [];
    const write = (event: string) => void events.push(event);
    const log = { debug: write, info: write, warn: write, error: write };
    const certificates = await ListenerCertificates.open(files, { listener: "relay", log });
    return { files, events, certificates };
  };

  it("says nothing of a key that is replaced before its certificate, when both fit at the next look", async () => {
    const { files, events, certificates } = await open("halves");
    const next = folder.make("halves-next", "new.example");
    const before = certificates.fallback;
    copyFileSync(next.keyFile, files.keyFile);
    await certificates.check();
    assert.equal(certificates.fallback, before);
    copyFileSync(next.certFile, files.certFile);
    await certificates.check();
    assert.notEqual(certificates.fallback, before);
    assert.deepEqual(events, ["certificatesReloaded"]);
    certificates.close();
  });

  it("says once that files can not be used when they stay so, and at once when it is told to read them", async () => {
    const { files, events, certificates } = await open("stays");
    writeFileSync(files.certFile, "");
    for (let looks = 0; looks < 5; looks += 1) await certificates.check();
    assert.deepEqual(events, ["certificatesKept"]);
    await certificates.reload();
    assert.deepEqual(events, ["certificatesKept", "certificatesKept"]);
    certificates.close();
  });

  it("makes contexts once for a change and not for a look", async () => {
    const { events, certificates } = await open("looks");
    const before = certificates.contextFor("old.example");
    for (let looks = 0; looks < 5; looks += 1) await certificates.check();
    assert.equal(certificates.contextFor("OLD.example"), before);
    assert.equal(certificates.contextFor("unknown.example"), before);
    assert.deepEqual(events, []);
    certificates.close();
  });
});
