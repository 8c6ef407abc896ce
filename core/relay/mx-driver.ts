/**
 * The driver of `mx()`: looks up the hosts of a recipient's domain (RFC 5321 5.1), keeps connections for each list of
 * hosts, and connects to the addresses that were looked up and to no others. Who the hosts are is mx-candidates.ts's, one
 * delivery pool-delivery.ts's. No DNSSEC, no DANE, no MTA-STS, no queue.
 */
import { durationMs, type MxNextHop } from "../config/mod.ts";
import type {
  DeliverOptions,
  Delivery,
  DeliveryResult,
  DeliverySlots,
  NextHopDriver,
  NextHopExtensions,
} from "../gateway/mod.ts";
import type { Clock, Log, Random, Resolver } from "../pipeline/mod.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { type MxHost, type MxOutcome, mxCandidates } from "./mx-candidates.ts";
import { relayReplies } from "./next-hop-reply.ts";
import type { ConnectionOptions } from "./open-connection.ts";
import { deliverOnPool, notTried } from "./pool-delivery.ts";
import { isPublicAddress, isThisMachine } from "./public-address.ts";

/** What {@link createMxDriver} needs of the host. */
export interface MxDriverOptions {
  /** The name for EHLO; a host of that name is this gateway. */
  readonly hostName: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly dns: Resolver;
  /** Shuffles hosts of one preference. */
  readonly random: Random;
  /** Whether mail to an address would come back here. Absent: loopback would, unless private addresses are allowed. */
  readonly isOwnAddress?: (ip: string) => boolean;
}

/** Makes the driver of one `mx()` next hop. Each delivery must be for one domain. */
export function createMxDriver(
  name: string,
  description: MxNextHop,
  options: MxDriverOptions,
): NextHopDriver {
  return new MxDriver(name, description, options);
}

const MESSAGES_PER_CONNECTION_MAX = 1_000;
const CONNECTION_LIFE_TIME = "5m";
/** Lists of hosts whose connections and troubles are kept; beyond, the one used longest ago goes. */
const POOLS_MAX = 1_000;
/** How long a list without connections is kept, so that hosts that failed are still passed over. */
const POOL_IDLE_MS = 300_000;
/** Hosts that are tried for one delivery, and how long each may take until it is ready for MAIL. */
const HOSTS_TRIED_MAX = 4;
const TRY_MS = 30_000;

/**
 * What any host can be trusted to take. 8BITMIME is at hand nearly everywhere, and RFC 6152 3 lets a message fail where
 * it is not; nothing is promised of the others before the host is known.
 */
const EXTENSIONS: NextHopExtensions = {
  eightBitMime: true,
  smtputf8: false,
  dsn: false,
  requireTls: false,
};

interface HostList {
  readonly pool: ConnectionPool;
  /** Of all its hosts, to see when they moved. */
  addresses: string;
  usedAt: number;
}

/** How the connections to one list are secured. */
type Security = Pick<ConnectionOptions, "startTls" | "verify">;

class MxDriver implements NextHopDriver {
  readonly description: string;
  readonly #name: string;
  readonly #hop: MxNextHop;
  readonly #options: MxDriverOptions;
  readonly #manner: { readonly passReplyText: boolean; readonly forwardClient: undefined };
  readonly #isOwnAddress: (ip: string) => boolean;
  /** In the order of use, the least recent first. */
  readonly #lists = new Map<string, HostList>();
  /** Lists that were let go while connections of theirs ran. */
  readonly #leaving = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;

  constructor(name: string, hop: MxNextHop, options: MxDriverOptions) {
    this.description = hop.port === 25 ? "mx" : `mx at port ${hop.port}`;
    this.#name = name;
    this.#hop = hop;
    this.#options = options;
    this.#manner = { passReplyText: hop.passReplyText, forwardClient: undefined };
    const { isOwnAddress: isOwn = () => false } = options;
    this.#isOwnAddress = hop.allowPrivateAddresses ? isOwn : (ip) => isThisMachine(ip) || isOwn(ip);
  }

  async deliver(delivery: Delivery, options: DeliverOptions): Promise<DeliveryResult> {
    const domain = delivery.recipients[0]?.forwardPath.domainAscii ?? "";
    // The engine parts them; a guess would send the copy of one domain to the hosts of another.
    if (delivery.recipients.some(({ forwardPath }) => forwardPath.domainAscii !== domain))
      return notTried(delivery, relayReplies.aboutUs, "us", "recipients of several domains in one delivery");
    let outcome: MxOutcome;
    try {
      outcome = await this.#lookUp(domain, options.signal);
    } catch (error) {
      const cause = `the hosts of ${domain} can not be looked up: ${String(error)}`;
      return notTried(delivery, relayReplies.unreachable, "connection", cause);
    }
    if (outcome.status !== "found") {
      const ended = outcome.status === "rejected" ? "reply" : "connection";
      return notTried(delivery, outcome.reply, ended, `${domain}: ${outcome.reply.text}`);
    }
    if (this.#closed) return notTried(delivery, relayReplies.unreachable, "connection", "it is closed");
    if (delivery.parameters.requireTls !== true) {
      const pool = this.#poolOf(outcome.hosts, this.#security());
      return deliverOnPool(pool, delivery, options, this.#manner);
    }
    // RFC 8689 4.2.1: a host that an MX record without DNSSEC names must be in the domain's MTA-STS policy. Without
    // either, only the domain's own name is what its owner vouches for.
    const named = outcome.hosts.filter((host) => host.name === domain);
    if (named.length === 0) {
      const cause = `${domain}: nothing proves that its hosts are its own, as REQUIRETLS demands`;
      return notTried(delivery, relayReplies.noRequireTls, "reply", cause);
    }
    // Where TLS or the certificate fails it is 5.7.30 too, said by the transaction on seeing the connection.
    const startTls = this.#hop.tls === "none" ? "none" : "offered";
    const pool = this.#poolOf(named, { startTls, verify: true });
    return deliverOnPool(pool, delivery, options, this.#manner);
  }

  slots(): DeliverySlots {
    // Each list of hosts has as many; which list a domain has is not known before it is looked up.
    const max = this.#hop.connectionsMax;
    return { max, free: max };
  }

  extensions(): NextHopExtensions {
    return EXTENSIONS;
  }

  async probe(): Promise<void> {
    // Which host it would be is not known before there is a recipient.
  }

  close(): Promise<void> {
    this.#closed ??= Promise.all([
      ...[...this.#lists.values()].map(({ pool }) => pool.close()),
      ...this.#leaving,
    ]).then(() => {});
    return this.#closed;
  }

  #lookUp(domain: string, signal: AbortSignal): Promise<MxOutcome> {
    const { dns, random, hostName } = this.#options;
    const isOwnAddress = this.#isOwnAddress;
    const inner = { dns, random, ownNames: [hostName], isOwnAddress, signal };
    return mxCandidates(
      domain,
      this.#hop.allowPrivateAddresses ? inner : { ...inner, mayReach: isPublicAddress },
    );
  }

  #security(): Security {
    const { tls } = this.#hop;
    if (tls === "none") return { startTls: "none", verify: false };
    return { startTls: tls === "opportunistic" ? "offered" : "always", verify: tls === "verified" };
  }

  /** The connections to a list of hosts: domains that name the same hosts share them. */
  #poolOf(hosts: readonly MxHost[], security: Security): ConnectionPool {
    // The order of equal ones is drawn for each connection, and means nothing here.
    const sorted = [...hosts].sort(
      (a, b) => a.preference - b.preference || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
    );
    const names = sorted.map(({ preference, name }) => `${preference} ${name}`).join(" ");
    const key = `${security.startTls} ${security.verify} ${names}`;
    const addresses = sorted.map((host) => [...host.addresses].sort().join(" ")).join(",");
    const now = this.#options.clock.monotonic();
    let list = this.#lists.get(key);
    if (list === undefined) {
      list = { pool: this.#openPool(sorted, security), addresses, usedAt: now };
    } else if (list.addresses !== addresses) {
      list.pool.move(sorted.map((host) => this.#server(host, security)));
      list.addresses = addresses;
    }
    list.usedAt = now;
    this.#lists.delete(key);
    this.#lists.set(key, list);
    this.#letGo(now);
    return list.pool;
  }

  #openPool(hosts: readonly MxHost[], security: Security): ConnectionPool {
    const { connectTimeout, connectionsMax, messagesPerConnectionMax, connectionLifeTime } = this.#hop;
    const { clock, log } = this.#options;
    return new ConnectionPool({
      nextHop: this.#name,
      servers: hosts.map((host) => this.#server(host, security)),
      preferences: hosts.map(({ preference }) => preference),
      triesMax: HOSTS_TRIED_MAX,
      tryMs: TRY_MS,
      // Hosts of strangers: what they think of us is seldom for the operator to mend.
      refusalLevel: "warn",
      clearOnHandshakeFault: security.startTls === "offered",
      connectionsMax,
      transactionsMax: messagesPerConnectionMax ?? MESSAGES_PER_CONNECTION_MAX,
      lifeMs: durationMs(connectionLifeTime ?? CONNECTION_LIFE_TIME),
      waitMs: durationMs(connectTimeout),
      clock,
      log,
    });
  }

  #server({ name, addresses }: MxHost, security: Security): ConnectionOptions {
    const { port, connectTimeout, replyTimeout } = this.#hop;
    return {
      // A literal has one address, which is its name.
      host: name.startsWith("[") ? addresses[0]! : name,
      addresses,
      port,
      hostName: this.#options.hostName,
      implicitTls: false,
      ...security,
      auth: undefined,
      connectTimeoutMs: durationMs(connectTimeout),
      replyTimeoutMs: replyTimeout === undefined ? undefined : durationMs(replyTimeout),
    };
  }

  /** Lists that nobody used for a while, and those above the bound: their connections end as they become free. */
  #letGo(now: number): void {
    for (const [key, { pool, usedAt }] of this.#lists) {
      const isOver = this.#lists.size > POOLS_MAX;
      if (!isOver && !(usedAt <= now - POOL_IDLE_MS && pool.empty)) return;
      this.#lists.delete(key);
      const left = pool.close().then(() => void this.#leaving.delete(left));
      this.#leaving.add(left);
    }
  }
}
