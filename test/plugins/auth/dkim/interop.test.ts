/** What others sign, we verify: dkimpy, mailauth and OpenDKIM by both kinds of key, Perl's Mail::DKIM by RSA. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { temporaryFolder } from "../../../e2e/processes.ts";
import { noOpendkim, startOpendkim } from "../opendkim.ts";
import { missingParty, partyLines } from "../parties.ts";
import { ODD_MESSAGES } from "../sign/odd-messages.ts";
import { ED25519, RECORDS, RSA, verifier, type Zone } from "./dkim-bed.ts";

const CANONICAL = ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"] as const;
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
  opendkim: {
    "no line end at the end, body relaxed": "signs nothing",
    "spaces at the end and no line end, body relaxed": "adds no line end to a last line without one",
    "80,000 spaces in a field": "libmilter takes no more than 64 KB of a field",
  },
};
/** What OpenDKIM signs so by Ed25519 neither it verifies itself, nor do mailauth and dkimpy. */
const hasSimpleHeader = ({ canonical }: Job): boolean => canonical.startsWith("simple/");

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

/** Signs by a program. */
async function signedBy(command: string, script: string, jobs: readonly Job[]): Promise<readonly Buffer[]> {
  const lines = await partyLines(
    [command, fileURLToPath(new URL(script, import.meta.url))],
    jobs.map(({ bytes, canonical }) => ({ message: bytes.toString("base64"), canonical, ...KEYS })),
  );
  return lines.map((line) => Buffer.from(line, "base64"));
}

/** Signs by OpenDKIM, one process for each key and each pair of forms. */
async function byOpendkim(kind: "rsa" | "ed25519", jobs: readonly Job[]): Promise<readonly Buffer[]> {
  const { privateKey } = kind === "rsa" ? RSA : ED25519;
  const messages = new Map<Job, Buffer>();
  for (const canonical of CANONICAL) {
    const folder = await temporaryFolder();
    const key = join(folder.path, "key.pem");
    await writeFile(key, privateKey.export({ type: "pkcs8", format: "pem" }));
    const filter = await startOpendkim(folder.path, [
      ...["Mode s", "Domain example.com", `Selector ${KEYS[kind].selector}`, `KeyFile ${key}`],
      ...[`SignatureAlgorithm ${kind}-sha256`, `Canonicalization ${canonical}`, "InternalHosts 0.0.0.0/0"],
    ]);
    try {
      for (const job of jobs)
        if (job.canonical === canonical) messages.set(job, (await filter.pass(job.bytes)).message);
    } finally {
      await filter.stop();
      await folder.remove();
    }
  }
  return jobs.map((job) => messages.get(job)!);
}

async function expectPasses(
  jobs: readonly Job[],
  messages: readonly Buffer[],
  { count, records = RECORDS }: { readonly count: number; readonly records?: Zone },
): Promise<void> {
  const verify = await verifier(records);
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
  for (const { name, command, script, probe, count } of [
    {
      ...{ name: "dkimpy", command: "/usr/bin/python3", script: "sign-dkimpy.py", count: 2 },
      probe: ["/usr/bin/python3", "-c", "import dkim, nacl"],
    },
    {
      ...{ name: "perl", command: "perl", script: "sign-mail-dkim.pl", count: 1 },
      probe: ["perl", "-MMail::DKIM", "-e", "1"],
    },
  ] as const) {
    test(`dkim passes what ${name} signs`, { skip: missingParty(probe, name) }, async () => {
      const jobs = JOBS.filter((job) => !hasKnownFault(name, job));
      await expectPasses(jobs, await signedBy(command, script, jobs), { count });
    });
  }

  for (const kind of ["rsa", "ed25519"] as const) {
    test(`dkim passes what OpenDKIM signs by ${kind}`, { skip: noOpendkim }, async () => {
      const jobs = JOBS.filter(
        (job) => !hasKnownFault("opendkim", job) && !(kind === "ed25519" && hasSimpleHeader(job)),
      );
      const records = Object.fromEntries(
        Object.entries(RECORDS).map(([name, texts]) => [
          name.replace("sender.example", "example.com"),
          texts,
        ]),
      );
      await expectPasses(jobs, await byOpendkim(kind, jobs), { count: 1, records });
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
    await expectPasses(JOBS, messages, { count: 2 });
  });
});
