import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadedConfig } from "postern";
import { createTestGateway } from "postern/testing";
import { fixedResolver } from "../../../../core/dns/mod.ts";
import { replyText } from "../../fakes.ts";
import { examplesOf, projectOf } from "../../readme-examples.ts";

const examples = examplesOf("plugins/auth/dns/README.md");
const project = projectOf(examples);

test("the example of plugins/auth/dns compiles, refuses who is listed and puts off who has a wrong name", async () => {
  assert.equal(examples.length, 1);
  assert.equal(await project.compile(), "");
  const { default: config } = await project.load(examples[0]!.fileName);
  const dns = fixedResolver({
    "9.2.0.192.block.example": { A: ["127.0.0.4"] },
    "8.2.0.192.in-addr.arpa": { PTR: ["other.example."] },
  });
  const gateway = await createTestGateway(config as LoadedConfig, { dns });
  const codes: string[] = [];
  for (const ip of ["192.0.2.9", "192.0.2.8", "192.0.2.7"]) {
    const content = "From: a@outside.example\n\nHello\n";
    const recipients = ["b@example.com"];
    const given = { client: { ip }, reversePath: "a@outside.example", recipients, content };
    codes.push(
      replyText(await gateway.inject(given))
        .slice(0, 10)
        .trim(),
    );
  }
  assert.deepEqual(codes, ["550 5.7.1", "451 4.7.25", "250 2.0.0"]);
});
