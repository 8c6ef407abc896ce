/**
 * Opens a connection to a next hop: TCP or TLS, greeting, EHLO (RFC 5321 3.1, 3.2), STARTTLS (RFC 3207) and AUTH
 * (RFC 4954), one step after the other. Which server and when is the pool's.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { connectFirst } from "./connect-first.ts";
import { NextHopConnection, shownReply } from "./next-hop-connection.ts";
import { isCode } from "./next-hop-reply.ts";
import { type Credentials, chooseExchange } from "./sasl.ts";
import { plainFingerprint } from "./tls-policy.ts";

/** How to reach one server. */
export interface ConnectionOptions {
  /** A name, an address, or "unix:/path" with any port. */
  readonly host: string;
  /** Where `host` is, looked up already, in the order to try them; its name is still the one that TLS asks for. */
  readonly addresses?: readonly string[];
  readonly port: number;
  readonly hostName: string;
  readonly implicitTls: boolean;
  /** `none`: never STARTTLS. `offered`: STARTTLS where offered. `always`: nothing is said without TLS. */
  readonly startTls: "none" | "offered" | "always";
  /** Whether the certificate must be valid for `host`. */
  readonly verify: boolean;
  /** SHA-256 of certificates, as `plainFingerprint` writes them: it must be one of these, whoever signed it. */
  readonly fingerprints?: readonly string[];
  readonly auth: Credentials | undefined;
  /** TCP and TLS handshakes, each. */
  readonly connectTimeoutMs: number;
  /** LMTP in place of SMTP. */
  readonly lmtp?: boolean;
  /** Caps the silence of every phase; absent: the times of reply-timeouts.ts. */
  readonly replyTimeoutMs: number | undefined;
}

/** Why a connection could not be opened. */
export class OpenFault extends Error {
  /** `us`: the server refused us or its certificate is not good, an operator must look. */
  readonly about: "us" | "connection";
  /** The TLS handshake after STARTTLS failed; opportunistic TLS goes on without. */
  readonly handshake: boolean;

  constructor(message: string, about: "us" | "connection", handshake = false) {
    super(message);
    this.about = about;
    this.handshake = handshake;
  }
}

/** TLS could not be had as the policy asks: it is not offered, its handshake failed, or the certificate is not good. */
export class TlsFault extends OpenFault {
  constructor(message: string, handshake = false) {
    super(message, "us", handshake);
  }
}

/** What stands before the path of a unix socket. */
const unixPrefix = "unix:";

/** Keywords of one EHLO answer that are read. */
const KEYWORDS_MAX = 100;

/** What was read last, of whichever connection. */
const replyOctets = Buffer.allocUnsafeSlow(16_384);

/** TLS sessions to resume (RFC 8446 2.2), one for each server that is reached in one way. */
const tlsSessions = new WeakMap<ConnectionOptions, Buffer>();

/** Opens a connection that is ready for MAIL. Rejects with an {@link OpenFault}. */
export async function openConnection(
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<NextHopConnection> {
  if (signal.aborted) throw new OpenFault("the deadline is over", "connection");
  const { verify, lmtp = false, replyTimeoutMs } = options;
  const reached = options.addresses && (await reach(options, options.addresses, signal));
  const server = reached ? `${options.host}[${reached.address}]:${options.port}` : serverName(options);
  const verified = verify || options.fingerprints !== undefined;
  const connection = new NextHopConnection({ server, verified, lmtp, replyTimeoutMs });
  const abort = () => connection.end(new Error("the deadline is over"));
  signal.addEventListener("abort", abort);
  try {
    await connect(connection, options, reached?.socket);
    const greeting = await ask(connection, undefined);
    if (!isCode(greeting, 220)) throw refusal("greeting", greeting);
    connection.greetAgain = async (name) => {
      // A name that is not taken is that of the client: ours is.
      if (name === undefined || !(await greetAs(connection, options, name))) await ehlo(connection, options);
    };
    await ehlo(connection, options);
    await secureByPolicy(connection, options);
    if (options.auth) await authenticate(connection, options.auth);
    if (!connection.socket) throw connection.fault ?? new Error("the server closed the connection");
    return connection;
  } catch (error) {
    connection.cut();
    // What ended the connection says more than that it is closed.
    const cause = error instanceof OpenFault ? error : (connection.fault ?? error);
    if (cause instanceof OpenFault) throw cause;
    throw new OpenFault(cause instanceof Error ? cause.message : String(cause), "connection");
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** A server for people: "192.0.2.1:25", "[2001:db8::1]:25", "unix:/run/lmtp". */
export function serverName({ host, port }: Pick<ConnectionOptions, "host" | "port">): string {
  if (host.startsWith(unixPrefix)) return host;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Where Node connects to. */
function placeOf({ host, port }: ConnectionOptions): { path: string } | { host: string; port: number } {
  return host.startsWith(unixPrefix) ? { path: host.slice(unixPrefix.length) } : { host, port };
}

async function reach(
  { port, connectTimeoutMs }: ConnectionOptions,
  addresses: readonly string[],
  signal: AbortSignal,
): ReturnType<typeof connectFirst> {
  try {
    return await connectFirst({ addresses, port, timeoutMs: connectTimeoutMs }, signal);
  } catch (error) {
    throw new OpenFault((error as Error).message, "connection");
  }
}

async function connect(
  connection: NextHopConnection,
  options: ConnectionOptions,
  connected: Socket | undefined,
): Promise<void> {
  if (options.implicitTls) return startTls(connection, options, connected);
  if (connected) {
    connection.hold(connected);
    connection.listen();
    return;
  }
  const socket: Socket = connectTcp({
    ...placeOf(options),
    noDelay: true,
    // Replies are short, and text before the next octets come: no stream and no buffer of its own for each of them.
    onread: {
      buffer: replyOctets,
      callback: (length) => connection.takes(replyOctets.subarray(0, length), socket),
    },
  });
  connection.hold(socket);
  await established(socket, "connect", options.connectTimeoutMs);
  connection.listen();
}

/** Waits for a socket's handshake; its faults and its slowness reject. */
function established(socket: Socket, event: "connect" | "secureConnect", ms: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const ended = () => reject(new Error("the server closed the connection"));
  const late = () => socket.destroy(new Error("the connection was not there in time"));
  const timer = setTimeout(late, ms);
  socket.once(event, resolve);
  socket.on("error", reject);
  socket.once("close", ended);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.removeListener("error", reject);
    socket.removeListener("close", ended);
  });
}

/** Says a command, or waits for the greeting. `check` runs before anything else is read. */
export async function ask(
  connection: NextHopConnection,
  command: string | undefined,
  check?: () => void,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const before = connection.onEnd;
  const ended = () => {
    reject(connection.fault ?? new Error("the server closed the connection"));
    before?.();
  };
  const onReply = (reply: string) => {
    check?.();
    resolve(reply);
  };
  connection.onEnd = ended;
  if (!connection.socket) reject(connection.fault ?? new Error("the connection was ended"));
  else if (command === undefined) connection.expect(onReply, connection.timeouts.greetingMs);
  else {
    connection.say(command, onReply);
    connection.flush();
  }
  try {
    return await promise;
  } finally {
    connection.onEnd = before;
  }
}

async function greetAs(
  connection: NextHopConnection,
  { lmtp }: ConnectionOptions,
  name: string,
): Promise<boolean> {
  const reply = await ask(connection, `${lmtp ? "LHLO" : "EHLO"} ${name}`);
  const taken = isCode(reply, 250);
  if (taken) connection.keywords = readKeywords(reply);
  return taken;
}

async function ehlo(connection: NextHopConnection, options: ConnectionOptions): Promise<void> {
  const verb = options.lmtp ? "LHLO" : "EHLO";
  const reply = await ask(connection, `${verb} ${options.hostName}`);
  if (isCode(reply, 250)) {
    connection.keywords = readKeywords(reply);
    return;
  }
  // RFC 5321 3.2: a server of old times knows HELO only; with it there is neither TLS nor AUTH.
  const needsMore =
    options.lmtp || (options.startTls === "always" && !connection.secure) || options.auth !== undefined;
  if (!(isCode(reply, 500) || isCode(reply, 502) || isCode(reply, 504)) || needsMore)
    throw refusal(verb, reply);
  const helo = await ask(connection, `HELO ${options.hostName}`);
  if (!isCode(helo, 250)) throw refusal("HELO", helo);
  connection.keywords = new Map();
}

async function secureByPolicy(connection: NextHopConnection, options: ConnectionOptions): Promise<void> {
  const { startTls: policy } = options;
  if (connection.secure || policy === "none") return;
  if (!connection.keywords.has("STARTTLS")) {
    if (policy === "offered") return;
    throw new TlsFault("it does not offer STARTTLS, and TLS is demanded");
  }
  const reply = await ask(connection, "STARTTLS", () => {
    // RFC 3207 6: what comes in the clear after the answer would be taken for an answer under TLS.
    if (connection.hasMore)
      connection.end(new TlsFault("it sent octets in the clear behind its answer to STARTTLS"));
  });
  if (!isCode(reply, 220)) {
    if (policy === "offered") return;
    throw new TlsFault(refusal("STARTTLS", reply).message);
  }
  await startTls(connection, options, connection.socket);
  // RFC 3207 4.2: what was offered in the clear is forgotten.
  await ehlo(connection, options);
}

/** @param below the socket after STARTTLS; undefined: TLS from the first octet */
async function startTls(
  connection: NextHopConnection,
  options: ConnectionOptions,
  below: Socket | undefined,
): Promise<void> {
  const { host, verify } = options;
  const session = tlsSessions.get(options);
  const socket = connectTls({
    ...placeOf(options),
    ...{ rejectUnauthorized: verify, minVersion: "TLSv1.2" },
    ...(below ? { socket: below } : {}),
    // RFC 6066 3: an address is no server name.
    ...(isIP(host) === 0 && !host.startsWith(unixPrefix) ? { servername: host } : {}),
    ...(session ? { session } : {}),
  });
  // One is only kept once its server is trusted: who resumes it is not looked at again.
  let fresh: Buffer | undefined;
  socket.on("session", (one) => {
    fresh = one;
    if (connection.secure) tlsSessions.set(options, one);
  });
  connection.hold(socket);
  try {
    await established(socket, "secureConnect", options.connectTimeoutMs);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const certificate = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL/.test(code);
    tlsSessions.delete(options);
    if (!certificate && !below) throw error;
    throw new TlsFault(`TLS: ${message}`, below !== undefined);
  }
  if (options.fingerprints && !socket.isSessionReused()) {
    const { fingerprint256 = "" } = socket.getPeerCertificate();
    if (!options.fingerprints.includes(plainFingerprint(fingerprint256))) {
      throw new TlsFault(`TLS: its certificate ${fingerprint256} is none of the fingerprints`);
    }
  }
  connection.secure = true;
  if (fresh) tlsSessions.set(options, fresh);
  connection.listen();
}

async function authenticate(connection: NextHopConnection, credentials: Credentials): Promise<void> {
  if (!connection.secure) throw new OpenFault("credentials are not said in the clear", "us");
  const offered = (connection.keywords.get("AUTH") ?? "").toUpperCase().split(" ");
  const exchange = chooseExchange(offered, credentials);
  if (!exchange) throw new OpenFault("it offers no mechanism of AUTH that is known here", "us");
  const initial = exchange.initial === undefined ? "" : ` ${base64(exchange.initial)}`;
  let reply = await ask(connection, `AUTH ${exchange.mechanism}${initial}`);
  while (isCode(reply, 334)) {
    let answer: string;
    try {
      answer = await exchange.answer(Buffer.from(reply.slice(4), "base64").toString("utf8"));
    } catch (error) {
      throw new OpenFault((error as Error).message, "us");
    }
    reply = await ask(connection, base64(answer));
  }
  if (!isCode(reply, 235)) throw refusal("AUTH", reply);
  if (!exchange.complete())
    throw new OpenFault("it took the login without proof that it knows the password", "us");
}

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

function readKeywords(reply: string): ReadonlyMap<string, string> {
  const keywords = new Map<string, string>();
  // The first line is the server's name.
  for (const line of reply.split("\n").slice(1, KEYWORDS_MAX)) {
    // Servers of old times write "AUTH=PLAIN".
    const match = /^.{4}([A-Za-z0-9-]+)(?:[ =](.*))?$/.exec(line);
    if (match) keywords.set(match[1]!.toUpperCase(), (match[2] ?? "").trim());
  }
  return keywords;
}

function refusal(command: string, reply: string): OpenFault {
  return new OpenFault(`${command} was refused: ${shownReply(reply)}`, "us");
}
