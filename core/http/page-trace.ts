/** A trace as a timeline: what the session brought, each step of the transaction, and the reply; the deciding step stands out. */
import type { TraceEntry, TraceHookRun, TraceLine, TraceRecord } from "../pipeline/mod.ts";
import { type DecidingStep, sessionStages } from "./deciding-step.ts";
import { type Html, html } from "./html.ts";
import { badge, count, duration, replyText, type Tone, toneOf } from "./page-parts.ts";

/** Characters of a fact on its line, and of one unfolded; the API has it whole. */
const factMax = 160;
const factWholeMax = 8_192;

export function timeline(record: TraceRecord, deciding: DecidingStep | undefined): Html {
  const tone = toneOf(record.outcome);
  const steps = record.entries.map((entry, n) => ({
    entry,
    decided: n === deciding?.index ? tone : undefined,
  }));
  const session = steps.filter(({ entry }) => isOfSession(entry));
  const own = steps.filter(({ entry }) => !isOfSession(entry));
  const dropped = record.entriesDropped ?? 0;
  return html`<p class="quiet">${duration(record.ms)} in all, session ${record.session}, config ${record.config}</p>
${session.length === 0 ? "" : html`<h3>Session, on its own clock</h3><ol class="card timeline">${session.map(step)}</ol><h3>Transaction</h3>`}
<ol class="card timeline">${own.map(step)}${record.reply ? last(record) : ""}</ol>
${dropped > 0 ? html`<p class="quiet">${count(dropped, "step")} in the middle left out for the bound.</p>` : ""}`;
}

function isOfSession(entry: TraceEntry): boolean {
  return "opening" in entry || ("stage" in entry && sessionStages.has(entry.stage));
}

interface Step {
  readonly entry: TraceEntry;
  /** Set on the deciding step: the colour of what it decided. */
  readonly decided: Tone | undefined;
}

function step({ entry, decided }: Step): Html {
  const mark = decided ? html` <span class="decided">decided</span>` : "";
  const kind = decided ? "step deciding" : "step";
  if ("line" in entry) return said(entry);
  if ("event" in entry) {
    return html`<li class="${kind} ${decided ?? "plain"}"><span class="at">${duration(entry.at)}</span>
<div class="did"><div class="head"><span class="stage">engine</span> <b>${entry.event}</b>${mark}</div>
<div class="line own"><bdi>${entry.detail}</bdi></div></div></li>`;
  }
  return html`<li class="${kind} ${tone(entry)}"><span class="at">${duration(entry.at)}</span>
<div class="did"><div class="head"><span class="stage">${entry.stage}</span> <b>${entry.plugin}</b> ${ending(entry)}${mark} <span class="took">took ${duration(entry.ms)}</span></div>
${details(entry)}</div></li>`;
}

/** A command or a reply, each line by itself. */
function said({ at, who, line, server }: TraceLine): Html {
  const speaker = who === "nextHop" ? "next hop" : who;
  const place = server === undefined ? "" : html` <b>${who === "nextHop" ? "from" : "to"} ${server}</b>`;
  return html`<li class="step plain"><span class="at">${duration(at)}</span>
<div class="did"><div class="head"><span class="stage">${speaker}</span>${place}</div>
${line.split("\n").map((text) => html`<div class="line own"><bdi>${text}</bdi></div>\n`)}</div></li>`;
}

function last(record: TraceRecord): Html {
  const { reply, ms } = record;
  if (!reply) return html``;
  const kind = reply.code < 300 ? "good" : reply.code < 500 ? "waiting" : "bad";
  return html`<li class="step ${kind}"><span class="at">${duration(ms)}</span>
<div class="did"><div class="head"><span class="stage">reply</span> <b>${reply.code}</b></div>
<div class="line own"><bdi>${replyText(reply)}</bdi></div></div></li>`;
}

function tone({ verdict, fault }: TraceHookRun): string {
  return fault ? "bad" : verdict ? toneOf(verdict.verdict) : "plain";
}

/** How a run ended, in one badge. */
function ending({ verdict, fault, skipped }: TraceHookRun): Html {
  if (fault) return badge("fault", "bad");
  if (skipped !== undefined) return badge("skipped", "plain");
  return verdict ? badge(verdict.verdict, toneOf(verdict.verdict)) : html`<span class="quiet">went on</span>`;
}

function details(run: TraceHookRun): Html {
  const lines: [string, Html | string][] = [];
  const about = run.recipient ?? run.nextHop;
  if (about !== undefined) lines.push(["for", about]);
  const { verdict, fault } = run;
  if (verdict?.enhanced || verdict?.text)
    lines.push(["verdict", [verdict.enhanced, verdict.text].filter(Boolean).join(" ")]);
  if (fault) lines.push(["fault", `${fault.message} (onError: ${fault.onError})`]);
  if (run.skipped !== undefined) lines.push(["skipped", run.skipped]);
  for (const { summary, reason } of run.edits ?? [])
    lines.push(["edit", html`${summary} <span class="quiet">because: ${reason}</span>`]);
  for (const [name, value] of Object.entries(run.facts ?? {})) lines.push(["fact", fact(name, value)]);
  if (run.fallbacks?.length) lines.push(["fallback", run.fallbacks.join(", ")]);
  return html`${lines.map(
    ([kind, line]) =>
      html`\n<div class="line ${kind}"><span class="kind">${kind}</span> <bdi>${line}</bdi></div>`,
  )}`;
}

/** A fact on one line; a long one unfolds. */
function fact(name: string, value: unknown): Html {
  const json = JSON.stringify(value) ?? "";
  if (json.length <= factMax) return html`<code>${name} = ${json}</code>`;
  const whole = JSON.stringify(value, undefined, 2);
  const cut = whole.length > factWholeMax ? `${whole.slice(0, factWholeMax)}…` : whole;
  return html`<details><summary><code>${name} = ${json.slice(0, factMax)}…</code></summary><pre>${cut}</pre></details>`;
}
