/** AUTH (RFC 4954), with PLAIN (RFC 4616) and LOGIN; SCRAM is in auth-scram.ts. Only under TLS. */
import { refusesAuth } from "../auth-failures.ts";
import type { GatewayConnection } from "../gateway-connection.ts";
import { REPLIES } from "../replies.ts";
import { ask, conclude } from "./auth-exchange.ts";
import { scram } from "./auth-scram.ts";

/** Runs one AUTH to its answer, the client's responses included. @param command the line without its end */
export async function authCommand(connection: GatewayConnection, command: Buffer): Promise<void> {
  const [, mechanism = "", initial, more] = command.toString("latin1").trim().split(/ +/);
  const { options, listener } = connection.context;
  if (!connection.secure && listener.tls !== undefined) return connection.reply(REPLIES.authNeedsTls);
  if (!connection.secure || options.authOffered !== true) return connection.reply(REPLIES.authOff);
  if (connection.engine.identity !== undefined) return connection.reply(REPLIES.authAgain);
  if (connection.inTransaction) return connection.reply(REPLIES.authInTransaction);
  if (more !== undefined) return connection.reply(REPLIES.authSyntax);
  const run = MECHANISMS.get(mechanism.toUpperCase());
  if (run === undefined || (run === scram && options.scramOffered !== true))
    return connection.reply(REPLIES.authMechanism);
  if (await refusesAuth(connection)) return;
  return run(connection, initial);
}

type Mechanism = (connection: GatewayConnection, initial: string | undefined) => Promise<void>;

const MECHANISMS: ReadonlyMap<string, Mechanism> = new Map([
  ["PLAIN", plain],
  ["LOGIN", login],
  ["SCRAM-SHA-256", scram],
]);

function plain(connection: GatewayConnection, initial: string | undefined): Promise<void> {
  return ask(connection, "", initial, async (response) => {
    const [authzid, authcid, password, more] = response.split("\0");
    if (authcid === undefined || password === undefined || more !== undefined)
      return connection.reply(REPLIES.authSyntax);
    // To act as another user is not offered, and must not be taken for a plain login.
    if (authzid !== "" && authzid !== authcid) return connection.reply(REPLIES.authSyntax);
    return attempt(connection, "PLAIN", authcid, password);
  });
}

function login(connection: GatewayConnection, initial: string | undefined): Promise<void> {
  return ask(connection, "Username:", initial, (user) =>
    ask(connection, "Password:", undefined, (password) => attempt(connection, "LOGIN", user, password)),
  );
}

async function attempt(
  connection: GatewayConnection,
  mechanism: string,
  user: string,
  password: string,
): Promise<void> {
  if (user === "" || /\p{Cc}/u.test(user)) return connection.reply(REPLIES.authSyntax);
  return conclude(connection, await connection.engine.auth({ mechanism, user, password }));
}
