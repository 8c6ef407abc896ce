/** The example of the README. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadedConfig } from "postern";
import { createTestGateway } from "postern/testing";
import { examplesOf, projectOf } from "../../readme-examples.ts";
import { RECORDS, signed, zoneOf } from "./dkim-bed.ts";

const examples = examplesOf("plugins/auth/dkim/README.md");
const project = projectOf(examples);

test("the example of plugins/auth/dkim compiles and tells what the signatures are", async () => {
  assert.equal(examples.length, 1);
  assert.equal(await project.compile(), "");
  const { default: config } = await project.load(examples[0]!.fileName);
  const gateway = await createTestGateway(config as LoadedConfig, { dns: zoneOf(RECORDS) });
  const told = async (content: string) => {
    const { deliveries } = await gateway.inject({ reversePath: "", recipients: ["b@example.com"], content });
    return /^X-Dkim: (.*)\r$/m.exec(deliveries[0]?.text ?? "")?.[1];
  };
  const message = signed(["From: a@sender.example", "Subject: x"], "x\r\n");
  assert.equal(await told(message), "pass");
  assert.equal(await told(message.replace("Subject: x", "Subject: y")), "fail");
  assert.equal(await told("From: a@sender.example\r\n\r\nx\r\n"), "none");
});
