/**
 * Clients that do not wait: who speaks before the greeting (RFC 5321 3.1, 4.3.1) or behind a command that must be the
 * last of a group before PIPELINING was offered (RFC 2920 3.1). What comes of it is the listener's and the
 * plugins' to say.
 */
import type { EarlyTalkHow } from "../pipeline/mod.ts";
import type { GatewayConnection } from "./gateway-connection.ts";
import { verbOf } from "./limits.ts";

const GREETINGS = ["EHLO", "LHLO", "HELO"].map((verb) => verbOf(Buffer.from(verb)));
const [EHLO, LHLO, HELO] = GREETINGS;

/** Watches the commands of one session. Pure. */
export class EarlyTalkWatch {
  /** The first time that the client did not wait. */
  how: EarlyTalkHow | undefined;
  #mayPipeline = false;
  #extended = false;

  /**
   * Before a command runs.
   *
   * @param verb of verbOf()
   * @param unanswered whether the replies to what came before are not sent yet
   * @returns whether this is the first time that the client did not wait
   */
  command(verb: number, unanswered: boolean): boolean {
    const greets = verb === EHLO || verb === LHLO || verb === HELO;
    if (this.#mayPipeline && !greets) return false;
    const early = unanswered && !this.#mayPipeline;
    this.#mayPipeline = !greets && !unanswered && this.#extended;
    if (greets) this.#extended = verb !== HELO;
    return early && this.came("pipelining");
  }

  /** Takes it down; gives whether it is the first time. */
  came(how: EarlyTalkHow): boolean {
    if (this.how !== undefined) return false;
    this.how = how;
    return true;
  }
}

/** Tells the engine and the log how a client did not wait; gives whether such clients are refused. */
export function tellEarlyTalk(connection: GatewayConnection, how: EarlyTalkHow): boolean {
  const { context, gatewaySession, client } = connection;
  const { options, listener, trusts } = context;
  const refused = listener.earlyTalkers === "refuse" && !trusts(client.ip);
  gatewaySession?.talkedEarly(how);
  const session = gatewaySession?.id ?? connection.id;
  const fields = { session, listener: listener.name, client: client.ip, how, refused };
  options.log[refused ? "info" : "debug"]("earlyTalker", fields);
  return refused;
}
