/** How often the octets of a body are hashed where it leaves in several forms, each signed by several keys. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { definePlugin, type HashName, type Pipeline, pipeline, routeTo } from "postern";
import { createContentStore, nodeCrypto } from "../../../../core/store/mod.ts";
import { dkim } from "../../../../plugins/auth/dkim/dkim.ts";
import { sign } from "../../../../plugins/auth/sign/sign.ts";
import { temporaryFolder } from "../../../e2e/processes.ts";
import { openLmtpBed } from "../../../gateway/lmtp-bed.ts";
import { BOTH } from "./sign-bed.ts";

const LINE = `${Buffer.from("The quick brown fox jumps over the lazy dog, and more. ##").toString("base64")}\r\n`;
/** Too large for memory, as a store in files has it. */
const BODY_BYTES = 3_000 * LINE.length;
const CONTENT = [
  "From: ann@example.com",
  "Subject: hello",
  "MIME-Version: 1.0",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: base64",
  "",
  LINE.repeat(3_000),
].join("\r\n");

/** Cryptography that tells how many octets each digest was of, of a body or of more. */
function countingCrypto() {
  const bodies: number[] = [];
  const crypto = {
    ...nodeCrypto,
    digest(name: HashName) {
      const digest = nodeCrypto.digest(name);
      let octets = 0;
      return {
        update(bytes: Uint8Array) {
          octets += bytes.length;
          digest.update(bytes);
        },
        finish() {
          if (octets >= BODY_BYTES) bodies.push(octets);
          return digest.finish();
        },
      };
    },
  };
  return { crypto, bodies };
}

/** By the local part: "a-1" has the footer "a", and goes to the first next hop, those with "-2" to the second. */
const footer = () =>
  definePlugin({
    name: "footer",
    edits: ["body"],
    routes: true,
    async route(ctx) {
      const [text, hop] = ctx.recipient.forwardPath.localPart.split("-");
      if (text !== "none") await ctx.message.appendText({ plain: `\r\n-- \r\n${text}\r\n` }, "for the test");
      return routeTo(hop === "2" ? "other" : "backend");
    },
  });

async function delivered(pipe: Pipeline, recipients: readonly string[]) {
  const folder = await temporaryFolder();
  try {
    const { crypto, bodies } = countingCrypto();
    const contents = createContentStore({ folder: folder.path });
    const bed = await openLmtpBed({ pipeline: pipe, services: { crypto, contents } });
    const answers = await bed.deliver(recipients, CONTENT);
    assert.deepEqual(
      answers.map((answer) => answer.slice(0, 3)),
      recipients.map(() => "250"),
    );
    return { bodies, deliveries: bed.deliveries.length };
  } finally {
    await folder.remove();
  }
}

const cases: readonly {
  readonly name: string;
  readonly recipients: readonly string[];
  readonly verifies?: true;
  /** Deliveries, and digests of bodies, that of the received one among them. */
  readonly want: { readonly deliveries: number; readonly bodies: number };
}[] = [
  {
    name: "one for each of three footers, and one while it came in",
    recipients: ["a-1@example.org", "b-1@example.org", "c-1@example.org"],
    want: { deliveries: 3, bodies: 4 },
  },
  {
    name: "one for two deliveries with the same footer",
    recipients: ["a-1@example.org", "a-2@example.org"],
    want: { deliveries: 2, bodies: 2 },
  },
  {
    name: "none but that while it came in where nothing was changed",
    recipients: ["none-1@example.org", "none-2@example.org"],
    want: { deliveries: 2, bodies: 1 },
  },
  {
    name: "one for each form of dkim while it came in, one of which is that of sign",
    recipients: ["none-1@example.org"],
    verifies: true,
    want: { deliveries: 1, bodies: 2 },
  },
];

for (const { name, recipients, verifies, want } of cases) {
  test(`sign with two keys hashes bodies once: ${name}`, async () => {
    const signer = sign({ keys: BOTH });
    const pipe = verifies ? pipeline(dkim(), footer(), signer) : pipeline(footer(), signer);
    const { bodies, deliveries } = await delivered(pipe, recipients);
    assert.deepEqual({ deliveries, bodies: bodies.length }, want);
  });
}
