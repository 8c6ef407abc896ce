/** The session of a message that lay in the spool, as far as its attempts have to know: the client is long gone. */
import {
  type Client,
  ClientName,
  type ConditionResults,
  type FactMap,
  type Identity,
  type ListenerInfo,
  type Origin,
  type TlsInfo,
  Trace,
} from "../pipeline/mod.ts";
import type { ClientNameValue } from "./client-name.ts";
import type { SessionDialogue } from "./dialogue.ts";
import type { Engine } from "./engine.ts";
import type { SessionState } from "./session-state.ts";
import type { StoredMessage } from "./spool.ts";

/** See the head of the file. */
export class StoredSession implements SessionState {
  readonly id = "";
  readonly engine: Engine;
  readonly start: { readonly origin: Origin };
  readonly client: Client;
  readonly listener: ListenerInfo;
  readonly facts: FactMap;
  readonly conditions: ConditionResults = new Map();
  /** Its stages are in the trace of the transaction. */
  readonly trace = new Trace(0);
  readonly dialogue: SessionDialogue | undefined;
  /** The client behind it is known. */
  readonly upstreamOf = undefined;
  readonly identity: Identity | undefined;
  readonly ehloName: string | undefined;
  readonly answersEachRcpt = false;
  readonly submits: boolean;
  readonly extended = true;
  readonly tls: TlsInfo | undefined;

  constructor(engine: Engine, message: StoredMessage, origin: Origin, facts: FactMap) {
    const { client, listener, ehlo, tls, identity } = message;
    this.engine = engine;
    this.start = { origin };
    this.client = client.via === undefined ? client : { ip: client.via, port: 0, trusted: client.trusted };
    this.listener = listener;
    this.facts = facts;
    this.dialogue = engine.dialogues?.open(this.client.ip, engine.services.clock);
    this.identity = identity;
    this.ehloName = ehlo === "" ? undefined : ehlo;
    this.submits = listener.kind === "submission" || listener.kind === "submissions";
    this.tls = tls;
  }

  get trusted(): boolean {
    return this.client.trusted;
  }

  get clientName(): string {
    return (this.facts.get(ClientName) as ClientNameValue | undefined)?.name ?? "";
  }
}
