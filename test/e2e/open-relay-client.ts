/**
 * A stranger who tries recipients, and as a process a stranger elsewhere: for each line of stdin, a {@link Try} as
 * JSON, it prints a line with what it heard.
 */
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SmtpClient } from "./smtp-client.ts";

/** One transaction to try, in a session of its own. */
export interface Try {
  readonly host: string;
  readonly port: number;
  /** Lines said before MAIL; the greeting is among them. */
  readonly before: readonly string[];
  /** What follows MAIL, such as `FROM:<a@b.example>`. */
  readonly mail: string;
  /** What follows RCPT, once for each recipient. */
  readonly rcpt: readonly string[];
}

/** The replies. */
export interface Heard {
  readonly before: readonly string[];
  readonly mail: string;
  readonly rcpt: readonly string[];
  readonly data: string;
  /** The reply to the message; absent where DATA was refused. */
  readonly message?: string;
}

/** The message for those recipients that were taken. */
export const STRANGERS_MESSAGE = "Subject: from a stranger\r\n\r\nhello\r\n";

/** Opens a session, says the lines, and where DATA is taken sends the message. */
export async function tryRecipients({ host, port, before, mail, rcpt }: Try): Promise<Heard> {
  const client = new SmtpClient(port, host);
  try {
    await client.reply();
    const say = async (lines: readonly string[]): Promise<string[]> => {
      const replies: string[] = [];
      for (const line of lines) replies.push((await client.ask(line)).text);
      return replies;
    };
    const heardBefore = await say(before);
    const [mailReply = "", ...rcptReplies] = await say([`MAIL ${mail}`, ...rcpt.map((one) => `RCPT ${one}`)]);
    const data = await client.ask("DATA");
    const heard = { before: heardBefore, mail: mailReply, rcpt: rcptReplies, data: data.text };
    if (data.code !== 354) return heard;
    return { ...heard, message: (await client.ask(`${STRANGERS_MESSAGE}.`)).text };
  } finally {
    client.socket.destroy();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for await (const line of createInterface({ input: process.stdin })) {
    const heard = await tryRecipients(JSON.parse(line) as Try);
    process.stdout.write(`${JSON.stringify(heard)}\n`);
  }
}
