/**
 * The domain of From as readers see it, which we did not write: two of Python and that of nodemailer. Of random fields and
 * header sections made of what readers get wrong, whatever we take a domain of, they show an address of that domain or none.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import addressparser from "nodemailer/lib/addressparser";
import { parseHeaderSection } from "postern";
import { authorDomain } from "../../../../plugins/auth/dmarc/author-domain.ts";
import { missingParty, partyLines } from "../parties.ts";

const SEED = 5322;
const RUNS = 30_000;
/** Fewer than these would prove little. */
const READ_MIN = 500;
const EVIL = "a@evil.example";
const VICTIM = "ceo@victim.example";

interface Read {
  readonly header: string;
  readonly domain: string;
}

/** Those that we take a domain of. */
const readOf = (headers: readonly string[]): readonly Read[] =>
  headers.flatMap((header) => {
    const author = authorDomain(parseHeaderSection(Buffer.from(`${header}\r\n\r\n`, "latin1")));
    return "domain" in author ? [{ header, domain: author.domain }] : [];
  });

/** Domains of what a reader shows; controls and signs that no domain has are not seen. */
function domainsOf(addresses: readonly (string | undefined)[]): readonly string[] {
  const seen = addresses.map((address = "") => address.replace(/[\0-\x1f"<>]/g, "").toLowerCase());
  return [
    ...new Set(seen.filter((one) => one.includes("@")).map((one) => one.slice(one.lastIndexOf("@") + 1))),
  ];
}

type Shown = { readonly [reader: string]: readonly (string | undefined)[] };

async function pythonShows(all: readonly Read[]): Promise<readonly Shown[]> {
  const script = fileURLToPath(new URL("read-from.py", import.meta.url));
  const jobs = all.map(({ header }) => Buffer.from(`${header}\r\n\r\nHi\r\n`, "latin1").toString("base64"));
  return (await partyLines(["/usr/bin/python3", script], jobs)).map((line) => JSON.parse(line) as Shown);
}

/** Nobody shows another domain, and each of them shows ours of most. */
function assertAgreed(all: readonly Read[], shown: readonly Shown[]): void {
  const wrong: string[] = [];
  const agreed = new Map<string, number>();
  for (const [index, { header, domain }] of all.entries()) {
    for (const [reader, addresses] of Object.entries(shown[index]!)) {
      const domains = domainsOf(addresses);
      if (domains.some((one) => one !== domain))
        wrong.push(
          `${reader} shows ${JSON.stringify(addresses)} of ${JSON.stringify(header)}, not ${domain}`,
        );
      else if (domains.length > 0) agreed.set(reader, (agreed.get(reader) ?? 0) + 1);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(all.length >= READ_MIN, String(all.length));
  for (const reader of Object.keys(shown[0]!))
    assert.ok((agreed.get(reader) ?? 0) >= all.length / 2, `${reader}: ${agreed.get(reader)}`);
}

const joined = (pieces: fc.Arbitrary<string>, maxLength: number) =>
  fc.sample(
    fc.array(pieces, { minLength: 1, maxLength }).map((parts) => parts.join("")),
    { seed: SEED, numRuns: RUNS },
  );
const skip = missingParty(["/usr/bin/python3", "-c", "1"], "Python");

test("authorDomain takes no From field of which other readers show another domain", { skip }, async () => {
  const values = fc.constantFrom(
    ...[EVIL, VICTIM, `<${EVIL}>`, `<${VICTIM}>`, "victim.example", `"${VICTIM}"`, `(${VICTIM})`],
    ...["=?utf-8?q?ceo=40victim.example?=", "=?utf-8?q?=3Cceo=40victim.example=3E=2C?=", "@victim.example:"],
    ...["group:", "name", "@", ".", '"', "(", ")", "<", ">", "[", "]", ",", ";", ":", "\\", "'"],
    ...[" ", "\t", "\r\n ", "\0", "\x0b", "\xa0"],
  );
  const all = readOf(joined(values, 7).map((value) => `From: ${value}`));
  const python = await pythonShows(all);
  const shown = all.map(({ header }, index) => {
    const value = header.slice("From: ".length).replace(/\r\n/g, "");
    const nodemailer = addressparser(value, { flatten: true }).map(({ address }) => address);
    return { ...python[index], nodemailer };
  });
  assertAgreed(all, shown);
});

test("authorDomain takes no header section of which other readers show another domain", {
  skip,
}, async () => {
  const lines = fc.constantFrom(
    ...[`From: ${EVIL}`, `From: ${VICTIM}`, `From : ${VICTIM}`, `From\xa0: ${VICTIM}`, `FROM:${VICTIM}`],
    ...[`=?utf-8?q?From?=: ${VICTIM}`, "From:", "From", ": ", ":", VICTIM, "Subject: x", "Subject: ", "x"],
    ...[
      "\r\n",
      "\r\n",
      "\r\n",
      "\n",
      "\r",
      "\r\r\n",
      "\n\r",
      " ",
      "\t",
      "\x0b",
      "\x0c",
      "\x1c",
      "\x85",
      "\0",
      "\xad",
    ],
  );
  const [before, behind] = [joined(lines, 4), joined(lines, 4).reverse()];
  const headers = before
    .slice(0, RUNS / 5)
    .map((piece, n) => `X: ${piece}\r\nFrom: ${EVIL}\r\n${behind[n]}\r\nDate: x`);
  const all = readOf(headers);
  assertAgreed(all, await pythonShows(all));
});
