/** What others sign, we verify: dkimpy and mailauth by both kinds of key, Perl's Mail::DKIM by RSA. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { ODD_MESSAGES } from "../sign/odd-messages.ts";
import { ED25519, RECORDS, RSA, verifier } from "./dkim-bed.ts";

const CANONICAL = ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"] as const;
const PARTY_MS_MAX = 120_000;
const pem = RSA.privateKey.export({ type: "pkcs1", format: "pem" }).toString();
/** dkimpy's form: base64 of the 32 octets. */
const seed = Buffer.from(ED25519.privateKey.export({ format: "jwk" }).d!, "base64url").toString("base64");
const KEYS = { rsa: { selector: "s1", key: pem }, ed25519: { selector: "e1", key: seed } };

/** What a party signs wrong, with its fault: messages, or with the form of the body behind them. */
const KNOWN_FAULTS: { readonly [party: string]: { readonly [message: string]: string } } = {
  dkimpy: {
    "a space before the colon": "does not take white space there, which RFC 5322 4.5 allows",
    "a body of one space, body relaxed": "leaves white space in a last line without an end",
    "spaces at the end and no line end, body relaxed": "the same",
    "80,000 spaces in a line of the body": "takes time by the square of their number",
    "80,000 spaces in a field": "the same",
  },
  perl: {
    "a body of one space, body simple": "adds no line end to a last line without one (RFC 6376 3.4.3)",
    "no line end at the end, body simple": "the same",
    "spaces at the end and no line end, body simple": "the same",
  },
};

interface Job {
  readonly message: string;
  readonly canonical: string;
  readonly bytes: Buffer;
}

const JOBS: readonly Job[] = CANONICAL.flatMap((canonical) =>
  ODD_MESSAGES.map(({ name, bytes }) => ({ message: name, canonical, bytes })),
);

function hasKnownFault(party: string, { message, canonical }: Job): boolean {
  const names = [message, `${message}, body ${canonical.split("/")[1]}`];
  return names.some((one) => Object.hasOwn(KNOWN_FAULTS[party] ?? {}, one));
}

/** Runs a party over messages; the signed ones. */
async function signedBy(
  [program, script]: readonly [string, string],
  jobs: readonly Job[],
): Promise<readonly Buffer[]> {
  const child = spawn(program, [fileURLToPath(new URL(script, import.meta.url))], {
    stdio: ["pipe", "pipe", "pipe"],
    timeout: PARTY_MS_MAX,
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  child.stdin.on("error", () => {});
  for (const { bytes, canonical } of jobs)
    child.stdin.write(`${JSON.stringify({ message: bytes.toString("base64"), canonical, ...KEYS })}\n`);
  child.stdin.end();
  await new Promise((resolve) => child.on("close", resolve));
  const lines = out.trimEnd().split("\n");
  assert.equal(lines.length, jobs.length, err.slice(0, 2_000));
  return lines.map((line) => Buffer.from(line, "base64"));
}

async function expectPasses(jobs: readonly Job[], messages: readonly Buffer[], count: number): Promise<void> {
  const verify = await verifier(RECORDS);
  const wrong: string[] = [];
  for (const [index, message] of messages.entries()) {
    const { signatures } = await verify(message);
    const results = signatures.slice(0, count).map(({ result, reason }) => `${result} ${reason}`.trim());
    const { message: name, canonical } = jobs[index]!;
    if (results.join() !== Array(count).fill("pass").join()) wrong.push(`${name} (${canonical}): ${results}`);
  }
  assert.deepEqual(wrong, []);
}

describe("messages that others signed", () => {
  for (const { name, program, probe, count } of [
    {
      name: "dkimpy",
      program: ["/usr/bin/python3", "sign-dkimpy.py"],
      probe: ["/usr/bin/python3", "-c", "import dkim, nacl"],
      count: 2,
    },
    {
      name: "perl",
      program: ["perl", "sign-mail-dkim.pl"],
      probe: ["perl", "-MMail::DKIM", "-e", "1"],
      count: 1,
    },
  ] as const) {
    const found = spawnSync(probe[0], probe.slice(1), { stdio: "ignore" });
    const skip = found.status === 0 ? false : `${name} is not installed here`;
    test(`dkim passes what ${name} signs`, { skip }, async () => {
      const jobs = JOBS.filter((job) => !hasKnownFault(name, job));
      await expectPasses(jobs, await signedBy(program, jobs), count);
    });
  }

  test("dkim passes what mailauth signs", async () => {
    const ed25519 = ED25519.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const rsa = { signingDomain: "sender.example", selector: "s1", privateKey: pem };
    const messages: Buffer[] = [];
    for (const { bytes, canonical } of JOBS) {
      const { signatures, errors } = await dkimSign(bytes, {
        ...rsa,
        canonicalization: canonical,
        signTime: new Date(0),
        signatureData: [rsa, { signingDomain: "sender.example", selector: "e1", privateKey: ed25519 }],
      });
      assert.deepEqual(errors, []);
      messages.push(Buffer.concat([Buffer.from(signatures), bytes]));
    }
    await expectPasses(JOBS, messages, 2);
  });
});
