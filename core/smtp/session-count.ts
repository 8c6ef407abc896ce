/**
 * Sessions that are open now, in all and of each client address. They are counted in the process and not in the
 * store: a count in the store would outlive a process that dies, or expire under a session that lasts. Each of several
 * workers holds to the limit by itself, so that all together take at most that many times the number.
 */
import type { Limits } from "../config/mod.ts";
import { addressOctets } from "../mail/mod.ts";
import type { LimitReached } from "./limits.ts";
import type { SessionCount } from "./listener-options.ts";
import { REPLIES } from "./replies.ts";

/** A place among the open sessions. */
export interface SessionPlace {
  /** Must be called once, when the socket is closed. */
  release(): void;
}

/** A session that found no place; `first` is set for one of all that find none until there is a place again. */
export interface NoPlace extends LimitReached {
  readonly first: boolean;
}

/**
 * Takes a place for a session.
 *
 * @param ip the client's address; "" where it is not known, and then it is not counted by address
 * @param exempt whether the client may have any number of them
 */
export function admitSession(
  sessions: SessionCount,
  limits: Limits,
  ip: string,
  exempt: boolean,
): SessionPlace | NoPlace {
  if (sessions.count >= limits.sessionsMax) {
    const first = sessions.told !== true;
    sessions.told = true;
    return { limit: "sessionsMax", reply: REPLIES.tooManySessions, first };
  }
  const key = exempt ? undefined : clientKey(ip);
  if (key === undefined) {
    sessions.count += 1;
    return { release: () => leave(sessions) };
  }
  sessions.clients ??= new Map();
  const { clients } = sessions;
  const client = clients.get(key) ?? { count: 0, told: false };
  if (client.count >= limits.sessionsPerClientMax) {
    const first = !client.told;
    client.told = true;
    return { limit: "sessionsPerClientMax", reply: REPLIES.tooManyOfClient, first };
  }
  client.count += 1;
  clients.set(key, client);
  sessions.count += 1;
  return {
    release: () => {
      leave(sessions);
      client.count -= 1;
      client.told = false;
      // A map of all addresses that ever came would grow for ever.
      if (client.count === 0) clients.delete(key);
    },
  };
}

function leave(sessions: SessionCount): void {
  sessions.count -= 1;
  sessions.told = false;
}

/** What counts as one client: an address, or a /64 of IPv6, which is the least that one is given (RFC 6177 2). */
export function clientKey(ip: string): string | undefined {
  const octets = addressOctets(ip);
  if (octets === undefined) return undefined;
  return octets.length === 4 ? octets.join(".") : octets.slice(0, 8).join(":");
}
