/** swaks (Debian package), the test sender of mail administrators, and what its transcript tells. */
import { spawn } from "node:child_process";

const RUN_MS_MAX = 60_000;

/** One run. */
export interface SwaksRun {
  /** 0 when the message was taken; 26 when its content was refused. */
  readonly code: number | null;
  /** The reply to the message, or the one that ended the session before there was one. */
  readonly reply: string;
  /** The content as it went out, dot-stuffing taken off. */
  readonly sent: Buffer;
  /** Whether the content went out over TLS. */
  readonly tls: boolean;
  readonly output: string;
}

/** Sends one message to a port of loopback. */
export async function swaks(port: number, args: readonly string[]): Promise<SwaksRun> {
  const child = spawn("swaks", ["--server", `127.0.0.1:${port}`, "--ehlo", "swaks.example", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_MS_MAX,
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const output = Buffer.concat(chunks).toString("latin1");
  return { code, output, ...readTranscript(output.split("\n")) };
}

/** Lines begin with " -> " or "<-  ", under TLS with " ~> " or "<~  "; a refusal has "*" in place of the last marks. */
function readTranscript(lines: readonly string[]): Omit<SwaksRun, "code" | "output"> {
  const content: string[] = [];
  let [inContent, tls, reply] = [false, false, ""];
  for (const line of lines) {
    const text = line.slice(4);
    if (/^ [-~]> /.test(line)) {
      if (!inContent) continue;
      tls = line[1] === "~";
      if (text === ".") inContent = false;
      else content.push(text.startsWith(".") ? text.slice(1) : text);
    } else if (/^<[-~*][ *] /.test(line) && !text.startsWith("221 ")) {
      reply = text;
      inContent = text.startsWith("354 ");
    }
  }
  return { reply, tls, sent: Buffer.from(content.map((line) => `${line}\n`).join(""), "latin1") };
}
