/** AUTH SCRAM-SHA-256 (RFC 5802, RFC 7677), after RFC 4954. Without channel binding. Only under TLS. */
import { randomBytes } from "node:crypto";
import type { ScramChallenge } from "../../gateway/mod.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES } from "../replies.ts";
import {
  type ClientFirst,
  parseClientFinal,
  parseClientFirst,
  serverFinal,
  serverFirst,
} from "../scram-messages.ts";
import { ask, conclude } from "./auth-exchange.ts";

const NONCE_BYTES = 18;

/** Runs the exchange. @param initial the client's first message, when it came with AUTH */
export function scram(connection: GatewayConnection, initial: string | undefined): Promise<void> {
  return ask(connection, "", initial, async (text) => {
    const first = parseClientFirst(text);
    // To act as another user is not offered, and must not be taken for a plain login.
    if (first === undefined || (first.authzid !== undefined && first.authzid !== first.user))
      return connection.reply(REPLIES.authSyntax);
    const challenge = await connection.engine.scram(first.user);
    return "kind" in challenge
      ? conclude(connection, challenge)
      : challengeClient(connection, first, challenge);
  });
}

/** Asks for the proof, then for consent to ours (RFC 4954 4: an empty response to the server's last message). */
function challengeClient(
  connection: GatewayConnection,
  first: ClientFirst,
  challenge: ScramChallenge,
): Promise<void> {
  const nonce = first.nonce + randomBytes(NONCE_BYTES).toString("base64");
  const asked = serverFirst(nonce, challenge);
  return ask(connection, asked, undefined, async (text) => {
    const final = parseClientFinal(text);
    if (final === undefined) return connection.reply(REPLIES.authSyntax);
    // Another nonce is that of an old proof, and another header means that somebody changed ours on the way (RFC 5802
    // 6): no proof is right then, and an empty one is judged in the same time.
    const isOurs = final.nonce === nonce && final.gs2Header === first.gs2Header;
    const proof = isOurs ? final.proof : new Uint8Array(0);
    const proven = await challenge.prove(`${first.bare},${asked},${final.withoutProof}`, proof);
    if ("kind" in proven) return conclude(connection, proven);
    return ask(connection, serverFinal(proven), undefined, (consent) =>
      consent === ""
        ? conclude(connection, challenge.accept())
        : Promise.resolve(connection.reply(REPLIES.authSyntax)),
    );
  });
}
