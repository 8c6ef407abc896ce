/**
 * Asks a next hop whether it takes mail for a recipient: MAIL, RCPT and RSET on a kept connection (RFC 5321 3.3, 4.1.1.5),
 * and no content. Our client is not told of (XCLIENT, XFORWARD), as the answer is to be the recipient's alone. What is
 * asked when, and for how long an answer holds, is the engine's.
 */
import type { VerifyOptions, VerifyResult } from "../gateway/mod.ts";
import { type Address, pathText, type Reply, type ReversePath } from "../mail/mod.ts";
import { type ConnectionPool, PoolBusy } from "./connection-pool.ts";
import type { NextHopConnection } from "./next-hop-connection.ts";
import { isAboutUs, readReply, relayReplies, resultOf, unreadable } from "./next-hop-reply.ts";
import { OpenFault } from "./open-connection.ts";

/** What is asked, and how its answer is told. */
export interface Question {
  readonly reversePath: ReversePath;
  readonly forwardPath: Address;
  readonly passReplyText: boolean;
}

/**
 * Codes that say of a recipient that there is none (RFC 3463 3.2, RFC 7505 4.2): bad mailbox, system or syntax, ambiguous,
 * moved, null MX. All else is about us, the sender, the connection or the hour; X.1.7 and X.1.8 are the sender's, X.1.0
 * may be.
 */
const NO_RECIPIENT = /^5\.1\.(?:[12346]|10)$/;

/** The commands of one question. */
const COMMANDS = 3;

/** Asks, once more where a kept connection turned out to be closed. Never rejects. */
export async function verifyOnPool(
  pool: ConnectionPool,
  question: Question,
  { signal }: VerifyOptions,
): Promise<VerifyResult> {
  for (let fresh = false; ; fresh = true) {
    let connection: NextHopConnection;
    try {
      connection = (fresh ? undefined : pool.takeIdle()) ?? (await pool.acquire(signal, fresh));
    } catch (error) {
      return notAsked(error);
    }
    const kept = connection.transactions > 0;
    const asked = await ask(connection, question, signal);
    if (asked.reusable) pool.release(connection);
    else connection.cut();
    if (asked.stale && kept && !fresh && !signal.aborted) continue;
    if (asked.result.ended === "us") pool.refused(connection.server, asked.result.cause);
    return asked.result;
  }
}

interface Asked {
  readonly result: VerifyResult;
  /** The connection was gone before MAIL was answered. */
  readonly stale: boolean;
  readonly reusable: boolean;
}

/** One question on an idle connection. */
async function ask(connection: NextHopConnection, question: Question, signal: AbortSignal): Promise<Asked> {
  const { server } = connection;
  const commands = commandsOf(connection, question);
  if (commands === undefined) {
    const result: VerifyResult = { status: "undecided", ended: "reply", server, reply: relayReplies.noUtf8 };
    return { result, stale: false, reusable: true };
  }
  const raws: string[] = [];
  const fault = await converse(connection, commands, raws, signal);
  connection.transactions++;
  const [mail, rcpt, rset] = raws;
  const result = { ...resultFrom(mail, rcpt, fault, question), server };
  const closing = raws.some(outOfStep);
  return {
    result,
    stale: mail === undefined || mail.startsWith("421"),
    // Octets that nothing asked for would be read as answers to the next transaction.
    reusable: !closing && rset?.startsWith("2") === true && !connection.hasMore && result.ended === "reply",
  };
}

/** MAIL, RCPT and RSET; undefined where the address can not be said to this server (RFC 6531 3.2). */
function commandsOf(
  connection: NextHopConnection,
  { reversePath, forwardPath }: Question,
): readonly string[] | undefined {
  const from = reversePath ? pathText(reversePath) : "";
  const to = pathText(forwardPath);
  // A parsed path holds no controls; one with a line end would be a command of its own.
  if (/[\x00-\x1f\x7f]/.test(from + to)) return undefined;
  const utf8 = /[^\x00-\x7f]/.test(from + to);
  if (utf8 && !connection.offers("SMTPUTF8")) return undefined;
  return [`MAIL FROM:<${from}>${utf8 ? " SMTPUTF8" : ""}`, `RCPT TO:<${to}>`, "RSET"];
}

/** Says the commands, in one write with PIPELINING (RFC 2920 3.1); gives why they were not all answered, if so. */
function converse(
  connection: NextHopConnection,
  commands: readonly string[],
  raws: string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const broken = () => resolve(connection.fault?.message ?? "the next hop closed the connection");
  const abort = () => connection.end(new Error("the time for the question is over"));
  const say = (at: number) =>
    connection.say(commands[at]!, (raw) => {
      raws.push(raw);
      if (raws.length === COMMANDS) resolve(undefined);
      else if (!connection.offers("PIPELINING")) {
        say(at + 1);
        connection.flush();
      }
    });
  connection.onBroken = broken;
  signal.addEventListener("abort", abort);
  if (!connection.socket) broken();
  else if (signal.aborted) abort();
  else {
    const together = connection.offers("PIPELINING") ? COMMANDS : 1;
    for (let at = 0; at < together; at++) say(at);
    connection.flush();
  }
  return promise.finally(() => {
    connection.onBroken = undefined;
    signal.removeEventListener("abort", abort);
  });
}

function resultFrom(
  mail: string | undefined,
  rcpt: string | undefined,
  fault: string | undefined,
  { passReplyText }: Question,
): VerifyResult {
  const toMail = mail === undefined ? undefined : readReply(mail);
  const toRcpt = rcpt === undefined ? undefined : readReply(rcpt);
  const first = toMail && !isPositive(toMail) ? toMail : toRcpt;
  // A refusal of MAIL is none of the recipient's, whatever it says.
  if (first === undefined) {
    return { status: "undecided", ended: "connection", cause: fault ?? "it did not answer" };
  }
  const { reply } = resultOf(first, passReplyText);
  if (isAboutUs(first)) {
    const cause = `it refuses us: ${first.code} ${first.enhanced} ${first.text}`;
    return { status: "undecided", ended: "us", reply: relayReplies.aboutUs, cause };
  }
  if (first === toMail) return { status: "undecided", ended: "reply", reply, cause: "it refused MAIL" };
  if (isPositive(first)) return { status: "good", ended: "reply", reply };
  const bad = first.code >= 500 && NO_RECIPIENT.test(first.enhanced);
  return { status: bad ? "bad" : "undecided", ended: "reply", reply };
}

/** The server ends the connection, or says what belongs to none of the commands (RFC 5321 4.2.1). */
function outOfStep(raw: string): boolean {
  const reply = readReply(raw);
  return raw.startsWith("421") || reply === unreadable || (reply.code >= 300 && reply.code < 400);
}

const isPositive = ({ code }: Reply): boolean => code >= 200 && code < 300;

function notAsked(error: unknown): VerifyResult {
  const cause = error instanceof Error ? error.message : String(error);
  if (error instanceof PoolBusy) return { status: "undecided", ended: "busy", cause };
  const us = error instanceof OpenFault && error.about === "us";
  return { status: "undecided", ended: us ? "us" : "connection", cause };
}
