/** AUTH PLAIN (RFC 4616) and LOGIN, after RFC 4954. Only under TLS. */
import { setTimeout as sleep } from "node:timers/promises";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES, replyOf } from "../replies.ts";

const DELAY_MS_MAX = 30_000;

/** Runs one AUTH to its answer, the client's responses included. @param command the line without its end */
export async function authCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  const [, mechanism = "", initial, more] = command.toString("latin1").trim().split(/ +/);
  const { options, listener } = connection.context;
  if (!connection.secure && listener.tls !== undefined) return connection.reply(REPLIES.authNeedsTls);
  if (!connection.secure || options.authOffered !== true) return connection.reply(REPLIES.authOff);
  if (connection.engine.identity !== undefined) return connection.reply(REPLIES.authAgain);
  if (connection.inTransaction) return connection.reply(REPLIES.authInTransaction);
  if (more !== undefined) return connection.reply(REPLIES.authSyntax);
  switch (mechanism.toUpperCase()) {
    case "PLAIN":
      return ask(connection, "", initial, (response) => plain(connection, response));
    case "LOGIN":
      return ask(connection, "VXNlcm5hbWU6", initial, (user) =>
        ask(connection, "UGFzc3dvcmQ6", undefined, (password) =>
          attempt(connection, "LOGIN", user, password),
        ),
      );
    default:
      return connection.reply(REPLIES.authMechanism);
  }
}

async function ask(
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
  connection.reply({ code: 334, enhanced: "", text: challenge });
  connection.expectLine(take);
}

async function plain(connection: GatewayConnection, response: string): Promise<void> {
  const [authzid, authcid, password, more] = response.split("\0");
  if (authcid === undefined || password === undefined || more !== undefined)
    return connection.reply(REPLIES.authSyntax);
  // To act as another user is not offered, and must not be taken for a plain login.
  if (authzid !== "" && authzid !== authcid) return connection.reply(REPLIES.authSyntax);
  return attempt(connection, "PLAIN", authcid, password);
}

async function attempt(
  connection: GatewayConnection,
  mechanism: string,
  user: string,
  password: string,
): Promise<void> {
  if (user === "" || /\p{Cc}/u.test(user)) return connection.reply(REPLIES.authSyntax);
  const answer = await connection.engine.auth({ mechanism, user, password });
  if (answer.kind !== "reject") return connection.reply(replyOf("auth", answer));
  connection.authFailures += 1;
  const { authFailuresMax, authDelayMs } = connection.context.config.limits;
  if (connection.authFailures >= authFailuresMax)
    return connection.limitReached({ limit: "authFailuresMax", reply: REPLIES.authTooOften });
  const waitMs = authWaitMs(connection.authFailures, authDelayMs);
  if (waitMs > 0) await sleep(waitMs, undefined, { ref: false });
  connection.reply(replyOf("auth", answer));
}

/** How long the answer to a failed AUTH waits: one mistyped password costs nothing; who guesses waits longer each time. */
export function authWaitMs(failures: number, delayMs: number): number {
  return failures < 2 ? 0 : Math.min(delayMs * 2 ** (failures - 2), DELAY_MS_MAX);
}

function decode(text: string): string | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, "base64"));
  } catch {
    return undefined;
  }
}
