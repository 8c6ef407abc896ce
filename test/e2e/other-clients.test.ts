/** Clients that others wrote, in front of a gateway process: smtplib of Python, openssl s_client, smtp-source of Postfix. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { after, before, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { makeCertificate } from "./certificate.ts";
import { commandFile } from "./dovecot.ts";
import {
  freePort,
  type GatewayProcess,
  routesOnlyConfig,
  type Sink,
  startGateway,
  startSink,
  temporaryFolder,
} from "./processes.ts";
import { crlf } from "./real-messages.ts";
import { partReceived, untilOffered } from "./smtp-client.ts";
import { smtpSource } from "./smtp-source.ts";
import { assertSameOctets } from "./stored.ts";

const SMTPLIB = fileURLToPath(new URL("smtplib-client.py", import.meta.url));
const RUN_MS_MAX = 30_000;
const missing = (command: string, name: string): string | false =>
  commandFile(command) === undefined && `${command} is not installed (Debian package ${name})`;
const noOpenssl = missing("openssl", "openssl");

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command to its end; `lines` are said one by one, each after the reply to the one before.
 *
 * @param greeted whether the first waits for a greeting; that before STARTTLS is not shown
 */
async function run(
  command: string,
  args: readonly string[],
  { lines = [] as readonly string[], greeted = true } = {},
): Promise<Run> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], timeout: RUN_MS_MAX });
  let [stdout, stderr] = ["", ""];
  const left = [...lines];
  child.stdin.on("error", () => {});
  if (!greeted) child.stdin.write(left.shift() ?? "");
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("latin1");
    if (/(?:^|\n)\d{3} [^\n]*\r\n$/.test(stdout) && left.length > 0) child.stdin.write(left.shift() ?? "");
  });
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("latin1")));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return { code, stdout, stderr };
}

describe("postern start, and clients that others wrote:", { skip: noOpenssl }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let sink: Sink;
  let gateway: GatewayProcess;
  let certFile: string;
  let implicitPort: number;

  before(async () => {
    folder = await temporaryFolder();
    const tls = makeCertificate(folder.path);
    ({ certFile } = tls);
    implicitPort = await freePort();
    sink = await startSink(`${folder.path}/sink`);
    const listeners = [
      { address: "127.0.0.1:0", greetingDelay: 0, tls },
      { address: `127.0.0.1:${implicitPort}`, kind: "submissions", authRequired: false, tls },
    ];
    gateway = await startGateway({
      folder: folder.path,
      config: await routesOnlyConfig(folder.path, {
        settings: `domains: "example.com", listeners: ${JSON.stringify(listeners)}`,
      }),
      env: { POSTERN_UPSTREAM: sink.address },
    });
    await untilOffered(gateway.port, "8BITMIME");
  });
  beforeEach(() => sink.clear());
  after(async () => {
    gateway?.kill("SIGKILL");
    await gateway?.exited;
    await sink?.stop();
    await folder?.remove();
  });

  /** The one message that the sink took since. */
  function taken(): { readonly received: string; readonly rest: Buffer } {
    const [message, ...others] = sink.ledger();
    assert.ok(message, "the sink has nothing");
    assert.equal(others.length, 0);
    return partReceived(sink.content(message));
  }

  describe("smtplib", { skip: missing("python3", "python3") }, () => {
    interface Told {
      readonly tls?: string;
      readonly keywords: readonly string[];
      readonly accepted?: boolean;
      readonly reply?: readonly [code: number, text: string];
    }
    async function send(
      mode: "plain" | "starttls",
      content: Buffer,
      { from = "sender@example.net", to = "ann@example.com", options = [] as readonly string[] } = {},
    ): Promise<Told> {
      const file = `${folder.path}/content`;
      await writeFile(file, content);
      const args = [SMTPLIB, String(gateway.port), mode, certFile, from, to, file, ...options];
      const { code, stdout, stderr } = await run("python3", args);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout) as Told;
    }
    const dots = crlf("From: a@example.net\nSubject: dots\n\n.\n..\n.a\nb.\n\n");
    const eightBit = Buffer.concat([
      crlf("Subject: 8bit\n\n"),
      Buffer.from("Gr\xfc\xdfe \x80\xff\r\n", "latin1"),
    ]);

    it("sends in clear text, dots and all", async () => {
      const told = await send("plain", dots);
      assert.equal(told.accepted, true);
      for (const keyword of ["8bitmime", "pipelining", "size", "starttls"])
        assert.ok(told.keywords.includes(keyword), keyword);
      assertSameOctets(taken().rest, dots);
    });

    it("sends over STARTTLS, and is named with ESMTPS in the trace field", async () => {
      const told = await send("starttls", dots);
      assert.deepEqual([told.accepted, told.tls], [true, "TLSv1.3"]);
      assert.ok(!told.keywords.includes("starttls"));
      const { received, rest } = taken();
      assert.match(
        received,
        /^Received: from python\.example .*\r\n\tby gateway\.example \(Postern\) with ESMTPS /,
      );
      assertSameOctets(rest, dots);
    });

    it("sends 8-bit octets with BODY=8BITMIME", async () => {
      assert.equal((await send("plain", eightBit, { options: ["BODY=8BITMIME"] })).accepted, true);
      assertSameOctets(taken().rest, eightBit);
    });

    it("sends 2 MB over STARTTLS", async () => {
      const large = crlf(`Subject: large\n\n${`${"x".repeat(76)}\n`.repeat(26_000)}`);
      assert.equal((await send("starttls", large)).accepted, true);
      assertSameOctets(taken().rest, large);
    });

    it("is told that a recipient is refused", async () => {
      const { reply } = await send("plain", dots, { to: "refuse@example.com" });
      assert.equal(reply?.[0], 550);
      assert.match(reply?.[1] ?? "", /^5\.1\.1 Nobody of that name lives here/);
      assert.deepEqual(sink.ledger(), []);
    });

    it("sends with SMTPUTF8 from an address and with a header section that are not ASCII", async () => {
      await untilOffered(gateway.port, "SMTPUTF8");
      const utf8 = crlf("From: j\u00fcrgen@example.net\nSubject: Gr\u00fc\u00dfe\n\nhello\n");
      const told = await send("plain", utf8, {
        from: "j\u00fcrgen@example.net",
        options: ["SMTPUTF8", "BODY=8BITMIME"],
      });
      assert.equal(told.accepted, true);
      assert.equal(sink.ledger()[0]?.reversePath, "j\u00fcrgen@example.net");
      assertSameOctets(taken().rest, utf8);
    });
  });

  describe("openssl s_client", () => {
    // -crlf makes a line end what it must be.
    const dialogue = [
      "EHLO openssl.example\n",
      "MAIL FROM:<sender@example.net>\n",
      // It takes a line that begins with R for its own command.
      "rcpt TO:<ann@example.com>\n",
      "DATA\n",
      "Subject: by openssl\n\nhello\n.\n",
      "quit\n",
    ];
    const connectTo = (port: number): readonly string[] => [
      "-connect",
      `127.0.0.1:${port}`,
      "-CAfile",
      certFile,
    ];
    const kinds = [
      { name: "STARTTLS", greeted: false, args: () => ["-starttls", "smtp", ...connectTo(gateway.port)] },
      { name: "implicit TLS", greeted: true, args: () => connectTo(implicitPort) },
    ];
    for (const { name, args, greeted } of kinds) {
      for (const version of ["tls1_3", "tls1_2"]) {
        it(`sends a message over ${name}, ${version}, and finds the certificate valid`, async () => {
          const options = [
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-verify_hostname",
            "gateway.example",
            "-crlf",
          ];
          const { stdout, stderr } = await run("openssl", [...options, `-${version}`, ...args()], {
            lines: dialogue,
            greeted,
          });
          assert.match(stdout, /250 2\.0\.0 Message accepted \(ref \w+\)\r\n221 /, `${stdout}\n${stderr}`);
          const { received, rest } = taken();
          assert.match(received, /\r\n\tby gateway\.example \(Postern\) with ESMTPS /);
          assert.equal(
            rest.toString().replace(/^(?:Date|Message-ID): .*\r\n/gim, ""),
            "Subject: by openssl\r\n\r\nhello\r\n",
          );
        });
      }

      for (const version of ["tls1_1", "tls1"]) {
        it(`gets no session over ${name} with ${version}`, async () => {
          // At its lowest level OpenSSL itself would still speak it.
          const options = ["s_client", "-cipher", "ALL:@SECLEVEL=0", `-${version}`];
          const { code, stdout, stderr } = await run("openssl", [...options, ...args()]);
          assert.equal(code, 1, stdout);
          assert.match(stderr, /alert protocol version/);
          assert.match(stdout, /Cipher is \(NONE\)/);
        });
      }
    }
  });

  describe("smtp-source", { skip: missing("smtp-source", "postfix") }, () => {
    for (const { name, args } of [
      { name: "a connection for each message", args: [] },
      { name: "kept connections", args: ["-d"] },
    ]) {
      it(`sends 500 messages of 4 KB in 20 sessions, ${name}: each is at the sink once`, async () => {
        const { code, output } = await smtpSource(gateway.port, [
          "-s",
          "20",
          "-m",
          "500",
          "-l",
          "4096",
          ...args,
        ]);
        assert.equal(code, 0, output);
        const ledger = sink.ledger();
        assert.equal(ledger.length, 500);
        const ids = ledger.map(
          (message) => /^Message-Id: (\S+)\r$/im.exec(sink.content(message).toString("latin1"))?.[1],
        );
        assert.equal(new Set(ids).size, 500);
        for (const message of ledger) {
          assert.deepEqual(
            [message.reversePath, message.recipients],
            ["sender@example.net", ["ann@example.com"]],
          );
          assert.ok(message.bytes > 4096, `${message.bytes} octets`);
        }
      });
    }
  });
});
