/**
 * Time grows as the size does: mail, and answers of DNS, of twice the size through the whole pipeline of adversarial-bed.ts
 * take at most four times the CPU. Measured again where it seems not to be so, as others use the machine too.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { adversary, OUR_ID, ZONE } from "./adversarial-bed.ts";
import { latin1, NAME, publicKey, RSA, signed } from "./dkim/dkim-bed.ts";

const FACTOR_MAX = 4;
const TRIES_MAX = 6;
/** What takes less is bounded in another way. */
const CPU_MS_MIN = 5;

interface Input {
  readonly content: string;
  /** A TXT record in place of that of the zone. */
  readonly record?: readonly [name: string, text: string];
}

const FROM = "From: a@sender.example";
const RIGHT = signed([FROM, "Subject: x"], "Hello\r\n");
const from = (value: (n: number) => string) => (n: number) => ({
  content: `From: ${value(n)}\r\n\r\nHi\r\n`,
});
const head = (lines: (n: number) => string) => (n: number) => ({
  content: `From: a@evil.example\r\n${lines(n)}\r\n\r\nHi\r\n`,
});
const record = (name: string, text: (n: number) => string) => (n: number) => ({
  content: RIGHT,
  record: [name, text(n)] as const,
});
const results = (value: string): string => `Authentication-Results: ${value}`;

const CASES: readonly (readonly [name: string, size: number, make: (n: number) => Input])[] = [
  // The message.
  [
    "spaces in a signed field",
    400_000,
    (n) => ({ content: RIGHT.replace(FROM, `From:${" ".repeat(n)}a@sender.example`) }),
  ],
  [
    "spaces in a line of the body",
    400_000,
    (n) => ({ content: signed([FROM], `a${" ".repeat(n)}b\r\n`, { hashedBody: "a b\r\n" }) }),
  ],
  ["blank lines before a word", 100_000, (n) => ({ content: signed([FROM], `${"\r\n".repeat(n)}x\r\n`) })],
  ["lines of one space", 100_000, (n) => ({ content: `${RIGHT}${" \r\n".repeat(n)}x\r\n` })],
  [
    "header fields",
    5_000,
    (n) => ({ content: signed([FROM, ...Array.from({ length: n }, (_, i) => `X-${i}: y`)], "x\r\n") }),
  ],
  [
    "signed fields of one name",
    1_000,
    (n) => ({
      content: signed([FROM, ...Array<string>(n).fill("X: y")], "x\r\n", {
        tags: { h: `from${":x".repeat(n)}` },
      }),
    }),
  ],
  ["folds of a field", 50_000, head((n) => `Subject: x${"\r\n y".repeat(n)}`)],
  ["lines that are no field", 20_000, head((n) => `${"rubbish\r\n".repeat(n)}Subject: x`)],
  ["fields whose names are nothing to see", 20_000, head((n) => `${"\xa0: x\r\n".repeat(n)}Subject: x`)],
  ["bare CRs", 100_000, head((n) => `Subject: ${"\r".repeat(n)}x`)],
  ["bare CRs, each with a name behind it", 30_000, head((n) => `Subject: ${"\rFrom".repeat(n)}`)],
  // From.
  ["addresses of From", 4_000, from((n) => Array(n).fill("a@evil.example").join(", "))],
  ["words of From", 50_000, from((n) => `${"x ".repeat(n)}<a@evil.example>`)],
  ["quoted strings of From", 50_000, from((n) => `${'"" '.repeat(n)}<a@evil.example>`)],
  ["encoded words of From", 10_000, from((n) => `${"=?utf-8?q?a?= ".repeat(n)}<a@evil.example>`)],
  ["comments within comments", 100_000, from((n) => `${"(".repeat(n)}${")".repeat(n)}a@evil.example`)],
  ["open brackets", 50_000, from((n) => `${"<".repeat(n)}a@evil.example`)],
  ["at signs", 50_000, from((n) => `${"a@".repeat(n)}evil.example`)],
  ["labels", 50_000, from((n) => `a@${"a.".repeat(n)}evil.example`)],
  ["routes", 20_000, from((n) => `<${"@x.example,".repeat(n)}:a@evil.example>`)],
  // What others say of it.
  [
    "forged fields, in as many others",
    50,
    (n) => ({
      content: `${`${results(`${OUR_ID}; none`)}\r\n`.repeat(n)}${"X: y\r\n".repeat(20 * n)}${RIGHT}`,
    }),
  ],
  ["comments of such a field", 100_000, head((n) => results("(".repeat(n)))],
  ["quoted pairs of such a field", 100_000, head((n) => results(`"${"\\a".repeat(n)}`))],
  ["encoded words of such a field", 20_000, head((n) => results("=?utf-8?q?a?= ".repeat(n)))],
  // Signatures and seals.
  ["signatures", 1_000, (n) => ({ content: `DKIM-Signature: v=1; d=x.example; b=bb\r\n`.repeat(n) + RIGHT })],
  ["tags of a signature", 30_000, (n) => ({ content: `DKIM-Signature: ${"a=b; ".repeat(n)}\r\n${RIGHT}` })],
  [
    "names of a signature",
    2_000,
    (n) => ({ content: signed([FROM], "x\r\n", { tags: { h: `from${":y".repeat(n)}` } }) }),
  ],
  ["seals", 1_000, (n) => ({ content: `ARC-Seal: i=1; cv=none; d=x.example; b=bb\r\n`.repeat(n) + RIGHT })],
  [
    "comments of what a sealer says",
    50_000,
    (n) => ({ content: `ARC-Authentication-Results: i=1; x; ${"(".repeat(n)}\r\n${RIGHT}` }),
  ],
  // Records.
  [
    "terms of an SPF record",
    1_900,
    record("evil.example", (n) => `v=spf1 ${"ip4:198.51.100.1 ".repeat(n)}-all`),
  ],
  [
    "macros of an SPF record",
    4_000,
    record("evil.example", (n) => `v=spf1 exists:${"%{l1r-}.".repeat(n)}x.example -all`),
  ],
  ["spaces of an SPF record", 30_000, record("evil.example", (n) => `v=spf1 ${" ".repeat(n)}-all`)],
  [
    "tags of a DMARC record",
    8_000,
    record("_dmarc.sender.example", (n) => `v=DMARC1; p=reject${";a=".repeat(n)}`),
  ],
  [
    "spaces of a DMARC record",
    30_000,
    record("_dmarc.sender.example", (n) => `v=DMARC1${" ".repeat(n)}; p=reject`),
  ],
  [
    "addresses of a DMARC record",
    4_000,
    record("_dmarc.sender.example", (n) => `v=DMARC1; rua=${"mailto:,".repeat(n)}`),
  ],
  [
    "hashes of a key record",
    8_000,
    record(NAME, (n) => `v=DKIM1; h=${"x : ".repeat(n)}; p=${publicKey(RSA)}`),
  ],
  ["octets of a key", 30_000, record(NAME, (n) => `v=DKIM1; p=${"A".repeat(n)}`)],
];

describe("time grows as size does", () => {
  for (const [name, size, make] of CASES) {
    it(`spf, dkim, arc, dmarc and authenticationResults: ${name}, ${size} of them and twice as many`, async () => {
      // Both before either is measured, as what runs first runs slower.
      const [once, twice] = [await timed(make(size)), await timed(make(2 * size))];
      assert.equal(await excess(once, twice), undefined);
    });
  }

  it("what grows by more than the square of the size is told", async () => {
    const cubic = (n: number) => async () => cpuMs(() => spin(n ** 3));
    assert.match((await excess(cubic(150), cubic(300))) ?? "", /ms; .* ms$/);
    const linear = (n: number) => async () => cpuMs(() => spin(n));
    assert.equal(await excess(linear(5_000_000), linear(10_000_000)), undefined);
  });
});

/** Measures until twice the size takes little more than it should; what was measured where it never does. */
async function excess(
  once: () => Promise<number>,
  twice: () => Promise<number>,
): Promise<string | undefined> {
  const tries: string[] = [];
  do {
    const [one, two] = [await once(), await twice()];
    if (two <= Math.max(one * FACTOR_MAX, CPU_MS_MIN)) return undefined;
    tries.push(`${one.toFixed(1)} and ${two.toFixed(1)} ms`);
  } while (tries.length < TRIES_MAX);
  return tries.join("; ");
}

/** The CPU that a work takes, in milliseconds. */
async function cpuMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function spin(count: number): number {
  let sum = 0;
  for (let n = 0; n < count; n++) sum = (sum * 31 + n) | 0;
  return sum;
}

/** Sends a message once; gives the way to send it again, and hear the CPU it takes in milliseconds. */
async function timed({ content, record: own }: Input): Promise<() => Promise<number>> {
  const zone = own === undefined ? ZONE : { ...ZONE, [own[0]]: { TXT: [own[1]] } };
  const send = await adversary(zone);
  const octets = latin1(content);
  const { outcome } = await send(octets);
  assert.ok([250, 451, 550].includes(outcome.reply.code), outcome.reply.text);
  return () => cpuMs(() => send(octets));
}
