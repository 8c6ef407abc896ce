/** `postern send`: a test sender that prints the dialogue (RFC 5321). It pipelines nothing and retries nothing. */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parseSocketAddress } from "../config/mod.ts";
import { openDialogue } from "./dialogue.ts";
import { UserError } from "./user-error.ts";

/** Sends one message; 0 when the server took it for every recipient, else 1. */
export async function send(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      to: { type: "string", multiple: true },
      from: { type: "string", default: "sender@example.com" },
      file: { type: "string" },
      server: { type: "string", default: process.env.POSTERN_SMTP || "127.0.0.1:2525" },
      tls: { type: "boolean", default: false },
    },
  });
  if (values.to === undefined)
    throw new UserError("postern send: found no --to, expected --to you@example.com");
  const server = parseSocketAddress(values.server, 25);
  if (server === undefined)
    throw new UserError(
      `postern send: --server: found ${JSON.stringify(values.server)}, expected host:port such as 127.0.0.1:2525`,
    );
  for (const path of [values.from, ...values.to]) {
    if (/[\r\n<>\0]/.test(path))
      throw new UserError(
        `postern send: found ${JSON.stringify(path)}, expected an address without angle brackets`,
      );
  }
  const content = values.file === undefined ? sample(values.from, values.to) : readMessage(values.file);
  const dialogue = await openDialogue(server, (line) => process.stdout.write(`${line}\n`));
  try {
    return (await talk(dialogue, values.from, values.to, content, values.tls)) ? 0 : 1;
  } finally {
    dialogue.close();
  }
}

async function talk(
  dialogue: Awaited<ReturnType<typeof openDialogue>>,
  reversePath: string,
  forwardPaths: readonly string[],
  content: Buffer,
  tls: boolean,
): Promise<boolean> {
  if ((await dialogue.reply()) !== 220) return false;
  if ((await dialogue.command("EHLO localhost")) !== 250) return false;
  if (tls) {
    if ((await dialogue.command("STARTTLS")) !== 220) return false;
    await dialogue.startTls();
    if ((await dialogue.command("EHLO localhost")) !== 250) return false;
  }
  let taken = 0;
  if ((await dialogue.command(`MAIL FROM:<${reversePath}>`)) === 250) {
    for (const path of forwardPaths) {
      const code = await dialogue.command(`RCPT TO:<${path}>`);
      if (code === 250 || code === 251) taken++;
    }
  }
  let accepted = false;
  if (taken > 0 && (await dialogue.command("DATA")) === 354) {
    accepted = (await dialogue.content(content)) === 250;
  }
  await dialogue.command("QUIT");
  return accepted && taken === forwardPaths.length;
}

function readMessage(file: string): Buffer {
  try {
    return readFileSync(file === "-" ? 0 : file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(
      `postern send: --file: found ${JSON.stringify(file)}, which can not be read (${code}), expected a file with a message; correct the path`,
    );
  }
}

function sample(reversePath: string, forwardPaths: readonly string[]): Buffer {
  const fields = [
    `From: <${reversePath}>`,
    `To: ${forwardPaths.map((path) => `<${path}>`).join(",\r\n ")}`,
    "Subject: A test message",
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${crypto.randomUUID()}@localhost>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
  ];
  return Buffer.from(`${fields.join("\r\n")}\r\n\r\nSent by postern send.\r\n`);
}
