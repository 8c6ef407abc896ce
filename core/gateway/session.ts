/**
 * What hosts see of the engine: a session they feed with what the client says, and answers they translate. Hosts
 * decide nothing: they neither fold nor plan.
 */
import type { Address, Reply, ReversePath, ScramCost } from "../mail/mod.ts";
import type {
  AuthAttempt,
  ClientName,
  EarlyTalkHow,
  FactValue,
  ForwardedClient,
  Identity,
  ListenerInfo,
  MailParameters,
  Origin,
  RcptParameters,
  TlsInfo,
} from "../pipeline/mod.ts";

/** An answer of the engine, before a host puts it into its own words. */
export interface Answer {
  /** `goOn`: to a command; `accepted`: to a message, it is ours or the next hop's now. */
  readonly kind: "goOn" | "accepted" | "reject" | "tempfail" | "disconnect";
  /** RFC 3463 code of the kind's class; "" where the host's own code should stand. */
  readonly enhanced: string;
  /** One line, bounded and without controls; "" where the host's own words should stand. Ends with "(ref ID)" in answers to a message. */
  readonly text: string;
  /** The basic code, where a next hop's or the engine's own reply has a certain one. */
  readonly code?: number;
}

/** Takes in the octets of one message after DATA, BDAT or an upload. */
export interface ContentReceiver {
  /** What is kept is copied: the octets need only hold until it returns. Gives a promise when the host should pause its source. */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** The final dot: runs `data`, `route`, the fold and the inline deliveries. Never rejects. */
  end(): Promise<MessageAnswer>;
  /**
   * The content did not come whole or may not be taken (the client vanished, bare line feeds, too large). With an
   * answer, it is recorded and given back with its "(ref ID)" for the host to say.
   */
  abort(reason: string, answer?: Answer): Promise<Answer | undefined>;
}

/** The answer to a message: one for all, and one for each recipient for hosts that answer each (LMTP). */
export interface MessageAnswer {
  readonly answer: Answer;
  readonly recipients: readonly Answer[];
}

/** What a SCRAM client is asked (RFC 5802 3). A host that drops it ends the attempt; nobody is authenticated. */
export interface ScramChallenge extends ScramCost {
  /**
   * Judges the client's one proof: gives our signature for the server's last message, or the answer that refuses.
   *
   * @param authMessage the AuthMessage of RFC 5802 3
   */
  prove(authMessage: string, proof: Uint8Array): Promise<Uint8Array | Answer>;
  /** The client has taken our signature: it is who it claims to be from now on. */
  accept(): Answer;
}

/** What a host tells when a client connects. */
export interface SessionStart {
  readonly origin: Origin;
  readonly listener: ListenerInfo;
  /** The TCP peer or, behind PROXY and XCLIENT, who it speaks for. */
  readonly client: { readonly ip: string; readonly port: number };
  /** Its name by reverse DNS, where one whom the host trusts has looked it up. */
  readonly clientName?: FactValue<typeof ClientName>;
  /** Who the client is, where one whom the host trusts has proved it. It may relay; STARTTLS and AUTH end it. */
  readonly identity?: Identity;
  /** TLS that is up already. */
  readonly tls?: TlsInfo;
  /** The address the client connected to: "127.0.0.1:25", "" when unknown. */
  readonly local: string;
}

/** What one XFORWARD says; null is not known. */
export type SaidByXforward = { readonly [K in keyof ForwardedClient]?: ForwardedClient[K] | null };

/** Takes in what is said in a session, for the trace. Hosts tell it before a command runs and when a reply is given. */
export interface HeardLines {
  /** @param secret whether it is a line of an AUTH exchange and not a command */
  heard(line: Uint8Array, secret: boolean): void;
  said(reply: Reply): void;
}

/** One session. Calls come one at a time, as commands do. None rejects. */
export interface GatewaySession {
  /** The trace id of the session. */
  readonly id: string;
  /** Whether the client is in a trusted network. */
  readonly trusted: boolean;
  readonly identity: Identity | undefined;
  /** Absent where nobody wants to know what is said. */
  readonly dialogue?: HeardLines | undefined;
  connect(): Promise<Answer>;
  /** The client did not wait for us: the fact EarlyTalk. The first call counts. */
  talkedEarly(how: EarlyTalkHow): void;
  ehlo(name: string, verb?: "HELO" | "EHLO" | "LHLO"): Promise<Answer>;
  /** STARTTLS or implicit TLS is up: `ehlo` and `auth` facts of before are gone (RFC 3207 4.2). */
  startedTls(tls: TlsInfo): void;
  auth(attempt: AuthAttempt): Promise<Answer>;
  /**
   * Begins SCRAM-SHA-256. Users that nobody knows get a challenge too. An answer ends the attempt.
   *
   * @param user as saslPrep gives it
   */
  scram(user: string): Promise<ScramChallenge | Answer>;
  /**
   * A listed peer said by XFORWARD of whom it had the next message: null is not known, and what was said before and is
   * not said now stays. It holds to the end of the next transaction, or to RSET and EHLO.
   */
  forwarded(said: SaidByXforward): void;
  mail(reversePath: ReversePath, parameters: MailParameters): Promise<Answer>;
  rcpt(forwardPath: Address, parameters: RcptParameters): Promise<Answer>;
  /** DATA came and the command is fit for 354. The transaction needs a recipient. */
  receive(): ContentReceiver;
  /** RSET, or a new EHLO: the transaction is gone. */
  reset(): void;
  /** The connection is gone. */
  close(): void;
}
