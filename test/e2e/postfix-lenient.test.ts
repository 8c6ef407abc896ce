/**
 * What `lenientAddresses` takes, and what not, beside a real Postfix with its default strict_rfc821_envelopes=no: nothing
 * is mended that Postfix would not take, and where the mended path goes on to Postfix it is the same mailbox.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isPathFault, parseLenientPath, parsePath } from "../../core/mail/mod.ts";
import { makeCertificate } from "./certificate.ts";
import { type Postfix, postfixMissing, startPostfix } from "./postfix.ts";

const MENDED = [
  "ann@example.com",
  "<<ann@example.com>>",
  "< ann@example.com >",
  "<ann@example.com.>",
  "ann@example.com.",
  "<an..n@example.com>",
  "<.ann@example.com>",
  "<ann.@example.com>",
];
// Postfix takes all but the first three; what is meant by the others depends on who reads them.
const LEFT = [
  "<ann@example..com>",
  "<ann@example.com..>",
  "<ann@example.com",
  "<ann>",
  "ann@example.com>",
  "<ann@b@example.com>",
  '<"ann@example.com">',
  "<a\\nn@example.com>",
  "<ann @ example.com>",
  "<ann@example.com>;",
];

const missing = postfixMissing();

describe("a real Postfix", { skip: missing, timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-lenient-"));
  let postfix: Postfix;
  before(async () => {
    const service =
      "PORT inet n - n - 10 smtpd -o smtpd_error_sleep_time=0 -o smtpd_hard_error_limit=1000 -o smtpd_junk_command_limit=1000";
    postfix = await startPostfix({ folder, ...makeCertificate(folder), service });
  });
  after(async () => {
    await postfix?.stop();
    rmSync(folder, { recursive: true });
  });

  /** Says the lines one by one; gives the last line of each reply. */
  async function talk(lines: readonly string[]): Promise<readonly string[]> {
    const [host = "", port = ""] = postfix.address.split(":");
    const socket = connect(Number(port), host).setEncoding("latin1");
    const replies: string[] = [];
    let heard = "";
    for (const line of ["", ...lines]) {
      if (line !== "") socket.write(`${line}\r\n`);
      for (;;) {
        const reply = /^(?:\d{3}-[^\n]*\n)*(\d{3} [^\r\n]*)\r\n/.exec(heard);
        if (reply !== null) {
          heard = heard.slice(reply[0].length);
          replies.push(reply[1] ?? "");
          break;
        }
        heard += String((await once(socket, "data"))[0]);
      }
    }
    socket.destroy();
    return replies.slice(1);
  }

  it("takes each path that is mended, and what is made of it as the same mailbox", async () => {
    for (const path of MENDED) {
      assert.ok(isPathFault(parsePath(path)), path);
      const mended = parseLenientPath(path);
      assert.ok(mended !== null && !isPathFault(mended), path);
      const asked = (to: string) =>
        talk(["EHLO c.example", `MAIL FROM:${path}`, "RSET", "MAIL FROM:<>", `RCPT TO:${to}`]);
      const [, from, , , came = ""] = await asked(path);
      const [, , , , went = ""] = await asked(`<${mended.text}>`);
      assert.match(from ?? "", /^250 /, path);
      assert.match(came, /^(?:250 2\.1\.5|550 5\.1\.1) /, path);
      // A refusal names the mailbox, so that the same words are the same one.
      assert.equal(went, came, path);
    }
  });

  it("takes more than that: what could mean somebody else stays refused", async () => {
    for (const path of LEFT) assert.ok(isPathFault(parseLenientPath(path)), path);
    const replies = await talk(["EHLO c.example", ...LEFT.flatMap((path) => [`MAIL FROM:${path}`, "RSET"])]);
    const codes = LEFT.map((_, index) => (replies[1 + 2 * index] ?? "").slice(0, 3));
    assert.deepEqual(codes, ["501", "501", "501", ...LEFT.slice(3).map(() => "250")]);
  });
});
