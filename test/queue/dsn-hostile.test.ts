/**
 * Whatever servers say, clients name and messages hold: a DSN has the same parts and fields for Python's email package,
 * which we did not write, as for us, and no header field, block or part but its own.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Address, decodeWords, makeAddress, memoryContent, pathText } from "../../core/mail/mod.ts";
import type { DsnRequest } from "../../core/queue/dsn-message.ts";
import type { DsnRecipient } from "../../core/queue/dsn-types.ts";
import { bytes } from "../gateway/spool-fixtures.ts";
import { blocksOf, bodyOf, compose, type Made, refused, stored } from "./dsn-bed.ts";

const PYTHON = "/usr/bin/python3";
const SCRIPT = `
import base64, email, json, sys

def text(octets):
    return octets.decode("utf-8", "replace")

def fields(message):
    return [[name, text(str(value).encode("utf-8", "surrogateescape"))] for name, value in message.raw_items()]

def blocks(part):
    if part.get_content_type() == "message/delivery-status":
        return [fields(block) for block in part.get_payload() if block.keys()]
    block, read = part.get_payload(0), []
    while block.keys():
        read.append(fields(block))
        block = email.message_from_bytes(block.get_payload(decode=True) or b"")
    return read

def look(octets):
    message = email.message_from_bytes(octets)
    parts = message.get_payload()
    returned = parts[2].get_payload(decode=True) if len(parts) > 2 and parts[2].get_content_maintype() == "text" else None
    return {
        "names": message.keys(),
        "type": [message.get_content_type(), message.get_param("report-type")],
        "defects": [str(defect) for one in [message] + parts[:2] for defect in one.defects],
        "parts": [part.get_content_type() for part in parts],
        "text": text(parts[0].get_payload(decode=True)),
        "blocks": blocks(parts[1]),
        "returned": None if returned is None else base64.b64encode(returned).decode(),
    }

print(json.dumps([look(base64.b64decode(one)) for one in json.load(sys.stdin)]))
`;
const missing =
  spawnSync(PYTHON, ["--version"]).status === 0 ? false : "python3 is not installed (Debian package python3)";

interface Looked {
  readonly names: readonly string[];
  readonly type: readonly [string, string];
  readonly defects: readonly string[];
  readonly parts: readonly string[];
  readonly text: string;
  readonly blocks: readonly (readonly (readonly [name: string, value: string])[])[];
  readonly returned: string | null;
}

/** Many at once: a Python takes longer to start than to read. */
function lookedAt(made: readonly Made[]): readonly Looked[] {
  const input = JSON.stringify(made.map(({ octets }) => Buffer.from(octets).toString("base64")));
  return JSON.parse(execFileSync(PYTHON, ["-c", SCRIPT], { input, encoding: "utf8", maxBuffer: 2 ** 28 }));
}

const NASTY = [
  ...["\r\n", "\n", "\r", "\n\n", "\r\n\r\n", "\0", "\x0b", "\x85", "\u2028", "\u202e", "\ufeff", "\ud800"],
  ...["\r\nX-Injected: yes", "\nX-Injected: yes\n\nbody", "\r\n\r\nFinal-Recipient: rfc822; x@y", "--=_"],
  ...[
    "=?utf-8?Q?a=0D=0AX-Injected:_yes?=",
    "=?us-ascii?B?DQpYOiB5?=",
    "=?",
    "?=",
    ";",
    '"',
    "\\",
    "(",
    "<",
    ":",
  ],
  ...["x".repeat(1_200), "ä".repeat(700), " ".repeat(1_000), "\t", "From ", ".\r\n", "bücher", "Subject: a"],
];
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: "binary" }), fc.string()), { maxLength: 8 })
  .map((pieces) => pieces.join(""));

const addresses = fc
  .tuple(
    fc.oneof(
      fc.string({ minLength: 1, maxLength: 12 }),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }),
    ),
    fc.constantFrom("example.org", "bücher.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"),
  )
  .map(([local, domain]): Address => {
    try {
      return makeAddress(local, domain);
    } catch {
      return makeAddress("bob", domain);
    }
  });

const recipients = fc
  .record({
    original: addresses,
    reply: fc.record({
      code: fc.integer({ min: 200, max: 599 }),
      enhanced: fc.oneof(fc.constantFrom("", "5.1.1", "4.2.2"), hostile),
      text: hostile,
    }),
    orcpt: fc.oneof(
      fc.constant(undefined),
      hostile.map((text) => `rfc822;${text}`),
      hostile,
    ),
    server: fc.oneof(
      fc.constantFrom("192.0.2.7:25", "[2001:db8::7]:25", "unix:/x", "mx.example.org:25"),
      hostile,
    ),
    failure: fc.constantFrom("reply" as const, "lost" as const),
  })
  .map(
    ({ orcpt, ...changes }): DsnRecipient => ({
      ...refused("bob@example.org"),
      ...changes,
      parameters: orcpt === undefined ? {} : { orcpt },
    }),
  );

const requests = fc
  .record({
    recipients: fc.array(recipients, { minLength: 1, maxLength: 4 }),
    kind: fc.constantFrom("failed" as const, "delayed" as const, "delivered" as const, "relayed" as const),
    reversePath: addresses,
    ehlo: hostile,
    envid: fc.oneof(fc.constant(undefined), hostile),
    ret: fc.constantFrom("FULL" as const, "HDRS" as const),
    smtputf8: fc.boolean(),
    header: fc.array(
      fc
        .tuple(fc.constantFrom("Subject", "Message-ID", "Content-Type", "X"), hostile)
        .map(([name, text]) => `${name}: ${text}\r\n`),
      { maxLength: 4 },
    ),
    body: fc.oneof(hostile.map(bytes), fc.uint8Array({ maxLength: 50 })),
  })
  .map(({ recipients, kind, reversePath, ehlo, envid, header, body, ...parameters }): Partial<DsnRequest> => {
    const content = memoryContent(Buffer.concat([bytes(`${header.join("")}\r\n`), body]));
    const given = envid === undefined ? parameters : { ...parameters, envid };
    return {
      recipients,
      kind,
      boundary: "=_7b0e4c",
      message: stored({ reversePath, ehlo, content, parameters: given }),
    };
  });

/** The text that a field of this text stands for, but for white space, which folding and cleaning may change. */
const meant = (text: string): string =>
  decodeWords(text.toWellFormed().replace(/[\r\n\u0085\u2028\u2029]+/g, " "))
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, "")
    .replace(/\s+/g, "");

const OWN_NAMES = ["From", "To", "Date", "Subject", "Message-ID"];
const REST = ["Auto-Submitted", "MIME-Version", "Content-Type"];
const ABOUT = ["In-Reply-To", "References"];
const PER_MESSAGE = ["Original-Envelope-Id", "Reporting-MTA", "Received-From-MTA", "Arrival-Date"];
const PER_RECIPIENT = [
  ...["Original-Recipient", "Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code"],
  ...["Last-Attempt-Date", "Final-Log-ID", "Will-Retry-Until"],
];

describe("composeDsn of hostile words", () => {
  it("gives what Python's email package reads as the very fields and parts", { skip: missing }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(requests, { minLength: 30, maxLength: 40 }), async (batch) => {
        const made: Made[] = [];
        for (const each of batch) made.push(await compose(each));
        const looked = lookedAt(made);
        for (const [n, one] of looked.entries()) await compare(batch[n]!, made[n]!, one);
      }),
      // A batch shrinks by a Python for each step; the cases are small and the assertion names what differs.
      { numRuns: 3, endOnFailure: true },
    );
  });
});

async function compare(given: Partial<DsnRequest>, made: Made, looked: Looked): Promise<void> {
  const { recipients = [], kind, message } = given;
  assert.deepEqual(looked.type, ["multipart/report", "delivery-status"]);
  assert.deepEqual(looked.defects, []);
  const about = looked.names.includes("References") ? ABOUT : [];
  assert.deepEqual(looked.names, [...OWN_NAMES, ...about, ...REST]);
  assert.deepEqual(
    looked.parts,
    made.parts.map(({ contentType }) => contentType),
  );
  assert.equal(looked.text, await bodyOf(made.parts[0]));
  assert.ok(looked.text.split("\r\n").every((line) => line.length <= 420));
  if (looked.returned !== null) {
    assert.equal(Buffer.from(looked.returned, "base64").toString(), await bodyOf(made.parts[2]));
  }

  const envid = message?.parameters.envid ?? "";
  const [first = [], ...rest] = looked.blocks;
  assertNames(first, PER_MESSAGE);
  assert.equal(meant(fieldOf(first, "Original-Envelope-Id")), /^[ -~]*$/.test(envid) ? meant(envid) : "");
  assert.equal(rest.length, recipients.length);
  for (const [n, block] of rest.entries()) {
    const { original, reply } = recipients[n]!;
    const address = pathText(original);
    const type: string =
      looked.parts[1] === "message/delivery-status" || /^[ -~]*$/.test(address) ? "rfc822" : "utf-8";
    assertNames(block, PER_RECIPIENT);
    assert.equal(fieldOf(block, "Final-Recipient"), `${type}; ${address}`);
    assert.equal(fieldOf(block, "Action"), kind);
    assert.match(fieldOf(block, "Status"), /^[245]\.\d{1,3}\.\d{1,3}$/);
    const said = fieldOf(block, "Diagnostic-Code");
    assert.match(said, /^[\t -~]*$/);
    assert.equal(
      meant(said),
      meant(`smtp; ${reply?.code} ${reply?.enhanced === "" ? "" : `${reply?.enhanced} `}${reply?.text}`),
    );
  }
  // Our own reader finds the same blocks.
  const ours = await blocksOf(made);
  assert.deepEqual(
    ours,
    looked.blocks.map((block) => block.map(([name, value]) => `${name}: ${unfolded(value)}`)),
  );
}

/** In this order, each once at most, and no others. */
function assertNames(block: Looked["blocks"][number], known: readonly string[]): void {
  const names = block.map(([name]) => name);
  assert.deepEqual(
    names,
    known.filter((name) => names.includes(name)),
  );
}

const fieldOf = (block: Looked["blocks"][number], name: string): string =>
  unfolded(block.find(([own]) => own === name)?.[1] ?? "");

const unfolded = (value: string): string => value.replace(/\r?\n(?=[ \t])/g, "");
