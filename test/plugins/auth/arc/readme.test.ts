/** The example of the README. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadedConfig } from "postern";
import { createTestGateway } from "postern/testing";
import { fixedResolver } from "../../../../core/dns/mod.ts";
import { replyText } from "../../fakes.ts";
import { examplesOf, projectOf } from "../../readme-examples.ts";
import { CLOCK, publicKey, RSA } from "../dkim/dkim-bed.ts";
import { chainOf } from "./arc-bed.ts";

const examples = examplesOf("plugins/auth/arc/README.md");
const project = projectOf(examples);

test("the example of plugins/auth/arc compiles, and takes what a list sealed whose word counts", async () => {
  assert.equal(examples.length, 1);
  assert.equal(await project.compile(), "");
  const { default: config } = await project.load(examples[0]!.fileName);
  const key = { TXT: [`p=${publicKey(RSA)}`] };
  const dns = fixedResolver({
    "_dmarc.sender.example": { TXT: ["v=DMARC1; p=reject"] },
    "s1._domainkey.lists.example": key,
    "s1._domainkey.liar.example": key,
  });
  const gateway = await createTestGateway(config as LoadedConfig, { dns, clock: CLOCK });
  const send = async (domain: string) =>
    replyText(
      await gateway.inject({
        ...{ client: { ip: "192.0.2.9" }, reversePath: "a@elsewhere.example", recipients: ["b@example.com"] },
        content: chainOf({ domain }),
      }),
    );
  assert.match(await send("lists.example"), /^250 /);
  assert.match(await send("liar.example"), /^550 5\.7\.1 Rejected by the DMARC policy/);
});
