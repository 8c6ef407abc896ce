import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadedConfig } from "postern";
import { createTestGateway } from "postern/testing";
import { fixedResolver } from "../../../../core/dns/mod.ts";
import { replyText } from "../../fakes.ts";
import { examplesOf, projectOf } from "../../readme-examples.ts";

const examples = examplesOf("plugins/auth/spf/README.md");
const project = projectOf(examples);

test("the example of plugins/auth/spf compiles, refuses a fail and tells what passes", async () => {
  assert.equal(examples.length, 1);
  assert.equal(await project.compile(), "");
  const { default: config } = await project.load(examples[0]!.fileName);
  const dns = fixedResolver({ "outside.example": { TXT: ["v=spf1 ip4:192.0.2.1 -all"] } });
  const gateway = await createTestGateway(config as LoadedConfig, { dns });
  const send = (ip: string) =>
    gateway.inject({
      client: { ip },
      reversePath: "a@outside.example",
      recipients: ["b@example.com"],
      content: "From: a@outside.example\n\nHello\n",
    });
  assert.match(replyText(await send("192.0.2.9")), /^550 5\.7\.23 /);
  assert.match((await send("192.0.2.1")).deliveries[0]?.text ?? "", /^X-Spf: pass\r$/m);
});
