import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadedConfig } from "postern";
import { createTestGateway } from "postern/testing";
import { fixedResolver } from "../../../../core/dns/mod.ts";
import { replyText } from "../../fakes.ts";
import { examplesOf, projectOf } from "../../readme-examples.ts";

const examples = examplesOf("plugins/auth/dmarc/README.md");
const project = projectOf(examples);

test("the example of plugins/auth/dmarc compiles, refuses a fail, and takes what a rule or a forwarder lets pass", async () => {
  assert.equal(examples.length, 1);
  assert.equal(await project.compile(), "");
  const { default: config } = await project.load(examples[0]!.fileName);
  const policy = { TXT: ["v=DMARC1; p=reject"] };
  const dns = fixedResolver({ "_dmarc.bank.example": policy, "_dmarc.partner.example": policy });
  const gateway = await createTestGateway(config as LoadedConfig, { dns });
  const send = async (domain: string, ip: string) =>
    replyText(
      await gateway.inject({
        client: { ip },
        reversePath: "a@elsewhere.example",
        recipients: ["b@example.com"],
        content: `From: a@${domain}\n\nHello\n`,
      }),
    );
  assert.match(await send("bank.example", "192.0.2.9"), /^550 5\.7\.1 Rejected by the DMARC policy/);
  assert.match(await send("bank.example", "198.51.100.7"), /^250 /);
  assert.match(await send("partner.example", "192.0.2.9"), /^250 /);
});
