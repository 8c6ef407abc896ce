/** What the mechanisms of AUTH have in common (RFC 4954 4): challenges, responses, and how an attempt ends. */
import type { Answer } from "../../gateway/mod.ts";
import { failAuth } from "../auth-failures.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES, replyOf } from "../replies.ts";

/**
 * Gives the client's response to `step`, decoded: its initial one, or the one to a challenge.
 *
 * @param challenge as it is before base64
 * @param initial with AUTH; undefined: the client is asked
 */
export async function ask(
  connection: GatewayConnection,
  challenge: string,
  initial: string | undefined,
  step: (response: string) => Promise<void>,
): Promise<void> {
  const take = async (line: string): Promise<void> => {
    if (line === "*") return connection.reply(REPLIES.authCancelled);
    const response = decode(line);
    return response === undefined ? connection.reply(REPLIES.authSyntax) : step(response);
  };
  if (initial !== undefined) return take(initial === "=" ? "" : initial);
  connection.reply({ code: 334, enhanced: "", text: Buffer.from(challenge).toString("base64") });
  connection.expectLine(take);
}

/** Says how an attempt ended; one that failed is counted. */
export async function conclude(connection: GatewayConnection, answer: Answer): Promise<void> {
  const reply = replyOf("auth", answer);
  return answer.kind === "reject" ? failAuth(connection, reply) : connection.reply(reply);
}

function decode(text: string): string | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, "base64"));
  } catch {
    return undefined;
  }
}
