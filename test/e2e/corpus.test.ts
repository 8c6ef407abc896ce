/**
 * Each message of the folder POSTERN_CORPUS through the gateway, with CRLF line ends and as it is: relayed byte for
 * byte, or refused for good in clear words. Nothing else.
 */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { routesOnlyConfig, startGateway, startSink, temporaryFolder } from "./processes.ts";
import { partReceived, sendOne, withLineEnd } from "./smtp-client.ts";

const corpus = process.env.POSTERN_CORPUS;
const skip = corpus === undefined || corpus === "" ? "POSTERN_CORPUS names no folder of messages" : false;

/** All kinds of line ends made CRLF, octets kept. */
const withCrlf = (content: Buffer): Buffer =>
  Buffer.from(content.toString("latin1").replace(/\r\n|\r|\n/g, "\r\n"), "latin1");

async function relayAll(t: TestContext, form: (content: Buffer) => Buffer): Promise<void> {
  const names = (await readdir(corpus ?? "")).filter((name) => name.endsWith(".eml")).sort();
  assert.notEqual(names.length, 0, `no .eml files in ${corpus}`);
  const folder = await temporaryFolder();
  const sink = await startSink(`${folder.path}/sink`);
  const config = await routesOnlyConfig(folder.path);
  const gateway = await startGateway({
    folder: folder.path,
    config,
    env: { POSTERN_UPSTREAM: sink.address },
  });
  const refusals = new Map<string, number>();
  let relayed = 0;
  try {
    for (const name of names) {
      const content = form(await readFile(join(corpus ?? "", name)));
      sink.clear();
      const reply = await sendOne(gateway.port, content, { parameters: " BODY=8BITMIME" });
      const taken = sink.ledger();
      if (reply.code === 250) {
        relayed += 1;
        assert.equal(taken.length, 1, `${name}: the sink has ${taken.length} of it`);
        const { received, rest } = partReceived(sink.content(taken[0]!));
        assert.notEqual(received, "", `${name}: no Received field on top`);
        assert.ok(rest.equals(withLineEnd(content)), `${name}: other octets came out`);
        continue;
      }
      assert.match(reply.text, /^5\d\d 5\.\d\.\d [A-Z][\w ,]+ \(ref \w+\)$/, name);
      assert.equal(taken.length, 0, `${name}: refused and relayed`);
      const words = reply.text.replace(/ \(ref .*/, "");
      refusals.set(words, (refusals.get(words) ?? 0) + 1);
      const clean = content.equals(withCrlf(content)) && !content.includes(0);
      assert.ok(!clean, `${name}: refused without need: ${reply.text}`);
    }
  } finally {
    gateway.kill("SIGKILL");
    await gateway.exited;
    await sink.stop();
    await folder.remove();
  }
  const refused = [...refusals].map(([words, count]) => `${count} refused with "${words}"`);
  t.diagnostic(`of ${names.length} messages: ${[`${relayed} relayed byte for byte`, ...refused].join(", ")}`);
}

test(
  "each message of POSTERN_CORPUS with CRLF line ends is relayed byte for byte, or refused with 5xx",
  {
    skip,
  },
  (t) => relayAll(t, withCrlf),
);

test("each message of POSTERN_CORPUS as it is is relayed byte for byte, or refused with 5xx", { skip }, (t) =>
  relayAll(t, (content) => content),
);
