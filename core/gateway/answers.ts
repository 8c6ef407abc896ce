/** Answers of the engine, made in one place. */
import { makeReply, type Reply } from "../mail/mod.ts";
import type { Discard, MessageVerdict, Quarantine, SessionVerdict } from "../pipeline/mod.ts";
import type { Answer } from "./session.ts";
import { VERDICT_MEANINGS } from "./verdict-meanings.ts";

export const goOn: Answer = { kind: "goOn", enhanced: "", text: "" };

/** One line for a client: controls out, bounded. */
const line = (text: string): string =>
  text
    .replace(/[\x00-\x1f\x7f-\x9f]+/g, " ")
    .trim()
    .slice(0, 400);

/** Ends an answer's text with the trace id. */
export const withRef = (answer: Answer, id: string): Answer => ({
  ...answer,
  text: `${line(answer.text)}${answer.text ? " " : ""}(ref ${id})`,
});

/** The answer of a refusing verdict. */
export const answerOf = (verdict: SessionVerdict): Answer => ({
  kind: VERDICT_MEANINGS[verdict.verdict].before.answer,
  enhanced: verdict.enhanced,
  text: line(verdict.text),
});

/** Whether a message verdict takes the message (250) or not. */
export const takes = (verdict: MessageVerdict): verdict is Discard | Quarantine =>
  VERDICT_MEANINGS[verdict.verdict].before.fold === "taken";

/** What an answer that takes nothing means for whom it concerns. */
export const outcomeOf = ({ kind }: Answer): "refused" | "deferred" =>
  kind === "reject" || kind === "disconnect" ? VERDICT_MEANINGS[kind].before.outcome : "deferred";

/** The answer as the trace keeps it. */
export const replyOf = ({ kind, code, enhanced, text }: Answer): Reply => ({
  code: code ?? CODES[kind],
  enhanced,
  text,
});

/** The basic code where an answer names none. */
export const CODES: { readonly [kind in Answer["kind"]]: number } = {
  goOn: 250,
  accepted: 250,
  reject: 550,
  tempfail: 451,
  disconnect: 421,
};

export const accepted = (id: string, text = "Message accepted"): Answer =>
  withRef({ kind: "accepted", enhanced: "2.0.0", text }, id);

/** @param detail subject and detail of the enhanced code ("5.3"); the class follows from the code (RFC 3463 2) */
export const tempfailed = (detail: string, text: string, code: TransientReply = 451): Answer => ({
  kind: "tempfail",
  ...makeReply(code, detail, text),
});

/** @param detail subject and detail of the enhanced code ("7.1"); the class follows from the code (RFC 3463 2) */
export const rejected = (detail: string, text: string, code: PermanentReply = 550): Answer => ({
  kind: "reject",
  ...makeReply(code, detail, text),
});

/** Reply codes of the two kinds that the engine gives by itself (RFC 5321 4.2.3). */
type TransientReply = 450 | 451 | 452;
type PermanentReply = 503 | 535 | 550 | 552 | 554;

/** Something of ours failed: the client tries again. */
export const systemTrouble = (): Answer => tempfailed("3.0", "Temporary failure, please try again later");

/** The configuration can not serve this message (RFC 3463 X.3.5). */
export const cannotServe = (text: string): Answer => tempfailed("3.5", text);

/** The deadline from the final dot is over (RFC 3463 X.4.7). */
export const tooLate = (): Answer => tempfailed("4.7", "Processing took too long, please try again later");
