/** The example of the plugin's README signs as it says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadedConfig } from "postern";
import { createTestGateway } from "postern/testing";
import { examplesOf, projectOf } from "../../readme-examples.ts";
import { PEM } from "./sign-bed.ts";

const examples = examplesOf("plugins/auth/sign/README.md");
const project = projectOf(examples);

test("the example of plugins/auth/sign compiles", async () => {
  assert.equal(await project.compile(), "");
});

test("the example of plugins/auth/sign signs our own mail, by the fall-back too, and leaves a stranger's alone", async () => {
  assert.deepEqual(
    examples.map(({ fileName }) => fileName),
    ["sign.config.ts"],
  );
  const { default: config } = await project.load("sign.config.ts");
  const env = { DKIM_RSA: PEM.rsa, DKIM_ED25519: PEM.ed25519.replaceAll("\n", "\\n") };
  const gateway = await createTestGateway(config as LoadedConfig, { env });
  for (const [ip, author, want] of [
    ["127.0.0.1", "a@example.com", ["s2026", "e2026"]],
    ["127.0.0.1", "a@news.example.com", ["e2026"]],
    ["127.0.0.1", "a@other.example", ["s2026", "e2026"]],
    ["192.0.2.1", "a@example.com", []],
  ] as const) {
    const content = `From: ${author}\n\nHello\n`;
    const { deliveries } = await gateway.inject({
      client: { ip },
      reversePath: "a@outside.example",
      recipients: ["b@example.com"],
      content,
    });
    const selectors = [...(deliveries[0]?.text ?? "").matchAll(/ s=(\w+);/g)].map((match) => match[1]);
    assert.deepEqual(selectors, want, author);
  }
});
