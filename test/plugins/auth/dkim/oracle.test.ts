/**
 * mailauth as the oracle: what it passes we pass, and what it does not pass we do not, over odd messages and those of the
 * folder POSTERN_CORPUS, as they were signed and with an octet changed. Left out are header sections with 0xA0, which
 * mailauth takes for white space, and those with lines that are no field: RFC 5322 has none, and it gives them to the field
 * above, where core/mail keeps them apart.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { ODD_MESSAGES } from "../sign/odd-messages.ts";
import { NOW, RECORDS, type Signatures, signedFor, verifier } from "./dkim-bed.ts";

const NBSP = 0xa0;
/** A line that begins neither with a name and a colon nor with white space. */
const NO_FIELD = /(?:^|\r\n)(?![!-9;-~]+[ \t]*:|[ \t])/;
const corpus = process.env.POSTERN_CORPUS;
const skip = corpus === undefined || corpus === "" ? "POSTERN_CORPUS names no folder of messages" : false;

const resolver = async (name: string, type: string): Promise<string[][]> => {
  const records = type === "TXT" ? RECORDS[name] : undefined;
  if (!records) throw Object.assign(new Error("no record"), { code: "ENOTFOUND" });
  return records.map((record) => [record]);
};

/** Whether each signature passes, by mailauth. */
async function byMailauth(message: Buffer): Promise<readonly boolean[]> {
  const { results } = await dkimVerify(message, { resolver, curTime: new Date(NOW) } as never);
  // What it says where there is none.
  return results
    .filter(({ status }) => status.result !== "none")
    .map(({ status }) => status.result === "pass");
}

const passes = ({ signatures }: Signatures): readonly boolean[] =>
  signatures.map(({ result }) => result === "pass");
const sorted = (list: readonly boolean[]): readonly boolean[] => [...list].sort();

/** The message with one octet of it made another, or one taken out, at a place that its length decides. */
function changed(message: Buffer, turn: number): Buffer {
  const at = (message.length * (turn * 7 + 3)) % message.length;
  const copy = Buffer.from(message);
  const octet = copy[at]!;
  if (octet === 13 || octet === 10) return message;
  copy[at] = octet === 0x61 ? 0x62 : 0x61;
  return copy;
}

describe("dkim and mailauth", () => {
  let verify: Awaited<ReturnType<typeof verifier>>;
  before(async () => {
    verify = await verifier(RECORDS);
  });

  const compare = async (names: readonly string[], messages: readonly Buffer[]) => {
    const different: string[] = [];
    let passed = 0;
    for (const [index, message] of messages.entries()) {
      const signed = await signedFor(message);
      for (const one of [signed, changed(signed, index), changed(signed, index + 1)]) {
        const header = one.subarray(0, Math.max(0, one.indexOf("\r\n\r\n")));
        if (header.includes(NBSP) || NO_FIELD.test(header.toString("latin1"))) continue;
        const [ours, theirs] = [sorted(passes(await verify(one))), sorted(await byMailauth(one))];
        passed += ours.filter(Boolean).length;
        if (ours.join() !== theirs.join()) different.push(`${names[index]}: ${ours}, mailauth ${theirs}`);
      }
    }
    assert.deepEqual(different, []);
    return passed;
  };

  test("agree over odd messages", async () => {
    const passed = await compare(
      ODD_MESSAGES.map(({ name }) => name),
      ODD_MESSAGES.map(({ bytes }) => bytes),
    );
    assert.ok(passed > ODD_MESSAGES.length, `${passed} passed`);
  });

  test("agree over the messages of POSTERN_CORPUS", { skip }, async (t) => {
    const files = readdirSync(corpus ?? "").filter((name) => name.endsWith(".eml"));
    const messages = files.map((name) => {
      const text = readFileSync(join(corpus ?? "", name), "latin1").replace(/\r?\n|\r/g, "\r\n");
      // mailauth signs none without From.
      const hasFrom = /^from[ \t]*:/im.test(text.split("\r\n\r\n")[0] ?? "");
      return Buffer.from(hasFrom ? text : `From: a@sender.example\r\n${text}`, "latin1");
    });
    t.diagnostic(`${await compare(files, messages)} signatures passed by both`);
  });
});
