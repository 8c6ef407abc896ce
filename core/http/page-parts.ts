/** The small pieces that all pages are made of: times, sizes, badges, replies. */
import type { Reply } from "../mail/mod.ts";
import { type Html, html } from "./html.ts";
import type { MessageItem } from "./message-index.ts";

/** What a colour says; the word beside it says the same. */
export type Tone = "good" | "bad" | "waiting" | "plain";

/** An ISO time as people read it, to the second, in UTC as in logs. */
export function time(iso: string): Html {
  // The mailbox gives this for an envelope that was lost.
  if (Date.parse(iso) === 0) return html`<span class="quiet">time unknown</span>`;
  return html`<time datetime="${iso}">${iso.slice(0, 10)} <b>${iso.slice(11, 19)}</b></time>`;
}

/**
 * What became of all recipients where it says more than what became of the message: accepted and delivered to all, or
 * broken off by the client because all were refused.
 */
export function overallOutcome({ outcome, recipients }: MessageItem): string {
  const outcomes = new Set(recipients.map((recipient) => recipient.outcome));
  const [only] = outcomes;
  if (outcomes.size !== 1 || only === undefined) return outcome;
  return outcome === "accepted" || (outcome === "aborted" && only === "refused") ? only : outcome;
}

/** An outcome as a word with its colour; the word alone says all. */
export function outcomeWord(outcome: string): Html {
  return badge(outcome, toneOf(outcome));
}

/** A word on its colour. */
export function badge(word: string, tone: Tone): Html {
  return html`<span class="badge ${tone}">${word}</span>`;
}

/** The colour of an outcome or a verdict. */
export function toneOf(word: string): Tone {
  if (goodWords.has(word)) return "good";
  if (badWords.has(word)) return "bad";
  return plainWords.has(word) ? "plain" : "waiting";
}

const goodWords: ReadonlySet<string> = new Set(["delivered", "accepted"]);
const badWords: ReadonlySet<string> = new Set(["refused", "failed", "reject", "disconnect"]);
const plainWords: ReadonlySet<string> = new Set([
  ...["routeTo", "identify", "identifyByProof", "aborted", "discarded", "discard"],
]);

/** A number of octets for people. */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  if (bytes < 999_950) return `${(bytes / 1_000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** A duration or a moment of a trace. */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 1_000) return `${ms.toFixed(0)} ms`;
  if (ms < 600_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.round(ms / 60_000);
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes} min` : `${hours} h ${minutes % 60} min`;
}

/** A reply as it stands on the wire, but for its lines. */
export function replyText({ code, enhanced, text }: Reply): string {
  return [code, enhanced, text].filter(Boolean).join(" ");
}

/** A path between its angle brackets. */
export function path(text: string): string {
  return `<${text}>`;
}

/** "1 part", "2 parts". */
export function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}
