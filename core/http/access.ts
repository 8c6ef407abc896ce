/**
 * Who may ask for what: the Host list (against DNS rebinding), the bearer token, the session cookie, and the origin of
 * requests that change something. Pure functions of a request's header fields; no routes here.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { SocketAddress } from "../config/mod.ts";

/** How a request is allowed in; `undefined` where it is not. */
export type Admission = "bearer" | "session" | undefined;

/** The checks of one listener. */
export interface Access {
  /** Whether a Host header field names this listener. */
  knowsHost(host: string | undefined): boolean;
  /** Whether the token is the one of the data folder, in constant time. */
  isToken(candidate: string): boolean;
  admission(headers: Headers): Admission;
  /** Why a request that was let in by `admission` is still not answered; undefined when it is. */
  foreign(method: string, headers: Headers, admission: Admission): string | undefined;
  /** The Set-Cookie value of a new session. */
  sessionCookie(): string;
}

/** How long a session lasts, in seconds: 30 days. */
const sessionSeconds = 30 * 24 * 3600;

/**
 * @param address where the listener is really bound
 * @param hostNames further names it is reached by; a name with a port is taken as it stands
 */
export function createAccess(address: SocketAddress, hostNames: readonly string[], token: string): Access {
  const hosts = hostList(address, hostNames);
  const tokenDigest = sha256(token);
  // Cookies are shared by all ports of a host: the port in the name keeps two gateways apart.
  const cookieName = `postern-${address.port}`;

  function mac(claim: string): string {
    return createHmac("sha256", token).update(`postern session ${claim}`).digest("base64url");
  }

  // A session outlives a restart because it is signed, not remembered; it does not contain the token.
  function isSession(value: string): boolean {
    const match = /^([\w-]{22})\.(\d{1,12})\.([\w-]{43})$/.exec(value);
    if (!match) return false;
    const [, nonce, expires, given] = match as unknown as [string, string, string, string];
    return equal(sha256(given), sha256(mac(`${nonce}.${expires}`))) && Number(expires) * 1000 > Date.now();
  }

  const isToken = (candidate: string) => equal(sha256(candidate), tokenDigest);

  return {
    isToken,
    knowsHost: (host) => host !== undefined && hosts.has(host.toLowerCase()),
    admission(headers) {
      const authorization = headers.get("authorization");
      // Whoever names a token means it: a wrong one is not saved by a cookie.
      if (authorization !== null) {
        const bearer = /^bearer +([\w.~+/=-]{1,256})$/i.exec(authorization);
        return bearer && isToken(bearer[1] as string) ? "bearer" : undefined;
      }
      const session = cookies(headers.get("cookie")).get(cookieName);
      return session !== undefined && isSession(session) ? "session" : undefined;
    },
    foreign(method, headers, admission) {
      const site = headers.get("sec-fetch-site");
      // SameSite=Strict lets other ports of the same host through: they are the same site, not the same origin.
      if (admission === "session" && (site === "cross-site" || site === "same-site")) {
        return "requests from other sites are not answered";
      }
      if (method === "GET" || method === "HEAD") return undefined;
      const origin = headers.get("origin");
      if (origin === null)
        return admission === "bearer" ? undefined : "a change needs an Origin header field";
      const own = `//${headers.get("host")?.toLowerCase()}`;
      return origin === `http:${own}` || origin === `https:${own}`
        ? undefined
        : "changes come from this page only";
    },
    sessionCookie() {
      const claim = `${randomBytes(16).toString("base64url")}.${Math.floor(Date.now() / 1000) + sessionSeconds}`;
      return `${cookieName}=${claim}.${mac(claim)}; Path=/; Max-Age=${sessionSeconds}; HttpOnly; SameSite=Strict`;
    },
  };
}

function hostList(address: SocketAddress, hostNames: readonly string[]): ReadonlySet<string> {
  const { port } = address;
  const bound = address.host.includes(":") ? `[${address.host}]` : address.host;
  const hosts = new Set<string>();
  for (const name of ["localhost", "127.0.0.1", "[::1]", bound, ...hostNames]) {
    hosts.add(`${name.toLowerCase()}:${port}`);
    // A client leaves out the port of its scheme: ours when it is 80, and the proxy's for names that the config adds.
    if (port === 80 || hostNames.includes(name)) hosts.add(name.toLowerCase());
  }
  return hosts;
}

function cookies(field: string | null): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const pair of (field ?? "").split(";", 100)) {
    const at = pair.indexOf("=");
    if (at > 0) found.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
  return found;
}

/** Hashing first makes all inputs equally long, so the comparison tells nothing by its time. */
function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return timingSafeEqual(a, b);
}
