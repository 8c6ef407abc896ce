import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadedConfig } from "postern";
import { createTestGateway } from "postern/testing";
import { fixedResolver } from "../../../../core/dns/mod.ts";
import { examplesOf, projectOf } from "../../readme-examples.ts";

const examples = examplesOf("plugins/auth/results/README.md");
const project = projectOf(examples);

test("the example of plugins/auth/results compiles, tells SPF, and takes out what a stranger forged", async () => {
  assert.equal(examples.length, 1);
  assert.equal(await project.compile(), "");
  const { default: config } = await project.load(examples[0]!.fileName);
  const dns = fixedResolver({ "outside.example": { TXT: ["v=spf1 ip4:192.0.2.0/24 -all"] } });
  const gateway = await createTestGateway(config as LoadedConfig, { dns });
  const fields = async (ip: string) => {
    const { deliveries } = await gateway.inject({
      client: { ip },
      reversePath: "a@outside.example",
      recipients: ["b@example.com"],
      content: "Authentication-Results: old-mx.example.com; spf=fail\nFrom: a@outside.example\n\nHello\n",
    });
    const text = (deliveries[0]?.text ?? "").replace(/\r\n[ \t]+/g, " ");
    return text.match(/^Authentication-Results:.*$/gm)?.map((field) =>
      field
        .split(/[:;]\s*/)
        .slice(1, 3)
        .join(" "),
    );
  };
  assert.deepEqual(await fields("192.0.2.99"), ["mx.example.com spf=pass smtp.mailfrom=a@outside.example"]);
  assert.deepEqual(await fields("192.0.2.9"), [
    "mx.example.com spf=pass smtp.mailfrom=a@outside.example",
    "old-mx.example.com spf=fail",
  ]);
});
