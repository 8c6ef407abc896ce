/** One session: the commands of a client, the facts they give, and the transaction that is open, if any. */
import type { Address, ReversePath } from "../mail/mod.ts";
import {
  type AnyFact,
  type AuthAttempt,
  type Client,
  ClientName,
  type ConditionResults,
  EarlyTalk,
  type EarlyTalkHow,
  type FactMap,
  type HookSubject,
  type Identity,
  type ListenerInfo,
  type MailParameters,
  type RcptParameters,
  type Resolver,
  SCRAM_SHA_256,
  type SessionVerdict,
  type Stage,
  type TlsInfo,
  Trace,
  type VerdictOf,
} from "../pipeline/mod.ts";
import { answerOf, goOn, outcomeOf, rejected, systemTrouble, withRef } from "./answers.ts";
import { type ClientNameValue, lookUpClientName } from "./client-name.ts";
import type { SessionDialogue } from "./dialogue.ts";
import type { Engine } from "./engine.ts";
import { forwardedOf } from "./forwarded-client.ts";
import { runStage } from "./run-stage.ts";
import { type Claim, notAuthentic, ScramExchange } from "./scram-exchange.ts";
import type {
  Answer,
  ContentReceiver,
  GatewaySession,
  SaidByXforward,
  ScramChallenge,
  SessionStart,
} from "./session.ts";
import type { SessionState } from "./session-state.ts";
import { Transaction } from "./transaction.ts";
import type { UpstreamNetworks } from "./true-client.ts";

/** Entries of the session's own stages that each of its messages repeats. */
const SESSION_ENTRIES_MAX = 60;

/** Which addresses are whose at a listener. */
export interface ListenerNetworks {
  readonly trusts: (ip: string) => boolean;
  /** Absent: nobody is. */
  readonly isUpstream?: (ip: string) => boolean;
}

/** The engine's session. */
export class EngineSession implements GatewaySession, SessionState {
  readonly id: string;
  readonly engine: Engine;
  readonly start: SessionStart;
  readonly client: Client;
  readonly listener: ListenerInfo;
  readonly facts: FactMap = new Map();
  readonly conditions: ConditionResults = new Map();
  readonly trace = new Trace(SESSION_ENTRIES_MAX);
  readonly startedAt: number;
  readonly dialogue: SessionDialogue | undefined;
  /** Set where the client is an upstream: the true one is named by the message. */
  readonly upstreamOf: UpstreamNetworks | undefined;
  identity: Identity | undefined;
  ehloName: string | undefined;
  /** Whether the client hears an answer for each RCPT after the content (RFC 2033 4.2). */
  readonly answersEachRcpt: boolean;
  /** Whether the host is a submission server, which completes messages (RFC 6409 8). */
  readonly submits: boolean;
  /** Whether the client greeted with EHLO or LHLO, for the word of the trace field. */
  extended = true;
  tls: TlsInfo | undefined;
  #transaction: Transaction | undefined;
  /** What a peer said by XFORWARD of the message that comes. */
  #forwarded: SaidByXforward | undefined;
  #nameLookUp: AbortController | undefined;
  /** What the SCRAM exchange that is under way would make of the client. */
  #claim: Claim | undefined;
  #dns: Resolver | undefined;

  /** @param networks of the listener; absent: it trusts nobody */
  constructor(engine: Engine, start: SessionStart, networks: ListenerNetworks | undefined) {
    this.engine = engine;
    this.start = start;
    this.id = engine.newId();
    this.listener = start.listener;
    this.answersEachRcpt = start.origin === "lmtp";
    this.submits = start.listener.kind === "submission" || start.listener.kind === "submissions";
    this.startedAt = engine.services.clock.monotonic();
    const { ip } = start.client;
    this.dialogue = engine.dialogues?.open(ip, engine.services.clock);
    this.upstreamOf = networks?.isUpstream?.(ip) ? (networks as UpstreamNetworks) : undefined;
    const trusted = networks?.trusts(ip) === true;
    this.client = { ...start.client, trusted, ...(this.upstreamOf ? { isUpstream: true } : {}) };
    this.identity = start.identity;
    this.tls = start.tls;
    if (start.clientName) this.#named(start.clientName);
    else if (engine.readsClientName && ip !== "") this.#lookUpName(ip);
  }

  get trusted(): boolean {
    return this.client.trusted;
  }

  async connect(): Promise<Answer> {
    return this.#decide("connect", {});
  }

  talkedEarly(how: EarlyTalkHow): void {
    if (!this.facts.has(EarlyTalk)) this.facts.set(EarlyTalk, how);
  }

  async ehlo(name: string, verb: "HELO" | "EHLO" | "LHLO" = "EHLO"): Promise<Answer> {
    this.extended = verb !== "HELO";
    this.reset();
    this.#forget("ehlo");
    this.ehloName = name;
    return this.#decide("ehlo", {});
  }

  startedTls(tls: TlsInfo): void {
    this.reset();
    this.#forget("ehlo");
    this.#forget("auth");
    this.ehloName = undefined;
    this.identity = undefined;
    this.#claim = undefined;
    this.tls = tls;
  }

  async auth(attempt: AuthAttempt): Promise<Answer> {
    try {
      this.#forget("auth");
      this.identity = undefined;
      this.#claim = undefined;
      const verdict = await this.#run("auth", { attempt });
      if (verdict?.verdict === "identify") {
        this.identity = verdict.identity;
        return goOn;
      }
      // What plugins found out about who the client is not must not be read as who it is.
      this.#forget("auth");
      if (verdict && verdict.verdict !== "identifyByProof") return answerOf(verdict);
      // Nobody vouched for the client: it can not slip through by everybody passing.
      return notAuthentic();
    } catch (error) {
      return this.#broken(error);
    }
  }

  async scram(user: string): Promise<ScramChallenge | Answer> {
    try {
      this.#forget("auth");
      this.identity = undefined;
      const { scram } = this.engine;
      if (scram === undefined) return notAuthentic();
      const attempt: AuthAttempt = { mechanism: SCRAM_SHA_256, user, password: "" };
      const verdict = await this.#run("auth", { attempt }, scram.slots);
      // Until the client has its proof, what plugins found out about it is nobody's.
      const facts = this.#forget("auth");
      if (verdict?.verdict === "tempfail" || verdict?.verdict === "disconnect") return answerOf(verdict);
      const known = verdict?.verdict === "identifyByProof" ? verdict : undefined;
      // Made for known users too, so that the time does not tell who is one.
      const strangersKeys = await scram.strangersKeys(user);
      const claim: Claim = {
        keys: known?.keys ?? strangersKeys,
        identity: known?.identity,
        judged: (result) => this.#note("proof", result),
        take: (identity) => {
          if (this.#claim !== claim) return false;
          this.identity = identity;
          for (const [fact, value] of facts) this.facts.set(fact, value);
          return true;
        },
      };
      this.#claim = claim;
      return new ScramExchange(claim);
    } catch (error) {
      return this.#broken(error);
    }
  }

  forwarded(said: SaidByXforward): void {
    this.#forwarded = { ...this.#forwarded, ...said };
  }

  async mail(reversePath: ReversePath, parameters: MailParameters): Promise<Answer> {
    this.#abandon();
    this.dialogue?.began(reversePath);
    const transaction = new Transaction(this, { reversePath, parameters });
    if (this.#forwarded) transaction.forwarded = forwardedOf(this.#forwarded);
    try {
      const answer = await transaction.mail();
      if (answer.kind === "goOn") this.#transaction = transaction;
      else transaction.end(outcomeOf(answer), answer);
      return answer;
    } catch (error) {
      const answer = this.#broken(error, transaction);
      transaction.note("fault", String(error));
      transaction.end("deferred", answer);
      return answer;
    }
  }

  async rcpt(forwardPath: Address, parameters: RcptParameters): Promise<Answer> {
    const transaction = this.#transaction;
    if (!transaction) return rejected("5.1", "MAIL first", 503);
    this.dialogue?.named(forwardPath);
    try {
      return await transaction.rcpt(forwardPath, parameters);
    } catch (error) {
      return this.#broken(error, transaction);
    }
  }

  receive(): ContentReceiver {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    this.#forwarded = undefined;
    if (!transaction)
      throw new Error("receive() needs a transaction: the host lets DATA through without MAIL");
    return transaction.receive();
  }

  reset(): void {
    this.#abandon();
    this.#forwarded = undefined;
  }

  #abandon(): void {
    this.#transaction?.end("aborted");
    this.#transaction = undefined;
  }

  close(): void {
    this.reset();
    this.#nameLookUp?.abort();
  }

  /** The client's name, confirmed by reverse DNS; "" where there is none or it is not known. */
  get clientName(): string {
    return (this.facts.get(ClientName) as ClientNameValue | undefined)?.name ?? "";
  }

  /** What the hooks of its own stages ask; made for the first that does. */
  get dns(): Resolver {
    this.#dns ??= this.engine.dnsFor((event, detail) => this.#note(event, detail));
    return this.#dns;
  }

  /** The subject of a hook run of this session's own stages. */
  subject(own: object): HookSubject {
    return {
      id: this.id,
      origin: this.start.origin,
      gateway: this.engine.info,
      listener: this.listener,
      client: this.client,
      ehlo: this.ehloName,
      tls: this.tls,
      identity: this.identity,
      services: this.engine.hookServices,
      asker: this,
      facts: (fact: AnyFact) => (fact.scope === "session" ? this.facts : undefined),
      conditions: (per) => (per === "session" ? this.conditions : undefined),
      own,
      trace: this.trace,
      startedAt: this.startedAt,
    };
  }

  async #run<S extends "connect" | "ehlo" | "auth">(
    stage: S,
    own: object,
    slots = this.engine.pipeline.hooks[stage],
  ): Promise<VerdictOf[S] | undefined> {
    const subject = this.subject(own);
    // What a session stage's hook returns and its `onError` may give are both of its own verdicts.
    return runStage({ stage, slots, subject: () => subject }) as Promise<VerdictOf[S] | undefined>;
  }

  async #decide(stage: "connect" | "ehlo", own: object): Promise<Answer> {
    if (this.engine.pipeline.hooks[stage].length === 0) return goOn;
    try {
      const verdict = (await this.#run(stage, own)) as SessionVerdict | undefined;
      return verdict ? withRef(answerOf(verdict), this.id) : goOn;
    } catch (error) {
      return this.#broken(error);
    }
  }

  #lookUpName(ip: string): void {
    this.#nameLookUp = new AbortController();
    lookUpClientName(ip, this.engine.services, this.#nameLookUp.signal).then(
      (value) => this.#named(value),
      // The client is gone.
      () => {},
    );
  }

  #note(event: string, detail: string): void {
    const at = Math.round(this.engine.services.clock.monotonic() - this.startedAt);
    this.trace.add({ at, event, detail });
  }

  #named(value: ClientNameValue): void {
    this.facts.set(ClientName, Object.freeze(value));
    this.#note("clientName", `${value.result} ${value.name}`.trim());
  }

  #broken(error: unknown, transaction?: Transaction): Answer {
    this.engine.services.log.error("engineFault", { ref: transaction?.id ?? this.id, cause: String(error) });
    return withRef(systemTrouble(), transaction?.id ?? this.id);
  }

  /** Gives the facts that it took away. */
  #forget(stage: Stage): FactMap {
    const forgotten: FactMap = new Map();
    for (const [fact, value] of this.facts) {
      if (fact.stage !== stage) continue;
      forgotten.set(fact, value);
      this.facts.delete(fact);
    }
    return forgotten;
  }
}
