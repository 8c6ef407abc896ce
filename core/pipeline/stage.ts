/**
 * The stages of a session and of a message, in the one order in which they happen, and the scopes of facts.
 */

/** The stages that plugins have hooks for, in order. `relay`, which follows, has no hooks. */
export const STAGES = ["connect", "ehlo", "auth", "mail", "rcpt", "data", "route", "delivery"] as const;

/** One stage of a message's way through the gateway. */
export type Stage = (typeof STAGES)[number];

/**
 * How long a fact lives and what it is about: `session` from connection to QUIT, `transaction` from MAIL to the end
 * of data or RSET, `recipient` one forward-path of a transaction, `delivery` one attempt at one next hop.
 */
export type Scope = "session" | "transaction" | "recipient" | "delivery";

/** For each stage, the stages whose facts are known in it. */
export interface StagesUpTo {
  connect: "connect";
  ehlo: StagesUpTo["connect"] | "ehlo";
  auth: StagesUpTo["ehlo"] | "auth";
  mail: StagesUpTo["auth"] | "mail";
  rcpt: StagesUpTo["mail"] | "rcpt";
  data: StagesUpTo["rcpt"] | "data";
  route: StagesUpTo["data"] | "route";
  delivery: StagesUpTo["route"] | "delivery";
}

/** For each stage, the scopes that a fact provided in it may have. */
export interface ScopesOf {
  connect: "session";
  ehlo: "session";
  auth: "session";
  mail: "transaction";
  rcpt: "recipient";
  data: "transaction" | "recipient";
  route: "recipient";
  delivery: "delivery";
}

/** The same table for the start, where configs written in JavaScript are checked. */
export const SCOPES_OF: { readonly [S in Stage]: readonly Scope[] } = {
  connect: ["session"],
  ehlo: ["session"],
  auth: ["session"],
  mail: ["transaction"],
  rcpt: ["recipient"],
  data: ["transaction", "recipient"],
  route: ["recipient"],
  delivery: ["delivery"],
};

/** Whether what is known in `stage` includes a fact of the stage `of`. */
export const isKnownIn = (of: Stage, stage: Stage): boolean => STAGES.indexOf(of) <= STAGES.indexOf(stage);
