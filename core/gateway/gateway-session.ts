/** One session: the commands of a client, the facts they give, and the transaction that is open, if any. */
import type { Address, ReversePath } from "../mail/mod.ts";
import {
  type AnyFact,
  type AuthAttempt,
  type Client,
  type ConditionResults,
  type FactMap,
  type HookSubject,
  type Identity,
  type ListenerInfo,
  type MailParameters,
  type RcptParameters,
  type SessionVerdict,
  type Stage,
  type TlsInfo,
  Trace,
  type VerdictOf,
} from "../pipeline/mod.ts";
import { answerOf, goOn, outcomeOf, rejected, systemTrouble, withRef } from "./answers.ts";
import type { Engine } from "./engine.ts";
import { runStage } from "./run-stage.ts";
import type { Answer, ContentReceiver, GatewaySession, SessionStart } from "./session.ts";
import { Transaction } from "./transaction.ts";

/** Entries of the session's own stages that each of its messages repeats. */
const SESSION_ENTRIES_MAX = 60;

/** The engine's session. */
export class EngineSession implements GatewaySession {
  readonly id: string;
  readonly engine: Engine;
  readonly start: SessionStart;
  readonly client: Client;
  readonly listener: ListenerInfo;
  readonly facts: FactMap = new Map();
  readonly conditions: ConditionResults = new Map();
  readonly trace = new Trace(SESSION_ENTRIES_MAX);
  readonly startedAt: number;
  identity: Identity | undefined;
  ehloName: string | undefined;
  /** Whether the client greeted with EHLO or LHLO, for the word of the trace field. */
  extended = true;
  tls: TlsInfo | undefined;
  #transaction: Transaction | undefined;

  /** @param trusts whether an address is in a trusted network of the listener */
  constructor(engine: Engine, start: SessionStart, trusts: (ip: string) => boolean) {
    this.engine = engine;
    this.start = start;
    this.id = engine.newId();
    this.listener = start.listener;
    this.startedAt = engine.services.clock.monotonic();
    this.client = { ...start.client, trusted: trusts(start.client.ip) };
  }

  get trusted(): boolean {
    return this.client.trusted;
  }

  async connect(): Promise<Answer> {
    return this.#decide("connect", {});
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
    this.tls = tls;
  }

  async auth(attempt: AuthAttempt): Promise<Answer> {
    try {
      this.#forget("auth");
      this.identity = undefined;
      const verdict = await this.#run("auth", { attempt });
      if (verdict?.verdict === "identify") {
        this.identity = verdict.identity;
        return goOn;
      }
      // What plugins found out about who the client is not must not be read as who it is.
      this.#forget("auth");
      if (verdict) return answerOf(verdict);
      // Nobody vouched for the client: it can not slip through by everybody passing.
      return rejected("7.8", "Authentication credentials invalid", 535);
    } catch (error) {
      return this.#broken(error);
    }
  }

  async mail(reversePath: ReversePath, parameters: MailParameters): Promise<Answer> {
    this.reset();
    const transaction = new Transaction(this, { reversePath, parameters });
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
    try {
      return await transaction.rcpt(forwardPath, parameters);
    } catch (error) {
      return this.#broken(error, transaction);
    }
  }

  receive(): ContentReceiver {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    if (!transaction)
      throw new Error("receive() needs a transaction: the host lets DATA through without MAIL");
    return transaction.receive();
  }

  reset(): void {
    this.#transaction?.end("aborted");
    this.#transaction = undefined;
  }

  close(): void {
    this.reset();
  }

  /** The subject of a hook run of this session's own stages. */
  subject(own: object): HookSubject {
    return {
      id: this.id,
      origin: this.start.origin,
      listener: this.listener,
      client: this.client,
      ehlo: this.ehloName,
      tls: this.tls,
      identity: this.identity,
      services: this.engine.hookServices,
      facts: (fact: AnyFact) => (fact.scope === "session" ? this.facts : undefined),
      conditions: (per) => (per === "session" ? this.conditions : undefined),
      own,
      trace: this.trace,
      startedAt: this.startedAt,
    };
  }

  #run<S extends "connect" | "ehlo" | "auth">(stage: S, own: object): Promise<VerdictOf[S] | undefined> {
    const subject = this.subject(own);
    const slots = this.engine.pipeline.hooks[stage];
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

  #broken(error: unknown, transaction?: Transaction): Answer {
    this.engine.services.log.error("engineFault", { ref: transaction?.id ?? this.id, cause: String(error) });
    return withRef(systemTrouble(), transaction?.id ?? this.id);
  }

  #forget(stage: Stage): void {
    for (const fact of this.facts.keys()) if (fact.stage === stage) this.facts.delete(fact);
  }
}
