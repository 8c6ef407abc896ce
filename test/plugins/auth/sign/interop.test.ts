/** What we sign, others verify: dkimpy all of it, Perl's Mail::DKIM the RSA signatures. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CANONICAL_FORMS } from "../../../../plugins/auth/sign/sign.ts";
import { ODD_MESSAGES } from "./odd-messages.ts";
import { RECORDS, signedBytes, signingGateway } from "./sign-bed.ts";

/**
 * What a party gets wrong, with its fault: messages, or with a form of the body behind them. They are not given to it; the
 * other one verifies them.
 */
const KNOWN_FAULTS: { readonly [party: string]: { readonly [message: string]: string } } = {
  dkimpy: {
    "a space before the colon": "does not take white space there, which RFC 5322 4.5 allows",
    "a body of one space, relaxed":
      "leaves white space in a last line without an end, which gets one on the way",
    "spaces at the end and no line end, relaxed": "the same",
    "80,000 spaces in a line of the body": "takes time by the square of their number",
    "80,000 spaces in a field": "the same",
  },
  perl: {
    "a body of one space, simple": "adds no line end to a last line without one (RFC 6376 3.4.3)",
    "no line end at the end, simple": "the same",
    "spaces at the end and no line end, simple": "the same",
  },
};
const PARTY_MS_MAX = 120_000;

interface Signed {
  readonly message: string;
  readonly canonical: string;
  readonly bytes: Buffer;
}

const PARTIES = [
  {
    name: "dkimpy",
    program: ["/usr/bin/python3", "verify-dkimpy.py"],
    probe: ["/usr/bin/python3", "-c", "import dkim, nacl"],
    want: "ok ok",
  },
  {
    name: "perl",
    program: ["perl", "verify-mail-dkim.pl"],
    probe: ["perl", "-MMail::DKIM", "-e", "1"],
    want: "ok",
  },
] as const;

const isKnown = (party: string, { message, canonical }: Signed): boolean =>
  [message, `${message}, ${canonical.split("/")[1]}`].some((one) =>
    Object.hasOwn(KNOWN_FAULTS[party] ?? {}, one),
  );

/** Runs a party over messages; a line for each. */
async function results([program, script]: readonly [string, string], messages: readonly Signed[]) {
  const child = spawn(program, [fileURLToPath(new URL(script, import.meta.url))], {
    stdio: ["pipe", "pipe", "pipe"],
    timeout: PARTY_MS_MAX,
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  child.stdin.on("error", () => {});
  for (const { bytes } of messages) {
    const job = { message: bytes.toString("base64"), records: RECORDS, signatures: 2 };
    child.stdin.write(`${JSON.stringify(job)}\n`);
  }
  child.stdin.end();
  await new Promise((resolve) => child.on("close", resolve));
  const lines = out.trimEnd().split("\n");
  assert.equal(lines.length, messages.length, err.slice(0, 2000));
  return lines;
}

describe("messages that sign signed", () => {
  const signed: Signed[] = [];
  before(async () => {
    assert.ok(ODD_MESSAGES.length >= 60);
    for (const canonical of CANONICAL_FORMS) {
      const inject = await signingGateway({ canonical });
      for (const { name, bytes } of ODD_MESSAGES)
        signed.push({ message: name, canonical, bytes: await signedBytes(inject, bytes) });
    }
  });

  for (const { name, program, probe, want } of PARTIES) {
    const found = spawnSync(probe[0], probe.slice(1), { stdio: "ignore" });
    const skip = found.status === 0 ? false : `${name} is not installed here`;
    test(`${name} verifies them`, { skip }, async () => {
      const given = signed.filter((one) => !isKnown(name, one));
      const lines = await results(program, given);
      const failed = given.filter((_, index) => lines[index] !== want);
      assert.deepEqual(
        failed.map(({ message, canonical }) => `${message} (${canonical})`),
        [],
      );
    });
  }
});
