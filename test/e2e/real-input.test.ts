/** Real mail through a gateway that runs as a process, to a sink that is another: what comes out is what went in. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import {
  type GatewayProcess,
  routesOnlyConfig,
  type Sink,
  startGateway,
  startSink,
  temporaryFolder,
} from "./processes.ts";
import { partReceived, sendOne } from "./smtp-client.ts";

const folder = await temporaryFolder();
let sink: Sink;
let gateway: GatewayProcess;

before(async () => {
  sink = await startSink(`${folder.path}/sink`);
  gateway = await startGateway({
    folder: folder.path,
    config: await routesOnlyConfig(folder.path),
    env: { POSTERN_UPSTREAM: sink.address },
  });
});
after(async () => {
  gateway?.kill("SIGKILL");
  await gateway?.exited;
  await sink?.stop();
  await folder.remove();
});

const crlf = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"), "utf8");

function lines(bytes: number): Buffer {
  const body = randomBytes(Math.ceil((bytes * 3) / 4))
    .toString("base64")
    .replace(/.{76}/g, "$&\r\n");
  return Buffer.from(`From: a@example.com\r\nSubject: large\r\n\r\n${body}\r\n`, "latin1");
}

const MESSAGES: readonly { readonly name: string; readonly content: () => Buffer }[] = [
  {
    name: "plain text",
    content: () => crlf("From: a@example.com\nTo: b@example.com\nSubject: hello\n\nhello\n"),
  },
  {
    name: "MIME with several parts",
    content: () =>
      crlf(
        'From: a@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=_b"\n\npreamble\n--=_b\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n<p>=C3=A4=20\n</p>\n--=_b\nContent-Type: application/octet-stream; name="a.bin"\nContent-Transfer-Encoding: base64\n\nAAECAwQFBgcICQ==\n--=_b--\nepilogue \n\n\n',
      ),
  },
  {
    name: "8-bit octets that are no UTF-8",
    content: () =>
      Buffer.concat([
        Buffer.from("From: a@example.com\r\nSubject: caf\xe9\r\n\r\n", "latin1"),
        Buffer.from(Array.from({ length: 256 }, (_, n) => n).filter((n) => n !== 0 && n !== 10 && n !== 13)),
        Buffer.from("\r\n"),
      ]),
  },
  { name: "20 MB", content: () => lines(20_000_000) },
  {
    name: "lines that begin with dots",
    content: () => crlf("Subject: dots\n\n.\n..\n...\n.a\nb.\n\n.\n. \n.\n"),
  },
  {
    name: "a line of 9,000 octets",
    content: () => crlf(`Subject: long\n\n${"x".repeat(9000)}\n.${"y".repeat(2000)}\n`),
  },
  { name: "no header section", content: () => crlf("hello there, this is no field\n") },
  { name: "a header section without a body", content: () => crlf("Subject: nothing\n") },
];

describe("postern start relays byte for byte but for the added Received field", () => {
  for (const { name, content } of MESSAGES) {
    it(name, async () => {
      sink.clear();
      const sent = content();
      const reply = await sendOne(gateway.port, sent, { parameters: " BODY=8BITMIME" });
      assert.match(reply.text, /^250 2\.0\.0 .*\(ref [^)]+\)$/);
      const [taken, ...more] = sink.ledger();
      assert.ok(taken);
      assert.equal(more.length, 0);
      const { received, rest } = partReceived(sink.content(taken));
      assert.match(received, /^Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n\tby gateway\.example/);
      assert.ok(rest.equals(sent), `${rest.length} octets came of ${sent.length}, or others`);
    });
  }
});
