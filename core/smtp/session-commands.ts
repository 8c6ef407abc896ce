/** Which file of commands/ runs a command. What is one line is here; what is none of these gets a 500 of smtp-server. */
import type { Reply } from "../mail/mod.ts";
import { authCommand } from "./commands/auth.ts";
import { bdatCommand } from "./commands/bdat.ts";
import { dataCommand } from "./commands/data.ts";
import { ehloCommand } from "./commands/ehlo.ts";
import { mailCommand } from "./commands/mail.ts";
import { rcptCommand } from "./commands/rcpt.ts";
import { xclientCommand } from "./commands/xclient.ts";
import { xforwardCommand } from "./commands/xforward.ts";
import { type Done, GatewayConnection } from "./gateway-connection.ts";
import { verbOf } from "./limits.ts";
import { REPLIES } from "./replies.ts";

const MAIL = verbOf(Buffer.from("MAIL"));
const RCPT = verbOf(Buffer.from("RCPT"));
const DATA = verbOf(Buffer.from("DATA"));
const SPACE = 32;

/** A connection with its commands: smtp-server finds a command's method by its name. */
export class CommandConnection extends GatewayConnection {
  override handler_EHLO(command: Buffer, callback: Done): void {
    this.run(() => ehloCommand(this, this.#greetingOf(command), true), callback);
  }

  override handler_HELO(command: Buffer, callback: Done): void {
    this.run(() => ehloCommand(this, this.#greetingOf(command), false), callback);
  }

  // The peer greets us by its own name; policy is for its client's.
  #greetingOf(command: Buffer): Buffer {
    const name = this.said.helo;
    return name === undefined ? command : Buffer.from(`EHLO ${name}`, "latin1");
  }

  override handler_XCLIENT(command: Buffer, callback: Done): void {
    this.run(() => xclientCommand(this, command), callback);
  }

  override handler_XFORWARD(command: Buffer, callback: Done): void {
    this.run(() => xforwardCommand(this, command), callback);
  }

  override handler_AUTH(command: Buffer, callback: Done): void {
    this.run(() => authCommand(this, command), callback);
  }

  /**
   * MAIL, RCPT and DATA are on the way of nearly every message: what smtp-server asks before it runs one is asked here
   * without making text of the line, and whatever is out of the ordinary is left to it.
   */
  override _onCommand(command: Buffer, callback: Done = () => {}): void {
    const ordinary =
      this._nextHandler === false &&
      this.hostNameAppearsAs !== false &&
      !this._upgrading &&
      !this._server._closeTimeout;
    const step = ordinary ? this.#transactionStep(this.limits.verb, command) : undefined;
    if (step === undefined) {
      super._onCommand(command, callback);
      return;
    }
    this._handlerPending = true;
    this.run(step, () => {
      this._handlerPending = false;
      this._whenWritable(callback);
    });
  }

  #transactionStep(verb: number, command: Buffer): (() => Promise<void>) | undefined {
    if (verb === DATA) return command.length === 4 ? () => dataCommand(this, command) : undefined;
    if (command[4] !== SPACE) return undefined;
    if (verb === MAIL) return () => mailCommand(this, command);
    return verb === RCPT ? () => rcptCommand(this, command) : undefined;
  }

  override handler_MAIL(command: Buffer, callback: Done): void {
    this.run(() => mailCommand(this, command), callback);
  }

  override handler_RCPT(command: Buffer, callback: Done): void {
    this.run(() => rcptCommand(this, command), callback);
  }

  override handler_DATA(command: Buffer, callback: Done): void {
    this.run(() => dataCommand(this, command), callback);
  }

  handler_BDAT(command: Buffer, callback: Done): void {
    this.run(() => bdatCommand(this, command), callback);
  }

  override handler_RSET(_command: Buffer, callback: Done): void {
    this.engine.reset();
    this.reply(REPLIES.flushed);
    this.clearTransaction();
    callback();
  }

  override handler_NOOP(_command: Buffer, callback: Done): void {
    this.#say(REPLIES.flushed, callback);
  }

  override handler_QUIT(_command: Buffer, callback: Done): void {
    this.reply(REPLIES.bye);
    this.close();
    callback();
  }

  override handler_HELP(_command: Buffer, callback: Done): void {
    this.#say(this.context.listener.kind === "lmtp" ? REPLIES.lmtpHelp : REPLIES.help, callback);
  }

  override handler_VRFY(_command: Buffer, callback: Done): void {
    this.#say(REPLIES.verify, callback);
  }

  handler_EXPN(_command: Buffer, callback: Done): void {
    this.#say(REPLIES.noExpand, callback);
  }

  #say(reply: Reply, callback: Done): void {
    this.reply(reply);
    callback();
  }
}
