/** `postern dkim new` and `dkim check`, and what `check` and `start` say of keys for signatures. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { publicKeyText, recordState, recordText, zoneLines } from "../../core/cli/dkim-record.ts";
import type { DnsAnswer, PublishedKey } from "../../core/pipeline/mod.ts";
import { startFakeDns, TYPES } from "../dns/fake-dns-server.ts";
import { assertRefused, runCommand, temporaryFolder, writeIn } from "./command.ts";

const FACE = new URL("../../core/mod.ts", import.meta.url).href;
const PLUGINS = new URL("../../plugins/mod.ts", import.meta.url).href;
const config = (
  keys: string,
  dns = "",
): string => `import { defineGateway, mailbox, pipeline } from "${FACE}";
import { routes, sign } from "${PLUGINS}";
export default defineGateway({
  ${dns}
  listeners: [{ address: "127.0.0.1:0" }],
  pipeline: pipeline(routes([{ recipient: "*", nextHop: "backend" }]), sign({ keys: [${keys}] })),
  nextHops: { backend: mailbox() },
});
`;

describe("postern dkim new", () => {
  it("makes a key file for its owner alone, and prints the record and the lines for the config", async () => {
    const cwd = temporaryFolder();
    const { code, stdout, stderr } = await runCommand(["dkim", "new", "Example.com", "s2026"], { cwd });
    assert.equal(stderr, "");
    assert.equal(code, 0);
    const file = join(cwd, "s2026.example.com.pem");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(readFileSync(file, "utf8"), /^-----BEGIN PRIVATE KEY-----\n/);
    assert.match(stdout, /^s2026\._domainkey\.example\.com\. IN TXT \($/m);
    const strings = [...stdout.matchAll(/^ {2}"([^"]*)"$/gm)].map((match) => match[1] ?? "");
    assert.ok(strings.length > 1 && strings.every((one) => one.length <= 255));
    assert.match(strings.join(""), /^v=DKIM1; k=rsa; p=MIIBIjAN[A-Za-z0-9+/]+=*$/);
    assert.match(stdout, /key: \{ file: "s2026\.example\.com\.pem" \} \}\],/);
  });

  it("writes over nothing", async () => {
    const cwd = temporaryFolder();
    writeIn(cwd, "k.pem", "mine");
    const ended = await runCommand(
      ["dkim", "new", "example.com", "s", "--out", "k.pem", "--type", "ed25519"],
      { cwd },
    );
    assertRefused(ended, [
      'postern dkim new: found "k.pem", which is there already, expected none; name another with --out, or take that one away',
    ]);
    assert.equal(readFileSync(join(cwd, "k.pem"), "utf8"), "mine");
  });

  for (const [args, want] of [
    [["example.com"], /found 1 arguments, expected a domain and a selector, as example\.com s\d{4}/],
    [["a b", "s"], /found the domain "a b", expected one such as example\.com/],
    [["example.com", "s/x"], /found the selector "s\/x", expected letters/],
    [["example.com", "s", "--type", "dsa"], /--type: found "dsa", expected rsa or ed25519/],
    [["example.com", "s", "--bits", "512"], /--bits: found "512", expected 1024 to 4096/],
    [["example.com", "s", "--bits", "2048", "--type", "ed25519"], /--bits: found with --type ed25519/],
    [["example.com", "s", "--out", "none/k.pem"], /whose folder is not there/],
  ] as const) {
    it(`refuses ${args.join(" ")}`, async () => {
      assertRefused(await runCommand(["dkim", "new", ...args], { cwd: temporaryFolder() }), [want]);
    });
  }

  it("says what there is where the word behind dkim is another", async () => {
    assertRefused(await runCommand(["dkim", "x"], { cwd: temporaryFolder() }), [
      'postern dkim: found "x", expected new or check; see postern help',
    ]);
  });
});

const string = (text: string): Buffer => {
  const parts = text.match(/.{1,255}/gs) ?? [];
  return Buffer.concat(parts.flatMap((part) => [Buffer.of(part.length), Buffer.from(part)]));
};

test("dkim check tells of each key whether DNS agrees, and check prints the same as warnings", async () => {
  const cwd = temporaryFolder();
  const records = new Map<string, string>();
  for (const selector of ["good", "other", "none"]) {
    const { stdout } = await runCommand(["dkim", "new", "example.com", selector, "--type", "ed25519"], {
      cwd,
    });
    records.set(selector, /"(v=DKIM1[^"]*)"/.exec(stdout)?.[1] ?? "");
  }
  const TXT = (text = "") => [{ type: TYPES.TXT, data: string(text) }];
  const dns = await startFakeDns({
    "good._domainkey.example.com": TXT(records.get("good")),
    "other._domainkey.example.com": TXT(records.get("good")),
  });
  try {
    const keys = ["good", "other", "none"].map(
      (selector) =>
        `{ domain: "example.com", selector: "${selector}", key: { file: "${selector}.example.com.pem" } }`,
    );
    writeIn(cwd, "gateway.config.ts", config(keys.join(","), `dns: { servers: ["${dns.address}"] },`));
    const { code, stdout, stderr } = await runCommand(["dkim", "check"], { cwd });
    assert.equal(stderr, "");
    const [good, other, none] = stdout.split("\n");
    assert.equal(good, "ok: good._domainkey.example.com (Ed25519)");
    assert.match(
      other ?? "",
      /^wrong: other\._domainkey\.example\.com: found another key than the one that signs, expected the record of keys\[1\]; publish other\._domainkey\.example\.com\. IN TXT "v=DKIM1; k=ed25519; p=/,
    );
    assert.match(none ?? "", /^wrong: none\._domainkey\.example\.com: found no record, expected/);
    assert.equal(code, 1);
    const checked = await runCommand(["check"], { cwd });
    assert.match(checked.stderr, /^warning: other\._domainkey\.example\.com: found another key/m);
    assert.match(checked.stdout, /^ {2}DKIM {6}good\._domainkey\.example\.com \(Ed25519\); DNS agrees$/m);
  } finally {
    await dns.close();
  }
});

const pemOf = (bits: number): string =>
  generateKeyPairSync("rsa", { modulusLength: bits })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();
for (const { name, text, mode = 0o600, want } of [
  {
    name: "a key that is missing",
    want: /keys\[0\]\.key: found "k\.pem", which is no file, expected .*npx postern dkim new example\.com s/,
  },
  {
    name: "a key that is too small",
    text: pemOf(768),
    want: /found "k\.pem", which is RSA of 768 bits, expected/,
  },
  { name: "a file that is no key", text: "rubbish", want: /found "k\.pem", which is no PEM text of a key/ },
  {
    name: "a key that others may write",
    text: pemOf(1024),
    mode: 0o666,
    want: /which others may write, expected .*chmod 600 k\.pem/,
  },
]) {
  for (const command of ["check", "start"]) {
    test(`${command} names ${name}, and nothing starts`, async () => {
      const cwd = temporaryFolder();
      if (text !== undefined) chmodSync(writeIn(cwd, "k.pem", text), mode);
      writeIn(
        cwd,
        "gateway.config.ts",
        config('{ domain: "example.com", selector: "s", key: { file: "k.pem" } }'),
      );
      const { code, stderr } = await runCommand([command], { cwd });
      assert.equal(code, 1);
      assert.match(stderr, want);
      assert.match(stderr, /^gateway\.config\.ts:\d+: sign: /m);
    });
  }
}

const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
const p = publicKeyText(publicKey);
const pkcs1 = publicKey.export({ type: "pkcs1", format: "der" }).toString("base64");
const KEY: PublishedKey = {
  ...{ domain: "example.com", selector: "s", algorithm: "rsa", bits: 1024 },
  ...{ publicKey: p, place: "keys[0]", warnings: [] },
};
const found = (...records: string[]): DnsAnswer => ({ status: "found", records, ttlSeconds: 60 });
const STATES: readonly { name: string; answer: DnsAnswer; want: string }[] = [
  { name: "our own record", answer: found(recordText("rsa", p)), want: "agrees" },
  { name: "a record of p= alone (RFC 6376 3.6.1)", answer: found(`p=${p}`), want: "agrees" },
  {
    name: "a key with white space in it",
    answer: found(`v=DKIM1; p=${p.slice(0, 9)} ${p.slice(9)};`),
    want: "agrees",
  },
  { name: "a key as RSAPublicKey", answer: found(`v=DKIM1; p=${pkcs1}`), want: "agrees" },
  { name: "a key in testing", answer: found(`v=DKIM1; t=s:y; p=${p}`), want: "agrees, testing" },
  { name: "a revoked key", answer: found("v=DKIM1; p="), want: "a revoked key (p= is empty)" },
  {
    name: "another type",
    answer: found(`v=DKIM1; k=ed25519; p=${p}`),
    want: 'a key of the type "ed25519" (k=), which is rsa here',
  },
  { name: "rubbish in p=", answer: found("v=DKIM1; p=!!!"), want: "another key than the one that signs" },
  {
    name: "another hash",
    answer: found(`v=DKIM1; h=sha1; p=${p}`),
    want: "a record that does not allow sha256 (h=)",
  },
  {
    name: "another service",
    answer: found(`v=DKIM1; s=tlsrpt; p=${p}`),
    want: "a record that is not for mail (s=)",
  },
  {
    name: "a version behind",
    answer: found(`p=${p}; v=DKIM1`),
    want: "a record that does not begin with v=DKIM1",
  },
  { name: "two records", answer: found("a", "b"), want: "2 records in place of one" },
  {
    name: "no tags",
    answer: found("hello"),
    want: "a record that verifiers do not take: it is no list of tags",
  },
  { name: "no record", answer: { status: "nodata" }, want: "no record" },
  { name: "DNS that fails", answer: { status: "servfail" }, want: "no answer of DNS (servfail)" },
];
for (const { name, answer, want } of STATES) {
  test(`recordState tells ${name}`, () => {
    const result = recordState(KEY, answer);
    const words = result.state === "agrees" ? `agrees${result.testing ? ", testing" : ""}` : result.found;
    assert.equal(words, want);
  });
}

test("zoneLines splits a text into strings of at most 255 octets, and loses none", () => {
  assert.deepEqual(zoneLines("a.example", "short"), ['a.example. IN TXT "short"']);
  const lines = zoneLines("a.example", "x".repeat(600));
  assert.deepEqual(
    lines.map((line) => line.length),
    [19, 259, 259, 94, 1],
  );
});
