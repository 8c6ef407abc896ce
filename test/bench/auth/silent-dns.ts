/** How long a message waits for its answer while DNS is silent, and what is told of it then. */
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import type { Rig } from "../processes.ts";
import { startNodeSubject } from "../subjects.ts";
import type { Verdict } from "../verdicts.ts";
import { silentDns } from "./loopback-dns.ts";
import { type AuthMaterial, CLIENT_EHLO, CLIENT_IP } from "./material.ts";

const ANSWER_MS_MAX = 15_000;
const METHODS = ["spf", "dkim", "dmarc"] as const;

/** What one message met. */
export interface SilentFigures {
  readonly answeredMs: number;
  /** The Authentication-Results field that its next hop got, unfolded. */
  readonly field: string;
}

/** Sends one message. @throws Error when it is not accepted */
export async function measureSilent(
  rig: Rig,
  material: AuthMaterial,
  progress: (text: string) => void,
): Promise<{ readonly silent: SilentFigures; readonly verdict: Verdict }> {
  progress("silent: one message, and DNS does not answer");
  const dns = await silentDns();
  const nextHop = await keepingNextHop();
  const subject = await startNodeSubject("auth", nextHop.port, [], { BENCH_DNS: dns.address });
  try {
    const result = await rig.load({
      port: subject.port,
      messageBytes: 0,
      message: material.signed,
      xclient: `ADDR=${CLIENT_IP} HELO=${CLIENT_EHLO}`,
      sessions: 1,
      kept: true,
      forMs: 1,
      messagesMax: 1,
    });
    if (result.accepted !== 1) throw new Error(`the message was not accepted: ${result.firstFault}`);
    const [answeredMs = Number.NaN] = result.answeredMs;
    const field = /^Authentication-Results:(.*(?:\r\n[ \t].*)*)/im.exec(nextHop.message())?.[1] ?? "";
    const told = field.replace(/\r\n/g, "").trim();
    const missing = METHODS.filter((method) => !told.includes(`${method}=temperror`));
    return {
      silent: { answeredMs, field: told },
      verdict: {
        target: `silent: without DNS an answer within ${ANSWER_MS_MAX / 1000} s, with temperror shown for ${METHODS.join(", ")}`,
        found: `${(answeredMs / 1000).toFixed(1)} s, ${missing.length === 0 ? "all shown" : `missing: ${missing.join(", ")}`}`,
        met: answeredMs <= ANSWER_MS_MAX && missing.length === 0,
      },
    };
  } finally {
    await Promise.all([subject.end(), nextHop.close(), dns.close()]);
  }
}

/** Keeps the message that it is given last. */
async function keepingNextHop() {
  let message = "";
  const server = new SMTPServer({
    disabledCommands: ["AUTH", "STARTTLS"],
    authOptional: true,
    disableReverseLookup: true,
    onData(stream, _session, callback) {
      message = "";
      stream.on("data", (chunk: Buffer) => {
        message += chunk.toString("latin1");
      });
      stream.on("end", () => callback());
    },
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    message: () => message,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
