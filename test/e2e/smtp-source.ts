/** smtp-source (Debian package postfix), Postfix's own sender of many messages at once. */
import { spawn } from "node:child_process";

const RUN_MS_MAX = 60_000;

/** One run. */
export interface SmtpSourceRun {
  /** 0 when each message got its 250: it ends at the first other answer. */
  readonly code: number | null;
  readonly output: string;
}

/** Sends messages from sender@example.net to ann@example.com to a port of loopback. */
export async function smtpSource(port: number, args: readonly string[]): Promise<SmtpSourceRun> {
  const addresses = ["-f", "sender@example.net", "-t", "ann@example.com", "-M", "client.example"];
  const child = spawn("smtp-source", [...addresses, ...args, `inet:127.0.0.1:${port}`], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_MS_MAX,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString("latin1")));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return { code, output };
}
