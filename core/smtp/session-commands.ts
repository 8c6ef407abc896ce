/** Which file of commands/ runs a command. What is one line is here; what is none of these gets a 500 of smtp-server. */
import type { Reply } from "../mail/mod.ts";
import { authCommand } from "./commands/auth.ts";
import { bdatCommand } from "./commands/bdat.ts";
import { dataCommand } from "./commands/data.ts";
import { ehloCommand } from "./commands/ehlo.ts";
import { mailCommand } from "./commands/mail.ts";
import { rcptCommand } from "./commands/rcpt.ts";
import { xclientCommand } from "./commands/xclient.ts";
import { type Done, GatewayConnection } from "./gateway-connection.ts";
import { REPLIES } from "./replies.ts";

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
    const name = this.heloOfClient;
    return name === undefined ? command : Buffer.from(`EHLO ${name}`, "latin1");
  }

  override handler_XCLIENT(command: Buffer, callback: Done): void {
    this.run(() => xclientCommand(this, command), callback);
  }

  override handler_AUTH(command: Buffer, callback: Done): void {
    this.run(() => authCommand(this, command), callback);
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
    this.#say(REPLIES.help, callback);
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
