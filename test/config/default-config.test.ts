/** gateway.config.ts, the config of the package: its defaults, its variables, and that it needs no process. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { ConfigFaults, resolveConfig } from "../../core/config/mod.ts";
import { compilePipeline } from "../../core/pipeline/mod.ts";
import loaded from "../../gateway.config.ts";

const resolve = (env: { readonly [name: string]: string }) => resolveConfig(loaded, env);

describe("gateway.config.ts", () => {
  it("listens on loopback and keeps mail in the mailbox with nothing set", async () => {
    const config = await resolve({});
    assert.deepEqual(
      config.listeners.map(({ address, tls }) => ({ address, tls })),
      [{ address: { host: "127.0.0.1", port: 2525 }, tls: undefined }],
    );
    assert.deepEqual(config.http?.address, { host: "127.0.0.1", port: 8025 });
    assert.equal(config.data, ".postern");
    assert.deepEqual(config.domains, []);
    assert.deepEqual(config.nextHops, { backend: { kind: "mailbox", folder: "mailbox" } });
  });

  it("has a plugin of each kind", async () => {
    const { pipeline } = await resolve({});
    const names = compilePipeline(pipeline).slots.map(({ definition }) => definition.name);
    assert.deepEqual(names, ["smtpAuth", "attachments", "headers", "routes"]);
  });

  it("takes each variable that the README names", async () => {
    const config = await resolve({
      POSTERN_SMTP: "0.0.0.0:25",
      POSTERN_HTTP: "[::1]:80",
      POSTERN_DATA: "/var/lib/postern",
      POSTERN_DOMAINS: "example.com, example.org",
      POSTERN_UPSTREAM: "[::1]:10025",
    });
    assert.deepEqual(config.listeners[0]?.address, { host: "0.0.0.0", port: 25 });
    assert.deepEqual(config.http?.address, { host: "::1", port: 80 });
    assert.equal(config.data, "/var/lib/postern");
    assert.deepEqual(config.domains, ["example.com", "example.org"]);
    const { backend } = config.nextHops;
    assert.ok(backend?.kind === "smtp");
    assert.deepEqual(backend.servers, [{ host: "::1", port: 10_025 }]);
  });

  it("does not open a listener off loopback without domains", async () => {
    await assert.rejects(resolve({ POSTERN_SMTP: "0.0.0.0:25" }), (error) => {
      assert.ok(error instanceof ConfigFaults);
      assert.match(error.message, /^domains: found an empty list/);
      return true;
    });
  });

  it("reads its environment from its argument alone, and imports the package by its name", () => {
    const source = readFileSync(new URL("../../gateway.config.ts", import.meta.url), "utf8");
    assert.doesNotMatch(source, /\bprocess\b|node:|Deno|Bun\b/);
    assert.deepEqual(source.match(/from "[^"]+"/g), ['from "postern"', 'from "postern/plugins"']);
  });
});
