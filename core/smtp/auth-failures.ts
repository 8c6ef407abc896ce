/**
 * Failed AUTH of a session, and of a client's address over all of its sessions. The latter are counted in the store, so
 * that workers that share it count together and a new session does not begin anew. The count has a life time from its
 * first failure on; success does not end it, or who has one password could guess others for ever.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Reply } from "../mail/mod.ts";
import type { GatewayConnection } from "./gateway-connection.ts";
import { REPLIES } from "./replies.ts";
import { clientKey } from "./session-count.ts";

const WAIT_MS_MAX = 30_000;

/**
 * Whether a client may try no more for now; then the session is ended. Tries that run at the same time are not seen: as
 * many more as a client may have sessions.
 */
export async function refusesAuth(connection: GatewayConnection): Promise<boolean> {
  const { store } = connection.context.options;
  const key = keyOf(connection);
  if (store === undefined || key === undefined) return false;
  const failures = await store.get(key);
  const { authFailuresPerClientMax } = connection.context.config.limits;
  if (typeof failures !== "number" || failures < authFailuresPerClientMax) return false;
  // That the limit is reached is in the log once: a line for each session would be another way to fill a disk.
  connection.reply(REPLIES.authTooOftenOfClient);
  return true;
}

/** Counts a failed AUTH, lets its answer wait, and gives it; at a limit the session ends. */
export async function failAuth(connection: GatewayConnection, reply: Reply): Promise<void> {
  connection.authFailures += 1;
  const ofClient = await countOfClient(connection);
  const { authFailuresMax, authFailuresPerClientMax, authDelayMs } = connection.context.config.limits;
  if (ofClient === authFailuresPerClientMax) {
    const reached = { limit: "authFailuresPerClientMax", reply: REPLIES.authTooOftenOfClient } as const;
    return connection.limitReached(reached);
  }
  if (ofClient > authFailuresPerClientMax) return connection.reply(REPLIES.authTooOftenOfClient);
  if (connection.authFailures >= authFailuresMax)
    return connection.limitReached({ limit: "authFailuresMax", reply: REPLIES.authTooOften });
  const waitMs = authWaitMs(Math.max(connection.authFailures, ofClient), authDelayMs);
  const { clock } = connection.context.options;
  if (waitMs > 0)
    await (clock === undefined ? sleep(waitMs, undefined, { ref: false }) : clock.sleep(waitMs));
  connection.reply(reply);
}

/** How long the answer to a failed AUTH waits: one mistyped password costs nothing; who guesses waits longer each time. */
export function authWaitMs(failures: number, delayMs: number): number {
  return failures < 2 ? 0 : Math.min(delayMs * 2 ** (failures - 2), WAIT_MS_MAX);
}

/** 0 where clients are not counted. */
async function countOfClient(connection: GatewayConnection): Promise<number> {
  const { config, options } = connection.context;
  const key = keyOf(connection);
  if (options.store === undefined || key === undefined) return 0;
  return options.store.increment(key, 1, config.limits.authFailuresKeptMs);
}

/** Undefined for clients in trusted networks, behind which many users may be, and for those that nobody can name. */
function keyOf({ client, context }: GatewayConnection): string | undefined {
  const key = context.trusts(client.ip) ? undefined : clientKey(client.ip);
  return key === undefined ? undefined : `auth-failures ${key}`;
}
