/** Answers of the engine, made in one place. */
import type { MessageVerdict, SessionVerdict } from "../pipeline/mod.ts";
import type { Answer } from "./session.ts";

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
  kind: verdict.verdict,
  enhanced: verdict.enhanced,
  text: line(verdict.text),
});

/** Whether a message verdict takes the message (250) or not. */
export const takes = (verdict: MessageVerdict): boolean =>
  verdict.verdict === "discard" || verdict.verdict === "quarantine";

export const accepted = (id: string, text = "Message accepted"): Answer =>
  withRef({ kind: "accepted", enhanced: "2.0.0", text }, id);

export const tempfailed = (enhanced: string, text: string, code = 451): Answer => ({
  kind: "tempfail",
  enhanced,
  text,
  code,
});

export const rejected = (enhanced: string, text: string, code = 550): Answer => ({
  kind: "reject",
  enhanced,
  text,
  code,
});

/** Something of ours failed: the client tries again. */
export const systemTrouble = (): Answer => tempfailed("4.3.0", "Temporary failure, please try again later");
