/** What we sign, others verify: dkimpy, mailauth and OpenDKIM all of it, Perl's Mail::DKIM the RSA signatures. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { CANONICAL_FORMS } from "../../../../plugins/auth/sign/sign.ts";
import { temporaryFolder } from "../../../e2e/processes.ts";
import { noOpendkim, startOpendkim } from "../opendkim.ts";
import { missingParty, partyLines } from "../parties.ts";
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
  mailauth: {},
  opendkim: {
    "no line end at the end, relaxed": "adds no line end to a last line without one",
    "spaces at the end and no line end, relaxed": "the same",
    "80,000 spaces in a field": "libmilter takes no more than 64 KB of a field",
  },
};
/** Those that are not even tried, as it would take too long, or end the party. */
const UNTRIED = new Set(["80,000 spaces in a line of the body", "80,000 spaces in a field"]);
interface Signed {
  readonly message: string;
  readonly canonical: string;
  readonly bytes: Buffer;
}

/** Who verifies: for each message a word for each signature of ours, "ok" where it holds. */
interface Party {
  readonly name: string;
  readonly skip: string | false;
  readonly want: string;
  verify(messages: readonly Buffer[]): Promise<readonly string[]>;
}

const program = (command: string, script: string) => (messages: readonly Buffer[]) =>
  partyLines(
    [command, fileURLToPath(new URL(script, import.meta.url))],
    messages.map((bytes) => ({ message: bytes.toString("base64"), records: RECORDS, signatures: 2 })),
  );

async function byMailauth(messages: readonly Buffer[]): Promise<readonly string[]> {
  const resolver = async (name: string) => [[RECORDS[name] ?? ""]];
  const lines: string[] = [];
  for (const bytes of messages) {
    const { results } = await dkimVerify(bytes, { resolver });
    lines.push(
      results
        .slice(0, 2)
        .map(({ status }) => (status.result === "pass" ? "ok" : status.result))
        .join(" "),
    );
  }
  return lines;
}

async function byOpendkim(messages: readonly Buffer[]): Promise<readonly string[]> {
  const folder = await temporaryFolder();
  const keys = join(folder.path, "keys");
  await writeFile(
    keys,
    Object.entries(RECORDS)
      .map(([name, text]) => `${name} ${text}\n`)
      .join(""),
  );
  const filter = await startOpendkim(folder.path, ["Mode v", `TestPublicKeys ${keys}`, "AuthservID us"]);
  try {
    const lines: string[] = [];
    for (const bytes of messages) {
      const { message } = await filter.pass(bytes);
      const [results = ""] =
        /^Authentication-Results: us;(?:.*\r\n\s)*.*/.exec(message.toString("latin1")) ?? [];
      const passed = (selector: string) =>
        new RegExp(`dkim=pass[^;]* header\\.s=${selector}\\b`).test(results) ? "ok" : "fail";
      lines.push(`${passed("r")} ${passed("e")}`);
    }
    return lines;
  } finally {
    await filter.stop();
    await folder.remove();
  }
}

const PARTIES: readonly Party[] = [
  {
    name: "dkimpy",
    skip: missingParty(["/usr/bin/python3", "-c", "import dkim, nacl"], "dkimpy"),
    want: "ok ok",
    verify: program("/usr/bin/python3", "verify-dkimpy.py"),
  },
  {
    name: "perl",
    skip: missingParty(["perl", "-MMail::DKIM", "-e", "1"], "Mail::DKIM"),
    want: "ok",
    verify: program("perl", "verify-mail-dkim.pl"),
  },
  { name: "mailauth", skip: false, want: "ok ok", verify: byMailauth },
  { name: "opendkim", skip: noOpendkim, want: "ok ok", verify: byOpendkim },
];

const isKnown = (party: string, { message, canonical }: Signed): boolean =>
  [message, `${message}, ${canonical.split("/")[1]}`].some((one) =>
    Object.hasOwn(KNOWN_FAULTS[party] ?? {}, one),
  );

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

  for (const { name, skip, want, verify } of PARTIES) {
    test(`${name} verifies them, but for its known faults`, { skip }, async () => {
      const given = signed.filter((one) => !isKnown(name, one));
      const lines = await verify(given.map(({ bytes }) => bytes));
      const failed = given.filter((_, index) => lines[index] !== want);
      assert.deepEqual(
        failed.map(({ message, canonical }) => `${message} (${canonical})`),
        [],
      );
      const known = signed.filter((one) => isKnown(name, one) && !UNTRIED.has(one.message));
      if (known.length === 0) return;
      const wrong = await verify(known.map(({ bytes }) => bytes));
      assert.deepEqual(
        known.filter((_, index) => wrong[index] === want).map(({ message }) => message),
        [],
        "no fault any more",
      );
    });
  }

  test("each message is verified by two parties or more in each form", () => {
    const few = signed.filter((one) => PARTIES.filter(({ name }) => !isKnown(name, one)).length < 2);
    assert.deepEqual(
      few.map(({ message, canonical }) => `${message} (${canonical})`),
      [],
    );
  });
});
