/** `sign`: whose mail, which keys, what is signed, by our own reading of the field. */
import assert from "node:assert/strict";
import { createHash, verify } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalBody, canonicalField, parseHeaderSection, pipeline } from "postern";
import { nodeCrypto } from "../../../../core/store/mod.ts";
import { type SignOptions, sign } from "../../../../plugins/auth/sign/sign.ts";
import { assertOptionError, faultsOf, gatewayOf, hastyClock, toBackend } from "../../fakes.ts";
import { BOTH, KEYS, PEM, signedBytes, signingGateway } from "./sign-bed.ts";

const MESSAGE = "From: Ann <ann@example.com>\r\nTo: b@example.net\r\nSubject: Hello\r\n\r\nHi\r\n";
const from = (...fields: readonly string[]): string =>
  `${fields.map((field) => `From: ${field}\r\n`).join("")}Subject: x\r\n\r\nHi\r\n`;

interface Fact {
  readonly signatures: readonly { readonly domain: string; readonly selector: string }[];
  readonly reason: string;
}
const namesOf = (facts: { readonly [name: string]: unknown }): string => {
  const { signatures, reason } = facts.signed as Fact;
  return signatures.map(({ domain, selector }) => `${selector}.${domain}`).join(" ") || reason;
};

const key = (domain: string, selector: string, more: object = {}) => ({
  domain,
  selector,
  key: PEM.ed25519,
  ...more,
});
const CHOICES: readonly {
  name: string;
  options?: Partial<SignOptions>;
  content?: string;
  client?: string;
  want: string;
}[] = [
  { name: "all keys of the domain of From", want: "r.example.com e.example.com" },
  {
    name: "nothing of a stranger, whatever its From",
    client: "192.0.2.1",
    want: "not of our own users, networks or reports",
  },
  {
    name: "a stranger's for which 'also' holds",
    client: "192.0.2.1",
    options: { also: ({ client }) => client.ip === "192.0.2.1" },
    want: "r.example.com e.example.com",
  },
  {
    name: "nothing where there is no key",
    content: from("a@other.example"),
    want: "there is no key for other.example",
  },
  {
    name: "by the fall-back where there is no key",
    content: from("a@other.example"),
    options: { fallback: "example.com" },
    want: "r.example.com e.example.com",
  },
  {
    name: "nothing for a domain below",
    content: from("a@x.example.com"),
    want: "there is no key for x.example.com",
  },
  {
    name: "for domains below where a key says so",
    content: from("a@y.x.example.com"),
    options: { keys: [key("example.com", "s"), key("example.com", "w", { subdomains: true })] },
    want: "w.example.com",
  },
  {
    name: "by the nearest domain above",
    content: from("a@y.x.example.com"),
    options: {
      keys: [key("example.com", "w", { subdomains: true }), key("x.example.com", "n", { subdomains: true })],
    },
    want: "n.x.example.com",
  },
  {
    name: "nothing with two From fields",
    content: from("a@example.com", "b@example.com"),
    want: "not one From field",
  },
  {
    name: "nothing with a line that some readers take for a second From field",
    content: from("a@example.com").replace("Subject: x", "From\r\n : ceo@example.com"),
    want: "a line that some readers take for a From field",
  },
  { name: "nothing without a From field", content: "Subject: x\r\n\r\nHi\r\n", want: "not one From field" },
  {
    name: "several addresses of one domain",
    content: from("a@example.com, b@EXAMPLE.com"),
    want: "r.example.com e.example.com",
  },
  {
    name: "nothing with addresses of several domains",
    content: from("a@example.com, b@example.net"),
    want: "the From field has several domains",
  },
  {
    name: "nothing with a From that can not be read",
    content: from("a@example.com <"),
    want: "the From field can not be read",
  },
];
for (const { name, options, content = MESSAGE, client = "127.0.0.1", want } of CHOICES) {
  test(`sign signs ${name}`, async () => {
    const inject = await signingGateway(options);
    const { facts, deliveries } = await inject({ content, client: { ip: client } });
    assert.equal(namesOf(facts), want);
    const count = deliveries[0]?.text.match(/^DKIM-Signature:/gm)?.length ?? 0;
    assert.equal(count, (facts.signed as Fact).signatures.length);
  });
}

/** Verifies the signatures by themselves: the bytes, the tags, node:crypto. */
function verified(bytes: Buffer): readonly string[] {
  const message = Buffer.from(bytes);
  const header = parseHeaderSection(message);
  const body = message.subarray(header.end + 2);
  return header
    .all("DKIM-Signature")
    .slice(0, 2)
    .map((field) => {
      const raw = Buffer.from(field.bytes).toString("latin1");
      const tag = (name: string) =>
        new RegExp(`[;:]\\s*${name}=([^;]*)`).exec(raw)?.[1]?.replaceAll(/\s/g, "") ?? "";
      const [headerForm, bodyForm] = tag("c").split("/") as ["simple" | "relaxed", "simple" | "relaxed"];
      const hash = createHash("sha256");
      const form = canonicalBody(bodyForm, (chunk) => hash.update(chunk));
      form.update(body);
      form.finish();
      if (hash.digest("base64") !== tag("bh")) return "wrong bh";
      const used = new Map<string, number>();
      const parts = tag("h")
        .split(":")
        .flatMap((name) => {
          const all = header.all(name);
          const n = used.get(name) ?? 0;
          used.set(name, n + 1);
          const one = all[all.length - 1 - n];
          return one ? [canonicalField(headerForm, one.bytes)] : [];
        });
      const own = Buffer.from(raw.replace(/([;\s]b=)[\s\S]*$/, "$1\r\n"), "latin1");
      parts.push(canonicalField(headerForm, own).subarray(0, -2));
      const data = Buffer.concat(parts);
      const signature = Buffer.from(tag("b"), "base64");
      const good =
        tag("a") === "rsa-sha256"
          ? verify("sha256", data, KEYS.rsa.publicKey, signature)
          : verify(null, createHash("sha256").update(data).digest(), KEYS.ed25519.publicKey, signature);
      return good ? "ok" : "wrong b";
    });
}

test("what sign signs verifies, for random messages and options", async () => {
  const name = fc.constantFrom("From", "To", "Cc", "Subject", "X-A", "Date", "Content-Type", "List-Id");
  const text = fc.string({ unit: "binary", maxLength: 60 }).map((one) => one.replaceAll(/[\r\n\0]/g, " "));
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.tuple(
          name.filter((one) => one !== "From"),
          text,
        ),
        { maxLength: 12 },
      ),
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.constantFrom<NonNullable<SignOptions["canonical"]>>(
        "relaxed/relaxed",
        "relaxed/simple",
        "simple/relaxed",
        "simple/simple",
      ),
      fc.uniqueArray(name, { maxLength: 8 }),
      fc.boolean(),
      async (fields, body, canonical, headers, isTimed) => {
        const oversign = headers.slice(0, 2);
        const options = {
          canonical,
          headers,
          oversign,
          signedAt: isTimed,
          ...(isTimed ? { expiresAfter: "1d" as const } : {}),
        };
        const inject = await signingGateway(options);
        const head = fields.map(([field, value]) => `${field}: ${value}\r\n`).join("");
        const content = Buffer.from(
          `From: a@example.com\r\n${head}\r\n${body.replaceAll(/\r?\n|\r/g, "\r\n")}`,
        );
        assert.deepEqual(verified(await signedBytes(inject, content)), ["ok", "ok"]);
      },
    ),
    { numRuns: 60 },
  );
});

test("a field of an oversigned name that is added breaks the signature of sign, one of another name does not", async () => {
  const inject = await signingGateway();
  const signed = (await signedBytes(inject, MESSAGE)).toString("latin1");
  const at = signed.indexOf("From: Ann");
  const withField = (field: string) =>
    Buffer.from(`${signed.slice(0, at)}${field}\r\n${signed.slice(at)}`, "latin1");
  assert.deepEqual(verified(withField("X-A: b")), ["ok", "ok"]);
  for (const field of ["From: x@evil.example", "Subject: evil", "To: x@y.example", "Content-Type: text/html"])
    assert.deepEqual(verified(withField(field)), ["wrong b", "wrong b"], field);
});

test("sign puts i=, t= and x= where options say so, with what can not stand in i= encoded", async () => {
  const keys = [{ ...BOTH[1]!, identity: "headerFrom" }];
  const inject = await signingGateway({ keys, expiresAfter: "1h" }, { clock: hastyClock() });
  const content = '"a;b=c"@example.com';
  const text = (await signedBytes(inject, from(content))).toString();
  assert.match(text, /i="a=3Bb=3Dc"@example\.com;/);
  assert.match(text, /t=17672256\d\d; x=17672292\d\d;/);
});

test("sign names no more fields than are bounded, in lines of less than 998 octets", async () => {
  const inject = await signingGateway();
  const many = (count: number) => `From: a@example.com\r\n${"To: x@example.net\r\n".repeat(count)}\r\nHi\r\n`;
  const signed = await signedBytes(inject, many(1500));
  assert.deepEqual(verified(signed), ["ok", "ok"]);
  assert.ok(
    signed
      .toString()
      .split("\r\n")
      .every((line) => line.length <= 998),
  );
  const { facts } = await inject({ content: many(2500) });
  assert.equal(namesOf(facts), "too many header fields to sign");
});

test("a sign whose key fails tempfails, and nothing leaves", async () => {
  const plugin = sign({ keys: BOTH, also: () => "yes" as never });
  const inject = await gatewayOf(pipeline(plugin, toBackend));
  const outcome = await inject({ content: MESSAGE, client: { ip: "192.0.2.1" } });
  assert.equal(outcome.reply.code, 451);
  assert.equal(outcome.deliveries.length, 0);
  assert.deepEqual(faultsOf(outcome), [
    "delivery sign: TypeError: 'also' gave neither true nor false (tempfail)",
  ]);
});

test("selfTest of sign tells a key that signs what does not verify", async () => {
  const { definition } = sign({ keys: BOTH });
  assert.deepEqual(await definition.selfTest?.({ crypto: nodeCrypto }), []);
  const broken = { ...nodeCrypto, sign: async () => new Uint8Array(64) };
  assert.deepEqual(await definition.selfTest?.({ crypto: broken }), [
    "keys[0]: the key r._domainkey.example.com signs here what does not verify",
    "keys[1]: the key e._domainkey.example.com signs here what does not verify",
  ]);
});

const ONE = { domain: "example.com", selector: "s", key: PEM.ed25519 };
const ERRORS: readonly { name: string; options: unknown; want: readonly string[] }[] = [
  {
    name: "no keys",
    options: { keys: [] },
    want: ["sign: keys: found an empty list, expected at least one key"],
  },
  {
    name: "a domain that is none",
    options: { keys: [{ ...ONE, domain: "a b" }] },
    want: ['sign: keys[0].domain: found "a b", expected a domain such as "example.com"'],
  },
  {
    name: "a name twice",
    options: { keys: [ONE, ONE] },
    want: ['sign: keys[1].selector: found "s", expected a selector of its own, because keys[0] has this one'],
  },
  {
    name: "a fall-back without keys",
    options: { keys: [ONE], fallback: "x.example" },
    want: ['sign: fallback: found "x.example", expected a domain of one of the keys'],
  },
  {
    name: "a field that changes on the way",
    options: { keys: [ONE], headers: ["Received"] },
    want: [
      'sign: headers[0]: found "Received", expected a name of a header field that stays as it is on the way',
    ],
  },
  {
    name: "an identity elsewhere",
    options: { keys: [{ ...ONE, identity: "@example.net" }] },
    want: [
      'sign: keys[0].identity: found "@example.net", expected "headerFrom", or "@" and the domain or one below it, with or without a local part',
    ],
  },
  {
    name: "an oversigned name that is not signed",
    options: { keys: [ONE], headers: ["To"], oversign: ["Cc"] },
    want: ['sign: oversign[0]: found "Cc", expected a name that stands in headers too'],
  },
];
for (const { name, options, want } of ERRORS)
  test(`sign tells ${name}`, () => assertOptionError(() => sign(options as SignOptions), want));
