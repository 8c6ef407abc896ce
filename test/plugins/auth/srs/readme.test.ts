import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadedConfig } from "postern";
import { createTestGateway } from "postern/testing";
import { replyText } from "../../fakes.ts";
import { examplesOf, projectOf } from "../../readme-examples.ts";

const examples = examplesOf("plugins/auth/srs/README.md");
const project = projectOf(examples);

test("the example of plugins/auth/srs compiles, rewrites what leaves and takes it back, and nothing else", async () => {
  assert.equal(examples.length, 1);
  assert.equal(await project.compile(), "");
  const { default: config } = await project.load(examples[0]!.fileName);
  const gateway = await createTestGateway(config as LoadedConfig);
  const send = (reversePath: string, recipient: string, ip: string) =>
    gateway.inject({
      client: { ip },
      reversePath,
      recipients: [recipient],
      content: "Subject: x\n\nHello\n",
    });
  const sent = await send("a@outside.example", "c@elsewhere.example", "127.0.0.1");
  const rewritten = sent.deliveries[0]?.reversePath ?? "";
  assert.match(rewritten, /^SRS0=[^=]{8}=[^=]+=outside\.example=a@example\.com$/);
  const back = await send("", rewritten, "192.0.2.9");
  assert.deepEqual(back.deliveries[0]?.recipients, ["a@outside.example"]);
  assert.match(replyText(await send("", rewritten.replace("=a@", "=b@"), "192.0.2.9")), /^550 5\.1\.1 /);
});
