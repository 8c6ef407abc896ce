/** PEM files of listeners as the commands know them: what `check` shows of them, and SIGHUP of `start`. */
import assert from "node:assert/strict";
import { after, it } from "node:test";
import { CertificateFolder, commonName, commonNameOf, tlsSession } from "../smtp/certificate-fixtures.ts";
import { configText, runCommand, temporaryFolder, writeIn } from "./command.ts";
import { startedGateway } from "./started-gateway.ts";

const folder = new CertificateFolder();
after(() => folder.remove());
const configWith = (tls: unknown): string =>
  configText(`listeners: [{ address: "127.0.0.1:0", tls: ${JSON.stringify(tls)} }], data: "data",`);

it("postern check shows the certificates of a listener, and warns of those that clients will not take", async () => {
  const cwd = temporaryFolder();
  const first = folder.make("first", "ignored", "mx.example", "*.mx.example");
  const other = { ...folder.makeExpired("other", "other.example"), names: ["other.example", "more.example"] };
  writeIn(cwd, "gateway.config.ts", configWith([first, other]));
  const { stdout, stderr, code } = await runCommand(["check"], { cwd });
  const lines = stdout.replaceAll(`${folder.path}/`, "").split("\n");
  assert.match(
    lines.join("\n"),
    /\n {2}TLS {7}first\.crt for mx\.example, \*\.mx\.example, until 20\d\d-\d\d-\d\d\n/,
  );
  assert.ok(
    lines.includes("  TLS       other.crt for other.example, more.example, until 2021-01-01"),
    stdout,
  );
  const warned = stderr.replaceAll(`${folder.path}/`, "").split("\n");
  assert.deepEqual(
    warned.filter((line) => line.startsWith("warning: ")),
    [
      "warning: listeners[0].tls[1].names: other.crt is not for more.example",
      "warning: listeners[0].tls[1].certFile: other.crt is valid from 2020-01-01 to 2021-01-01",
    ],
  );
  assert.equal(code, 0, stderr);
});

it("postern check names the pair of several that can not be used", async () => {
  const cwd = temporaryFolder();
  const [one, two] = [folder.make("one", "one.example"), folder.make("two", "two.example")];
  writeIn(cwd, "gateway.config.ts", configWith([one, { ...two, keyFile: one.keyFile }]));
  const { stderr, code } = await runCommand(["check"], { cwd });
  assert.match(
    stderr,
    /listeners\[0\]\.tls\[1\]\.certFile: found ".*two\.crt", whose first certificate is of another key/,
  );
  assert.equal(code, 1);
});

it("postern start reads the PEM files again on SIGHUP, and ends no session for it", async () => {
  const cwd = temporaryFolder();
  const tls = folder.make("served", "old.example");
  writeIn(cwd, "gateway.config.ts", configWith(tls));
  const gateway = await startedGateway({ cwd });
  const port = Number(gateway.server.split(":").at(-1));
  const before = await tlsSession(port, "starttls");
  folder.make("served", "new.example");
  gateway.child.kill("SIGHUP");
  await gateway.says(/"certificatesReloaded"/);
  assert.equal(await commonName(port, "starttls"), "new.example");
  assert.equal(commonNameOf(before), "old.example");
  assert.equal(before.destroyed, false);
  before.destroy();
  assert.equal(await gateway.stop(), 0);
});
