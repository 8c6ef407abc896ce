/** The service that carries a delivery to a next hop. Hosts map each kind of next-hop description to a driver. */
import type { Address, Content, Reply, ReversePath } from "../mail/mod.ts";
import type { Client, ForwardedClient, MailParameters, Origin, RcptParameters } from "../pipeline/mod.ts";

/** One recipient of a delivery. */
export interface DeliveryRecipient {
  readonly forwardPath: Address;
  readonly parameters: RcptParameters;
}

/** A message for one next hop, as it leaves: trace field, edits and signatures are in `content`. */
export interface Delivery {
  /** The trace id of the transaction; several deliveries of one message share it. */
  readonly id: string;
  /** 1 for the first delivery of the message; with `id` it names the delivery. */
  readonly number: number;
  readonly origin: Origin;
  readonly nextHop: string;
  readonly reversePath: ReversePath;
  /** Parameters of MAIL to keep: body, smtputf8, ret, envid, requireTls. SIZE follows from the content. */
  readonly parameters: MailParameters;
  readonly recipients: readonly DeliveryRecipient[];
  readonly content: Content;
  /** For XCLIENT, XFORWARD and logs: who connected here, which is `via` where that is set. */
  readonly client: Client;
  /** What a server in front said by XFORWARD, for XFORWARD again; absent: nobody did. */
  readonly forwarded?: ForwardedClient;
  /** The client's EHLO name, "" when unknown. */
  readonly ehlo: string;
}

/** The answer for one recipient, after the next hop's RCPT or final reply. */
export interface RecipientResult {
  /** `aside`: taken at RCPT, and the content was not sent because of another recipient (`proceed` said no). */
  readonly status: "delivered" | "rejected" | "tempfailed" | "aside";
  /**
   * The next hop's own RCPT or final reply; for what it said about us (greeting, EHLO, STARTTLS, AUTH, 530, 535) and
   * for connection failures a reply of ours.
   */
  readonly reply: Reply;
}

/** How an attempt ended; `recipients` has one result for each recipient of the delivery, in order. */
export interface DeliveryResult {
  readonly recipients: readonly RecipientResult[];
  /** `connection`: never talked; `us`: it refused us, an operator must look; `reply`: it answered; `lost`: no answer after the dot, a copy may have been taken. */
  readonly ended: "connection" | "us" | "reply" | "lost";
  /** Of `us`: TLS could not be had as the policy asks. */
  readonly tlsFault?: boolean;
  /** Who answered, as "192.0.2.1:25". */
  readonly server?: string;
  /** The cause for trace and log, never for clients. */
  readonly cause?: string;
}

export interface DeliverOptions {
  /** Aborts when the deadline of the transaction is over; the driver then settles as it stands. */
  readonly signal: AbortSignal;
  /**
   * Asked once all RCPT replies are there and at least one is positive: whether to send the content. Otherwise the
   * driver says RSET, and the results of accepted recipients are `aside` with 451. With a single recipient a driver may
   * ask before anything is said, as `["accepted"]`: the content can then go with the commands, and is taken only if
   * RCPT is (RFC 3030 4.2).
   */
  readonly proceed: (results: readonly (RecipientResult | "accepted")[]) => boolean;
  /**
   * Told of each command to and each reply of a server, without content and secrets, lines of a reply parted by "\n".
   * Absent: nobody wants to know.
   */
  readonly onLine?: ((server: string, who: "gateway" | "nextHop", line: string) => void) | undefined;
}

/** How a next hop is asked for a recipient. */
export interface VerifyOptions {
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** What a next hop says of a recipient before there is any message. */
export interface VerifyResult {
  /** `bad`: it said itself that there is no such recipient; what it says of us, the sender or the hour is `undecided`. */
  readonly status: "good" | "bad" | "undecided";
  /** Its answer to MAIL or RCPT, fit to pass on; absent where there is none. */
  readonly reply?: Reply;
  /** As of a delivery; `busy`: it was not asked, as others are served first. */
  readonly ended: "connection" | "us" | "reply" | "busy";
  /** Who answered, as "192.0.2.1:25". */
  readonly server?: string;
  /** The cause for trace and log, never for clients. */
  readonly cause?: string;
}

/** What a next hop offered in its last EHLO. */
export interface NextHopExtensions {
  readonly size?: number;
  readonly eightBitMime: boolean;
  readonly smtputf8: boolean;
  readonly dsn: boolean;
  readonly requireTls: boolean;
}

/** How many deliveries a next hop, or a domain of `mx()`, takes at once. */
export interface DeliverySlots {
  /** Connections it may have. */
  readonly max: number;
  /** How many of them a delivery could have at once; 0: it would wait, for a connection or its turn. */
  readonly free: number;
}

/** Carries deliveries to one named next hop. */
export interface NextHopDriver {
  /** Where mail goes, for people: "smtp 192.0.2.1:25" or "mailbox .postern/mailbox". */
  readonly description: string;
  /** One attempt. Never rejects: every failure is a result. */
  deliver(delivery: Delivery, options: DeliverOptions): Promise<DeliveryResult>;
  /**
   * Asks at RCPT whether there is such a recipient, and sends no content. Never rejects. Absent: it takes everyone, or
   * can not be asked.
   */
  verify?(reversePath: ReversePath, forwardPath: Address, options: VerifyOptions): Promise<VerifyResult>;
  /** Asked by the queue before a delivery. Absent: nobody knows, and a common measure is taken. */
  slots?(): DeliverySlots;
  /** What the last EHLO offered; undefined while unknown. */
  extensions(): NextHopExtensions | undefined;
  /**
   * Calls `told` each time that an EHLO was answered, of a delivery's connection or of a probe, once `extensions()`
   * knows it. Absent: what it offers never changes, or never is known.
   */
  onExtensions?(told: () => void): void;
  /** Asks the next hop for its extensions; never rejects. */
  probe(signal: AbortSignal): Promise<void>;
  /** Ends kept connections; running deliveries are finished first. */
  close(): Promise<void>;
}
