/** What a transaction knows of the session it is in: a client's, or one made again from the spool for an attempt. */
import type {
  Client,
  ConditionResults,
  FactMap,
  Identity,
  ListenerInfo,
  TlsInfo,
  Trace,
} from "../pipeline/mod.ts";
import type { SessionDialogue } from "./dialogue.ts";
import type { Engine } from "./engine.ts";
import type { SessionStart } from "./session.ts";
import type { UpstreamNetworks } from "./true-client.ts";

/** See the head of the file. */
export interface SessionState {
  /** Its trace id; "" of one that is over. */
  readonly id: string;
  readonly engine: Engine;
  readonly start: Pick<SessionStart, "origin">;
  /** Who connected. */
  readonly client: Client;
  readonly trusted: boolean;
  readonly listener: ListenerInfo;
  readonly facts: FactMap;
  readonly conditions: ConditionResults;
  readonly trace: Trace;
  readonly dialogue: SessionDialogue | undefined;
  /** Set where the client is an upstream: the true one is named by the message. */
  readonly upstreamOf: UpstreamNetworks | undefined;
  readonly identity: Identity | undefined;
  readonly ehloName: string | undefined;
  /** Whether the client hears an answer for each RCPT after the content (RFC 2033 4.2). */
  readonly answersEachRcpt: boolean;
  /** Whether the host is a submission server, which completes messages (RFC 6409 8). */
  readonly submits: boolean;
  /** Whether the client greeted with EHLO or LHLO, for the word of the trace field. */
  readonly extended: boolean;
  readonly tls: TlsInfo | undefined;
  /** The client's name, confirmed by reverse DNS; "" where there is none or it is not known. */
  readonly clientName: string;
}
