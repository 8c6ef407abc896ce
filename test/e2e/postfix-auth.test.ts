/** Postfix as a client that logs in, by the SCRAM, PLAIN and LOGIN of Cyrus SASL: a mechanism that only we understood would be none. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, describe, it } from "node:test";
import { formatScramKeys, scramKeysOf } from "postern";
import { base64, openAuthBed } from "../smtp/auth-bed.ts";
import { makeCertificate } from "./certificate.ts";
import { postfixMissing, startPostfix } from "./postfix.ts";
import { temporaryFolder } from "./processes.ts";
import { crlf } from "./real-messages.ts";
import { sendOne } from "./smtp-client.ts";

const SMTPD = `127.0.0.1:PORT inet n - n - - smtpd
  -o mynetworks=127.0.0.0/8
  -o smtpd_client_restrictions=
  -o smtpd_recipient_restrictions=permit_mynetworks,reject`;
/** As `postern hash --scram` makes them: of many more iterations Cyrus would say that they are too many. */
const KEYS = formatScramKeys(
  await scramKeysOf("secret", { salt: new Uint8Array(16).fill(7), iterations: 60_000 }),
);
const skip = postfixMissing() || saslMissing();

/** Why Postfix could not log in, or false. */
function saslMissing(): string | false {
  const libraries = (folder: string): readonly string[] => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  };
  const found = libraries("/usr/lib").some((name) =>
    libraries(`/usr/lib/${name}/sasl2`).includes("libscram.so"),
  );
  return found ? false : "Cyrus SASL has no SCRAM (Debian package libsasl2-modules)";
}

// Most of the time goes by while instances end.
describe("Postfix that logs in at the listener", { skip, concurrency: 4 }, () => {
  const cleanUps: (() => Promise<void>)[] = [];
  after(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });

  /** A gateway, and a Postfix in front of it that knows one mechanism and this password. */
  async function setUp(mechanism: string, password: string) {
    const bed = await openAuthBed({ proxied: false, users: { "ann@example.com": KEYS } });
    cleanUps.push(() => bed.close());
    const folder = await temporaryFolder();
    cleanUps.push(() => folder.remove());
    const postfix = await startPostfix({
      ...{ folder: folder.path, ...makeCertificate(folder.path), service: SMTPD },
      settings: `default_transport = smtp:[127.0.0.1]:${bed.port}
smtp_tls_security_level = encrypt
smtp_tls_wrappermode = yes
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_sasl_mechanism_filter = ${mechanism}
smtp_sasl_password_maps = inline:{ { [127.0.0.1]:${bed.port} = ann@example.com:${password} } }`,
    });
    cleanUps.push(() => postfix.stop());
    const send = async () => {
      const content = crlf("From: ann@example.com\nSubject: hello\n\nhello\n");
      const envelope = { reversePath: "ann@example.com", recipients: ["you@elsewhere.example"] };
      const reply = await sendOne(Number(postfix.address.split(":")[1]), content, envelope);
      assert.equal(reply.code, 250, reply.text);
    };
    return { bed, postfix, send };
  }

  for (const mechanism of ["SCRAM-SHA-256", "PLAIN", "LOGIN"])
    it(`is let in by ${mechanism}, and its message is Ann's`, async () => {
      const { bed, postfix, send } = await setUp(mechanism, "secret");
      await send();
      await postfix.settled();
      const [record] = bed.engine.records;
      assert.equal(record?.user, "ann@example.com", postfix.log().slice(-2000));
      assert.equal(bed.engine.deliveries.length, 1);
      const told = JSON.stringify(record);
      assert.ok(told.includes(`AUTH ${mechanism}`), told);
      assert.ok(!told.includes(base64("secret")) && !told.includes("secret"));
    });

  it("is told 535 with a wrong password by SCRAM-SHA-256, and keeps the message", async () => {
    const { bed, postfix, send } = await setUp("SCRAM-SHA-256", "Secret");
    await send();
    await postfix.deferred();
    assert.match(postfix.log(), /SASL authentication failed; server \S+ said: 535 5\.7\.8 /);
    assert.equal(bed.engine.deliveries.length, 0);
  });
});
