/** dkimpy on both sides: what it seals we pass, and what we say of chains it says too. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { RSA } from "../dkim/dkim-bed.ts";
import { missingParty, partyLines } from "../parties.ts";
import { ODD_MESSAGES } from "../sign/odd-messages.ts";
import { KEYS, SEALERS, validated, validator } from "./arc-bed.ts";
import { CASES } from "./arc-cases.ts";

const PYTHON = "/usr/bin/python3";
const DKIMPY = [PYTHON, fileURLToPath(new URL("seal-dkimpy.py", import.meta.url))] as const;
const skip = missingParty([PYTHON, "-c", "import dkim, nacl, authres"], "dkimpy");
const key = RSA.privateKey.export({ type: "pkcs1", format: "pem" }).toString();

/** What dkimpy seals wrong, with its fault. */
const SEALED_WRONG: { readonly [message: string]: string } = {
  "a space before the colon": "does not take white space there, which RFC 5322 4.5 allows",
  "a body of one space": "leaves white space in a last line without an end",
  "spaces at the end and no line end": "the same",
  "80,000 spaces in a line of the body": "takes time by the square of their number",
  "80,000 spaces in a field": "the same",
};
/** Where dkimpy says another thing of a chain, and why. */
const OTHER_OPINION: { readonly [name: string]: string } = {
  "fifty-one": "bounds what it seals alone",
  "Ed25519 (RFC 8463)": "knows RSA alone",
  "the sets in another order of lines": "takes the fields of seals as they stand, not by their instances",
  "cv=None (RFC 5234 2.3)": "takes small letters alone",
  "i= behind a comment (3.9)": "finds the first number",
  "an assessment whose instance is not in front (4.1.1)": "takes it anywhere",
  "x= in a seal, which no seal has (4.1.3)": "heeds it",
  "v= in a message signature (4.1.2)": "wants it to be 1",
  "From not signed (RFC 6376 5.4)": "does not ask for it",
  "x= in the past": "goes by its own clock",
  "l= of a part (RFC 6376 8.2)": "leaves that to the caller",
  "c= left out, which is simple": "takes it for relaxed, as drafts of ARC did",
};

describe("arc and dkimpy", { skip }, () => {
  test("arc passes what dkimpy seals, once or five times", async () => {
    const messages = ODD_MESSAGES.filter(({ name }) => !Object.hasOwn(SEALED_WRONG, name));
    const jobs = messages.map(({ bytes }, n) => ({
      ...{ message: bytes.toString("base64"), key },
      // Five hops for some, as it takes its time. Each adds a field above the Subject that nobody signs.
      hops: SEALERS.slice(0, n % 10 === 0 ? 5 : 1).map((domain) => ({ domain, subject: "X-Hop: 1\r\n" })),
    }));
    const lines = await partyLines(DKIMPY, jobs);
    const validate = await validator(KEYS);
    const wrong: string[] = [];
    for (const [n, line] of lines.entries()) {
      const { result, reason, sets } = await validate(Buffer.from(line, "base64"));
      const isRight = result === "pass" && sets.length === jobs[n]!.hops.length;
      if (!isRight || !sets.every(({ dmarc }) => dmarc === "pass"))
        wrong.push(`${messages[n]!.name}: ${result} ${reason}`);
    }
    assert.deepEqual(wrong, []);
  });

  test("arc and dkimpy agree on our table, but where it is told", async () => {
    const cases = Object.values(CASES).flat();
    const jobs = cases.map(({ message, zone = KEYS, options }) => ({
      minkey: options?.rsaBitsMin ?? 1024,
      message: Buffer.from(message, "latin1").toString("base64"),
      records: Object.fromEntries(Object.entries(zone).map(([name, [record]]) => [name, record])),
    }));
    const lines = await partyLines(DKIMPY, jobs);
    const different: string[] = [];
    for (const [n, { name, message, zone = KEYS, options }] of cases.entries()) {
      const ours = (await validated(message, zone, options)).result;
      const isTold = Object.hasOwn(OTHER_OPINION, name);
      if ((ours !== lines[n]) !== isTold) different.push(`${name}: ${ours}, dkimpy ${lines[n]}`);
    }
    assert.deepEqual(different, []);
  });
});
