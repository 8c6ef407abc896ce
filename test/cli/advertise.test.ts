/** EHLO of a whole gateway in front of next hops whose own EHLO offers much, little, and then something else. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import {
  defineGateway,
  definePlugin,
  type ListenerInput,
  lmtp,
  type NextHop,
  pipeline,
  resolveConfig,
  routeTo,
  smtp,
} from "postern";
import { compose } from "../../core/cli/compose.ts";
import { makeCertificate } from "../e2e/certificate.ts";
import { type Script, startSink } from "../relay/sink-server.ts";
import { DialogueClient } from "../smtp/dialogue-client.ts";

const folder = mkdtempSync(join(tmpdir(), "advertise-"));
after(() => rmSync(folder, { recursive: true }));
const tls = makeCertificate(folder);

/** Answers EHLO with the keywords that are in the list at that time. */
const offering =
  (keywords: string[], more: Script = () => undefined): Script =>
  (command, connection) =>
    /^(?:EHLO|LHLO) /.test(command)
      ? ["sink", ...keywords].map((k, i, all) => `250${i === all.length - 1 ? " " : "-"}${k}`).join("\r\n")
      : more(command, connection);

/** A gateway in this process, with all mail going to `nextHop`. */
async function gateway(nextHop: NextHop, listener: Omit<Partial<ListenerInput>, "name"> = {}) {
  const data = mkdtempSync(join(folder, "data-"));
  const config = await resolveConfig(
    defineGateway({
      hostName: "gw.example",
      listeners: [{ address: "127.0.0.1:0", greetingDelay: 0, ...listener }],
      nextHops: { backend: nextHop },
      pipeline: pipeline(definePlugin({ name: "all", routes: true, route: () => routeTo("backend") })),
    }),
    {},
  );
  const lines: string[] = [];
  let look = () => {};
  const write = (event: string, fields: object = {}) => {
    lines.push(`${event} ${JSON.stringify(fields)}`);
    look();
  };
  const running = await compose(config, data, { debug() {}, info: write, warn: write, error: write });
  const clients: DialogueClient[] = [];
  return {
    lines,
    async said(part: string): Promise<void> {
      while (!lines.some((line) => line.includes(part)))
        await new Promise<void>((resolve) => {
          look = resolve;
        });
    },
    /** A new session; gives what EHLO offers, in order. */
    async session(): Promise<{ client: DialogueClient; keywords: readonly string[] }> {
      const client = new DialogueClient(running.smtp[0]!.address.port, false);
      clients.push(client);
      await client.reply();
      return { client, keywords: await ehlo(client) };
    },
    async close(): Promise<void> {
      for (const client of clients) client.destroy();
      await running.close();
    },
  };
}

async function ask(client: DialogueClient, line: string | Buffer): Promise<string> {
  await client.say(typeof line === "string" ? Buffer.from(`${line}\r\n`) : line);
  return (await client.reply()) ?? "closed";
}

async function ehlo(client: DialogueClient): Promise<readonly string[]> {
  const reply = await ask(client, "EHLO client.example");
  return reply
    .split("\n")
    .slice(1)
    .map((line) => line.slice(4));
}

const ofRoutes = (keywords: readonly string[]): string =>
  keywords.filter((word) => /^(?:8BITMIME|SMTPUTF8|DSN|REQUIRETLS|SIZE .*)$/.test(word)).join(" ");

/** The octets behind the trace field of the gateway. */
const untraced = (message: Buffer): Buffer => {
  const text = message.toString("latin1");
  return Buffer.from(text.replace(/^Received: [\s\S]*?\r\n(?![ \t])/, ""), "latin1");
};

describe("compose advertises", () => {
  it("what the next hop offers, and hands it on: an SMTPUTF8 message byte for byte, and all of DSN", async () => {
    const sink = await startSink(offering(["PIPELINING", "SIZE 90000", "8BITMIME", "SMTPUTF8", "DSN"]));
    const bed = await gateway(smtp(`127.0.0.1:${sink.port}`));
    try {
      await bed.said("advertises");
      const { client, keywords } = await bed.session();
      assert.equal(ofRoutes(keywords), "8BITMIME SIZE 90000 SMTPUTF8 DSN");
      const mail = "MAIL FROM:<jürgen@bücher.example> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb SIZE=1000";
      assert.match(await ask(client, mail), /^250 /);
      const rcpt = "RCPT TO:<δοκιμή@example.com> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;δοκιμή@example.com";
      assert.match(await ask(client, rcpt), /^250 /);
      assert.match(await ask(client, "RCPT TO:<b@example.com> NOTIFY=NEVER ORCPT=rfc822;b+3Dc@x"), /^250 /);
      assert.match(await ask(client, "DATA"), /^354 /);
      const content = Buffer.concat([
        Buffer.from("From: Jürgen <jürgen@bücher.example>\r\nSubject: δοκιμή — ☃\r\n\r\n"),
        Buffer.from([0xff, 0xfe, 0x80, 0x0d, 0x0a, 0x2e, 0x2e, 0x0d, 0x0a]),
      ]);
      await client.say(content);
      const sent = Buffer.from(content.toString("latin1").replace("\r\n..\r\n", "\r\n.\r\n"), "latin1");
      assert.match(await ask(client, "."), /^250 /);
      assert.deepEqual(untraced(sink.messages[0]!), sent);
      assert.match(sink.messages[0]!.toString("latin1"), /with UTF8SMTP /);
      const said = sink.commands.filter((line) => /^(?:MAIL|RCPT)/.test(line));
      assert.match(said[0]!, /^MAIL FROM:<jürgen@xn--bcher-kva\.example> /);
      assert.deepEqual(
        said[0]!.split(" ").slice(2).sort(),
        [
          ...["BODY=8BITMIME", "ENVID=a+2Bb", "RET=HDRS", "SMTPUTF8"],
          `SIZE=${sink.messages[0]!.length}`,
        ].sort(),
      );
      assert.deepEqual(said.slice(1), [
        "RCPT TO:<δοκιμή@example.com> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\\x{3B4}\\x{3BF}\\x{3BA}\\x{3B9}\\x{3BC}\\x{3AE}@example.com",
        "RCPT TO:<b@example.com> NOTIFY=NEVER ORCPT=rfc822;b+3Dc@x",
      ]);
    } finally {
      await bed.close();
      await sink.close();
    }
  });

  it("nothing that a next hop of old times does not keep, and refuses their parameters with 555, but takes BODY", async () => {
    const sink = await startSink(offering(["HELP", "SIZE 5000"]));
    const bed = await gateway(smtp(`127.0.0.1:${sink.port}`));
    try {
      await bed.said("advertises");
      const { client, keywords } = await bed.session();
      assert.equal(ofRoutes(keywords), "SIZE 5000");
      for (const parameter of ["SMTPUTF8", "RET=FULL", "ENVID=x", "REQUIRETLS"])
        assert.match(await ask(client, `MAIL FROM:<a@example.com> ${parameter}`), /^555 5\.5\.4/, parameter);
      assert.match(await ask(client, "MAIL FROM:<a@example.com> SIZE=5001"), /^552 5\.3\.4/);
      // Some servers say BODY= to whomever: what can not be carried as it is fails at the next hop and no sooner.
      assert.match(await ask(client, "MAIL FROM:<a@example.com> SIZE=4000 BODY=8BITMIME"), /^250 /);
      assert.match(await ask(client, "RCPT TO:<b@example.com> NOTIFY=NEVER"), /^555 /);
    } finally {
      await bed.close();
      await sink.close();
    }
  });

  it("what has changed, once a connection tells: an open session gets 451, a new one the new EHLO", async () => {
    const keywords = ["8BITMIME", "DSN"];
    let cut = false;
    const sink = await startSink(
      offering(keywords, (command, connection) =>
        cut && connection === 1 && command.startsWith("MAIL") ? null : undefined,
      ),
    );
    const bed = await gateway(smtp(`127.0.0.1:${sink.port}`));
    try {
      await bed.said("advertises");
      const before = await bed.session();
      assert.equal(ofRoutes(before.keywords), "8BITMIME SIZE 52428800 DSN");
      keywords.splice(0, 2, "8BITMIME", "SMTPUTF8");
      cut = true;
      // The kept connection is gone; the one that the next message opens hears the new EHLO.
      assert.match(await ask(before.client, "MAIL FROM:<a@example.com> RET=FULL"), /^250 /);
      assert.match(await ask(before.client, "RCPT TO:<b@example.com>"), /^250 /);
      assert.match(await ask(before.client, "DATA"), /^354 /);
      assert.match(await ask(before.client, "Subject: x\r\n\r\nx\r\n."), /^250 /);
      await bed.said('"offers":"8BITMIME SMTPUTF8","before":"8BITMIME DSN"');
      assert.match(await ask(before.client, "MAIL FROM:<a@example.com> ENVID=x"), /^451 4\.3\.3/);
      assert.match(await ask(before.client, "MAIL FROM:<a@example.com> REQUIRETLS"), /^555 5\.5\.4/);
      assert.match(await ask(before.client, "MAIL FROM:<a@example.com>"), /^250 /);
      assert.match(await ask(before.client, "RCPT TO:<b@example.com> NOTIFY=NEVER"), /^451 4\.3\.3/);
      const behind = await bed.session();
      assert.equal(ofRoutes(behind.keywords), "8BITMIME SIZE 52428800 SMTPUTF8");
      assert.match(await ask(behind.client, "MAIL FROM:<a@example.com> ENVID=x"), /^555 5\.5\.4/);
      // Of the same session too, once it has greeted anew.
      assert.equal(ofRoutes(await ehlo(before.client)), "8BITMIME SIZE 52428800 SMTPUTF8");
      assert.match(await ask(before.client, "MAIL FROM:<a@example.com> ENVID=x"), /^555 5\.5\.4/);
    } finally {
      await bed.close();
      await sink.close();
    }
  });

  it("what the listener's override says; what the next hop does not take is refused and never sent", async () => {
    const sink = await startSink(offering(["PIPELINING"]));
    const advertise = { eightBitMime: true, smtputf8: true, dsn: true, messageBytesMax: "1MB" as const };
    const bed = await gateway(smtp(`127.0.0.1:${sink.port}`), { advertise });
    const send = async (mail: string, content: string): Promise<string> => {
      const { client } = await bed.session();
      assert.match(await ask(client, mail), /^250 /);
      assert.match(await ask(client, "RCPT TO:<b@example.com>"), /^250 /);
      assert.match(await ask(client, "DATA"), /^354 /);
      return ask(client, `${content}\r\n.`);
    };
    try {
      const { keywords } = await bed.session();
      assert.equal(ofRoutes(keywords), "8BITMIME SIZE 1048576 SMTPUTF8 DSN");
      assert.match(await send("MAIL FROM:<ü@example.com> SMTPUTF8", "S: x\r\n\r\nx"), /^550 5\.6\.7/);
      assert.match(await send("MAIL FROM:<a@example.com> BODY=8BITMIME", "S: x\r\n\r\nü"), /^554 5\.6\.3/);
      assert.equal(sink.messages.length, 0);
      // RFC 3461 5.2.2: the parameters are left out.
      assert.match(await send("MAIL FROM:<a@example.com> RET=FULL ENVID=x", "S: x\r\n\r\nx"), /^250 /);
      assert.deepEqual(
        sink.commands.filter((line) => line.startsWith("MAIL")),
        ["MAIL FROM:<a@example.com>"],
      );
    } finally {
      await bed.close();
      await sink.close();
    }
  });

  it("REQUIRETLS only under TLS, and only to a next hop that offers it under TLS that is checked", async () => {
    const sink = await startSink(offering(["8BITMIME", "REQUIRETLS"]));
    const front = createTlsServer(
      { key: readFileSync(tls.keyFile), cert: readFileSync(tls.certFile) },
      (secure) => {
        const raw = connect(sink.port, "127.0.0.1");
        for (const socket of [secure, raw]) socket.on("error", () => {});
        secure.pipe(raw).pipe(secure);
        secure.on("close", () => raw.destroy());
      },
    );
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    const { port } = front.address() as { port: number };
    const fingerprints = [new X509Certificate(readFileSync(tls.certFile)).fingerprint256];
    const rows = [
      { tls: { fingerprints }, want: "8BITMIME SIZE 52428800 REQUIRETLS" },
      { tls: "required" as const, want: "8BITMIME SIZE 52428800" },
    ];
    try {
      for (const { tls: policy, want } of rows) {
        const bed = await gateway(smtp({ host: "127.0.0.1", port, implicitTls: true, tls: policy }), { tls });
        await bed.said("advertises");
        const { client, keywords } = await bed.session();
        assert.equal(ofRoutes(keywords), "8BITMIME SIZE 52428800");
        assert.match(await ask(client, "MAIL FROM:<a@example.com> REQUIRETLS"), /^555 /);
        assert.match(await ask(client, "STARTTLS"), /^220 /);
        await client.startTls();
        assert.equal(ofRoutes(await ehlo(client)), want);
        const answers = [await ask(client, "MAIL FROM:<a@example.com> REQUIRETLS")];
        if (answers[0]?.startsWith("250"))
          for (const line of ["RCPT TO:<b@example.com>", "DATA", "S: x\r\n\r\nx\r\n."])
            answers.push(await ask(client, line));
        await bed.close();
        assert.deepEqual(
          answers.map((answer) => answer.slice(0, 3)),
          want.endsWith("TLS") ? ["250", "250", "354", "250"] : ["555"],
        );
      }
      const said = sink.commands.filter((line) => line.startsWith("MAIL"));
      assert.deepEqual(said, ["MAIL FROM:<a@example.com> REQUIRETLS"]);
    } finally {
      front.close();
      await sink.close();
    }
  });

  it("what an LMTP next hop offers", async () => {
    const sink = await startSink(offering(["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE"]));
    const bed = await gateway(lmtp(`127.0.0.1:${sink.port}`));
    try {
      await bed.said("advertises");
      assert.equal(ofRoutes((await bed.session()).keywords), "8BITMIME SIZE 52428800 SMTPUTF8");
      assert.equal(sink.commands[0], "LHLO gw.example");
    } finally {
      await bed.close();
      await sink.close();
    }
  });

  it("nothing while the next hop never greets, listens all the same, and closes at once", async () => {
    const sink = await startSink((command) => (command === "GREETING" ? "" : undefined));
    const bed = await gateway(smtp({ host: "127.0.0.1", port: sink.port, connectTimeout: "2s" }));
    try {
      assert.equal(ofRoutes((await bed.session()).keywords), "SIZE 52428800");
    } finally {
      await bed.close();
      await sink.close();
    }
  });
});
