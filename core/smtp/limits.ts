/**
 * What one session may still do: its commands, failing commands, unknown recipients and messages. Pure: no socket and
 * no clock. Time and rate are watched by session-watch.ts, sessions are counted by session-count.ts.
 */
import type { Limits } from "../config/mod.ts";
import type { Reply } from "../mail/mod.ts";
import { REPLIES } from "./replies.ts";

/** A limit that was reached, and the 421 that says so. */
export interface LimitReached {
  readonly limit: keyof Limits;
  readonly reply: Reply;
}

/** Counts of one session. Clients in trusted networks are exempt from what only strangers overdo. */
export class SessionLimits {
  readonly #limits: Limits;
  readonly #exempt: boolean;
  /** Of the command that runs. */
  verb = 0;
  #commands = 0;
  #failures = 0;
  #unknownRecipients = 0;
  #messages = 0;

  constructor(limits: Limits, exempt: boolean) {
    this.#limits = limits;
    this.#exempt = exempt;
  }

  /** Before a command line runs. @param recipientsTried of the open transaction */
  command(line: Uint8Array, recipientsTried: number): LimitReached | undefined {
    const verb = verbOf(line);
    this.verb = verb;
    // Recipients have limits of their own; a client that goes on after 452 is heard for as many again.
    if (verb === RCPT && recipientsTried < 2 * this.#limits.recipientsMax) return undefined;
    // Chunks of content (RFC 3030) are bounded as content is.
    if (verb === BDAT) return undefined;
    this.#commands += 1;
    if (this.#commands > this.#limits.commandsPerMessageMax)
      return { limit: "commandsPerMessageMax", reply: REPLIES.tooManyCommands };
    if (verb === MAIL && !this.#exempt && this.#messages >= this.#limits.messagesPerSessionMax)
      return { limit: "messagesPerSessionMax", reply: REPLIES.tooManyMessages };
    return undefined;
  }

  /** A command got a 5xx; an answer to content is not one. */
  refused(reply: Reply): LimitReached | undefined {
    if (this.verb === RCPT && reply.code >= 550 && reply.code <= 553) {
      this.#unknownRecipients += 1;
      return !this.#exempt && this.#unknownRecipients > this.#limits.unknownRecipientsMax
        ? { limit: "unknownRecipientsMax", reply: REPLIES.tooManyUnknown }
        : undefined;
    }
    this.#failures += 1;
    return this.#failures >= this.#limits.failedCommandsMax
      ? { limit: "failedCommandsMax", reply: REPLIES.tooManyBadLines }
      : undefined;
  }

  /** Content begins: who sends mail has not come to play. */
  messageBegan(): void {
    this.#commands = 0;
    this.#failures = 0;
    this.#messages += 1;
  }
}

/** The first four octets of a command in lower case, as a number: no text is made of each line. */
export function verbOf(line: Uint8Array): number {
  if (line.length < 4) return 0;
  return (((line[0]! | 32) << 24) | ((line[1]! | 32) << 16) | ((line[2]! | 32) << 8) | (line[3]! | 32)) >>> 0;
}

const code = (verb: string): number => verbOf(new TextEncoder().encode(verb));
const RCPT = code("RCPT");
const MAIL = code("MAIL");
const BDAT = code("BDAT");
