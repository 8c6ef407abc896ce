/**
 * Verdicts: what a hook decides. They are host-neutral; each host turns them into its own answers (a reply of SMTP,
 * a status of HTTP, `setReject` of an email event).
 */
import type { ScramKeys } from "../mail/mod.ts";
import { isEnhancedCode } from "./enhanced-code.ts";
import { PERMANENT_CODE, TRANSIENT_CODE } from "./words.ts";

/** An enhanced status code that a refusal may carry (RFC 3463 2: class 5, permanent failure). */
export type PermanentCode = `5.${number}.${number}`;
/** An enhanced status code that a temporary failure may carry (RFC 3463 2: class 4). */
export type TransientCode = `4.${number}.${number}`;

/** Refused for good. */
export interface Reject {
  readonly verdict: "reject";
  readonly enhanced: string;
  readonly text: string;
}
/** Put off: the sender tries again. */
export interface Tempfail {
  readonly verdict: "tempfail";
  readonly enhanced: string;
  readonly text: string;
}
/** 421, and the session ends. */
export interface Disconnect {
  readonly verdict: "disconnect";
  readonly enhanced: string;
  readonly text: string;
}
/** Counts as accepted, is delivered nowhere, and is recorded with its reason. */
export interface Discard {
  readonly verdict: "discard";
  readonly reason: string;
}
/** Held in the spool with a reason until a person releases or deletes it. */
export interface Quarantine {
  readonly verdict: "quarantine";
  readonly reason: string;
}
/** An authenticated identity. */
export interface Identify {
  readonly verdict: "identify";
  readonly identity: Identity;
}
/** An identity that counts once the client has proved by SCRAM that it knows the password (RFC 5802). */
export interface IdentifyByProof {
  readonly verdict: "identifyByProof";
  readonly keys: ScramKeys;
  readonly identity: Identity;
}
/** Whom a recipient's copy goes to. */
export interface RouteTo extends RouteOptions {
  readonly verdict: "routeTo";
  readonly nextHop: string;
}
/** A verdict for some of the recipients of a `data` hook; the others go on. */
export interface ForRecipients {
  readonly verdict: "forRecipients";
  readonly marks: readonly { readonly recipient: object; readonly verdict: MessageVerdict }[];
}

/** Who a session proved to be. */
export interface Identity {
  /** The authentication identity, as the user store spells it. */
  readonly user: string;
  /** Addresses and `@domain`s this user may write as; absent: only the user's own address. */
  readonly maySendAs?: readonly string[];
}

/** How a recipient's copy goes to its next hop; what is absent is as the next hop's description says. */
export interface RouteOptions {
  /** `inline`: 250 only after the next hop's 250. `queue`: 250 once the message is durable. Default: the next hop's. */
  readonly mode?: "inline" | "queue";
  /** Not before this time, in epoch milliseconds. Needs mode `queue`. */
  readonly deliverAt?: number;
  /** Demands TLS for this recipient's copy, whatever the next hop's policy is. */
  readonly requireTls?: boolean;
}

/** What a hook of a session stage may decide; `undefined` goes on. */
export type SessionVerdict = Reject | Tempfail | Disconnect;
/** In `auth`; when all hooks go on, the client is refused (535). */
export type AuthVerdict = Identify | IdentifyByProof | Reject | Tempfail | Disconnect;
/** In `mail` for the transaction, in `rcpt` for the recipient. */
export type MessageVerdict = Reject | Tempfail | Discard | Quarantine;
/** In `data`, for all recipients that the hook sees or for those it marks. */
export type DataVerdict = MessageVerdict | ForRecipients;
/** In `route`, for the recipient; when all hooks go on, it has no route (550). */
export type RouteVerdict = RouteTo | Reject | Tempfail;
/** In `delivery`, for this attempt. */
export type DeliveryVerdict = Tempfail;

/** The verdicts each stage's hooks may return. */
export interface VerdictOf {
  connect: SessionVerdict;
  ehlo: SessionVerdict;
  auth: AuthVerdict;
  mail: MessageVerdict;
  rcpt: MessageVerdict;
  data: DataVerdict;
  route: RouteVerdict;
  delivery: DeliveryVerdict;
}

/** The same for the start and the runner, which see hooks written in JavaScript. */
export const VERDICTS_OF: { readonly [S in keyof VerdictOf]: readonly VerdictOf[S]["verdict"][] } = {
  connect: ["reject", "tempfail", "disconnect"],
  ehlo: ["reject", "tempfail", "disconnect"],
  auth: ["identify", "identifyByProof", "reject", "tempfail", "disconnect"],
  mail: ["reject", "tempfail", "discard", "quarantine"],
  rcpt: ["reject", "tempfail", "discard", "quarantine"],
  data: ["reject", "tempfail", "discard", "quarantine", "forRecipients"],
  route: ["routeTo", "reject", "tempfail"],
  delivery: ["tempfail"],
};

function enhancedOf(cls: "4" | "5", enhanced: string, words: string): string {
  if (isEnhancedCode(enhanced, cls)) return enhanced;
  throw new TypeError(`${words}, not '${String(enhanced)}'`);
}

type PermanentOrWords<C extends string> = C extends PermanentCode ? C : typeof PERMANENT_CODE;
type TransientOrWords<C extends string, By extends keyof typeof TRANSIENT_CODE> = C extends TransientCode
  ? C
  : (typeof TRANSIENT_CODE)[By];

/** Refuses for good. @param enhanced RFC 3463 code of class 5 @param text one line for the client, without secrets */
export function reject<const C extends string>(enhanced: PermanentOrWords<C>, text: string): Reject {
  return { verdict: "reject", enhanced: enhancedOf("5", enhanced, PERMANENT_CODE), text };
}

/** Asks to try again later. @param enhanced RFC 3463 code of class 4 @param text one line for the client */
export function tempfail<const C extends string>(
  enhanced: TransientOrWords<C, "tempfail">,
  text: string,
): Tempfail {
  return { verdict: "tempfail", enhanced: enhancedOf("4", enhanced, TRANSIENT_CODE.tempfail), text };
}

/** Says 421 and ends the session (RFC 5321 3.8). */
export function disconnect<const C extends string>(
  enhanced: TransientOrWords<C, "disconnect">,
  text: string,
): Disconnect {
  return { verdict: "disconnect", enhanced: enhancedOf("4", enhanced, TRANSIENT_CODE.disconnect), text };
}

/** Takes the message and delivers it nowhere. The sender is told 250; the trace has the reason. */
export const discard = (reason: string): Discard => ({ verdict: "discard", reason });

/** Takes the message and holds it. Needs a durable spool. */
export const quarantine = (reason: string): Quarantine => ({ verdict: "quarantine", reason });

/** Ends the `auth` stage with a proven identity. */
export const identify = (identity: Identity): Identify => ({ verdict: "identify", identity });

/**
 * Ends the `auth` stage of a SCRAM attempt: the client is asked for its proof, and is `identity` if these are the keys of
 * its password. Only for plugins that declare `scram`.
 */
export const identifyByProof = (keys: ScramKeys, identity: Identity): IdentifyByProof => ({
  verdict: "identifyByProof",
  keys,
  identity,
});

/** Sends this recipient's copy to a next hop of the config, by its name in `nextHops`. */
export const routeTo = (nextHop: string, options: RouteOptions = {}): RouteTo => ({
  verdict: "routeTo",
  nextHop,
  ...options,
});

/** Marks single recipients in a `data` hook; those not named go on. */
export const forRecipients = (
  marks: readonly { readonly recipient: object; readonly verdict: MessageVerdict }[],
): ForRecipients => ({ verdict: "forRecipients", marks });
