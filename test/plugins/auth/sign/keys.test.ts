/** Where keys of `sign` come from, and what is said of those that can not be used, or should be better; never of the key. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type SignKeySource, sign } from "../../../../plugins/auth/sign/sign.ts";
import { temporaryFolder } from "../../../e2e/processes.ts";
import { verified } from "../dkim/dkim-bed.ts";
import { KEYS, PEM, RECORDS, signedBytes, signingGateway } from "./sign-bed.ts";

const pkcs8 = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();
const pkcs1 = KEYS.rsa.privateKey.export({ type: "pkcs1", format: "pem" }).toString();
const small = (modulusLength: number): string =>
  pkcs8(generateKeyPairSync("rsa", { modulusLength }).privateKey);
const VARIABLE = "POSTERN_TEST_SIGN_KEY";
const MESSAGE = "From: ann@example.com\r\nSubject: x\r\n\r\nHi\r\n";
const MAKE = "npx postern dkim new example.com r";

describe("keys of sign", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  before(async () => {
    folder = await temporaryFolder();
  });
  after(async () => {
    delete process.env[VARIABLE];
    await folder.remove();
  });
  /** Sets what a source reads. */
  function sourceOf(from: "text" | "file" | "env", text: string, mode = 0o600): SignKeySource {
    if (from === "text") return text;
    if (from === "env") {
      process.env[VARIABLE] = text;
      return { env: VARIABLE };
    }
    const file = join(folder.path, "key.pem");
    writeFileSync(file, text);
    chmodSync(file, mode);
    return { file };
  }

  for (const [name, text] of [
    ["RSA in PKCS #8", PEM.rsa],
    ["RSA in PKCS #1", pkcs1],
    ["Ed25519", PEM.ed25519],
    ["one in a single line with \\n, as environment files have it", PEM.rsa.replaceAll("\n", "\\n")],
    ["one with CRLF", PEM.rsa.replaceAll("\n", "\r\n")],
    ["one with words before it", `Made today\n${PEM.rsa}`],
  ] as const) {
    for (const from of ["text", "file", "env"] as const) {
      if (from === "file" && text.includes("\\n")) continue;
      it(`sign takes ${name} from ${from}`, async () => {
        const selector = text === PEM.ed25519 ? "e" : "r";
        const keys = [{ domain: "example.com", selector, key: sourceOf(from, text) }];
        const inject = await signingGateway({ keys });
        // What it has read is read once: the gateway goes on with it.
        sourceOf(from, "rubbish");
        const records = Object.fromEntries(Object.entries(RECORDS).map(([one, record]) => [one, [record]]));
        const { signatures } = await verified(await signedBytes(inject, MESSAGE), records);
        assert.deepEqual(
          signatures.map(({ result }) => result),
          ["pass"],
        );
      });
    }
  }

  const encrypted = KEYS.rsa.privateKey
    .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
    .toString();
  const publicKey = KEYS.rsa.publicKey.export({ type: "spki", format: "pem" }).toString();
  const P256 = pkcs8(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  const certificate = PEM.rsa.replaceAll("PRIVATE KEY", "CERTIFICATE");
  const FAULTS: readonly { readonly name: string; readonly text: () => string; readonly want: string }[] = [
    { name: "RSA of 768 bits", text: () => small(768), want: `which is RSA of 768 bits, expected` },
    { name: "RSA of 1,016 bits", text: () => small(1_016), want: "which is RSA of 1016 bits, expected" },
    { name: "an EC key", text: () => P256, want: "which is a key of the type ec, expected" },
    { name: "an encrypted key", text: () => encrypted, want: "which needs a passphrase, expected" },
    { name: "a public key", text: () => publicKey, want: "which is a public key, expected" },
    { name: "rubbish", text: () => "rubbish", want: "which is no PEM text of a key, expected" },
    {
      name: "half a key",
      text: () => PEM.rsa.slice(0, 400),
      want: "which is no PEM text of a key, expected",
    },
    { name: "more than any key", text: () => "x".repeat(20_000), want: "which has 20000 " },
    { name: "a certificate", text: () => certificate, want: "which is no PEM text of a key, expected" },
  ];
  for (const { name, text, want } of FAULTS) {
    for (const from of ["text", "file", "env"] as const) {
      it(`sign tells ${name} from ${from}, and nothing of it`, () => {
        const given = text();
        const key = sourceOf(from, given);
        const place = { text: "a text", file: '"', env: `the variable ${VARIABLE}` }[from];
        assert.throws(
          () => sign({ keys: [{ domain: "example.com", selector: "r", key }] }),
          (error: Error) => {
            const { message } = error;
            assert.ok(error instanceof TypeError);
            assert.ok(message.startsWith(`sign: keys[0].key: found ${place}`), message);
            assert.ok(message.includes(want), message);
            const secret = given.split("\n").filter((line) => line.length > 30 && !line.startsWith("-"));
            for (const line of secret) assert.ok(!message.includes(line.slice(0, 30)), message);
            return true;
          },
        );
      });
    }
  }

  it("sign tells a variable that is not set or empty, and all wrong keys at once", () => {
    delete process.env[VARIABLE];
    const keys = [
      { domain: "example.com", selector: "r", key: { env: VARIABLE } },
      { domain: "example.com", selector: "e", key: { file: join(folder.path, "none.pem") } },
      { domain: "example.com", selector: "x", key: { file: folder.path } },
    ];
    assert.throws(
      () => sign({ keys }),
      ({ message }: Error) => {
        const lines = message.split("\n");
        assert.match(
          lines[0] ?? "",
          /^sign: keys\[0\]\.key: found the variable \w+, which is not set, expected/,
        );
        assert.match(
          lines[1] ?? "",
          /^sign: keys\[1\]\.key: found ".*none\.pem", which is no file, expected/,
        );
        assert.match(lines[1] ?? "", /make one with: npx postern dkim new example\.com e$/);
        assert.match(lines[2] ?? "", /^sign: keys\[2\]\.key: found ".*", which is a folder, expected/);
        assert.equal(lines.length, 3);
        return true;
      },
    );
    process.env[VARIABLE] = "";
    assert.throws(() => sign({ keys: keys.slice(0, 1) }), /which is empty, expected/);
  });

  it("sign warns of a key of less than 2,048 bits, and of a file that others can read, and starts", () => {
    const warningsOf = (key: SignKeySource) =>
      sign({ keys: [{ domain: "example.com", selector: "r", key }] }).definition.publishedKeys?.flatMap(
        ({ warnings }) => warnings,
      );
    const text = small(1_024);
    const file = JSON.stringify(join(folder.path, "key.pem"));
    assert.deepEqual(warningsOf(text), [`a text has 1024 bits; take 2048: ${MAKE}`]);
    assert.deepEqual(warningsOf(sourceOf("file", text, 0o644)), [
      `${file} can be read by others: chmod 600 ${JSON.parse(file)}`,
      `${file} has 1024 bits; take 2048: ${MAKE}`,
    ]);
    assert.deepEqual(warningsOf(sourceOf("file", PEM.rsa)), []);
    assert.throws(() => warningsOf(sourceOf("file", PEM.rsa, 0o622)), /which others may write, expected/);
  });
});
