/** One message: envelope, text, edits and trace. Mail is shown as text; the page has no script and loads nothing. */
import type { Reply } from "../mail/mod.ts";
import type { TraceEntry, TraceHookRun, TraceRecipient, TraceRecord } from "../pipeline/mod.ts";
import { type Html, html } from "./html.ts";
import type { MessageCopy, MessageDetail } from "./message-index.ts";
import type { MessageText } from "./message-text.ts";
import { type GatewaySummary, layout } from "./page-layout.ts";
import { outcomeWord, time } from "./page-list.ts";

export function messagePage(summary: GatewaySummary, detail: MessageDetail): Html {
  const subject = detail.subject || "(no subject)";
  return layout(
    summary,
    `${subject} · Postern`,
    false,
    html`<p class="back"><a href="/">← All messages</a></p>
<h1 class="subject"><bdi>${subject}</bdi></h1>
<p class="lead">${outcomeWord(detail.outcome)} ${time(detail.receivedAt)} UTC <span class="id">ref ${detail.id}</span></p>
${envelope(detail)}
${recipients(detail.recipients)}
${detail.text ? text(detail.text) : html`<p class="quiet">No content is kept of this message.</p>`}
${detail.copies.length > 0 ? copies(detail.copies) : ""}
${edits(detail.edits)}
${detail.trace ? trace(detail.trace) : html`<p class="quiet">The trace has expired.</p>`}`,
  );
}

function envelope(detail: MessageDetail): Html {
  const { trace } = detail;
  const rows: [string, string][] = [
    ["Reverse-path", `<${detail.reversePath}>`],
    ["From", detail.headerFrom],
    ["Size", detail.messageBytes === undefined ? "no content came" : size(detail.messageBytes)],
  ];
  if (trace) {
    const { client } = trace;
    rows.push(
      [
        "Client",
        `${client.ip || "unknown"}${client.port ? ` port ${client.port}` : ""}${client.trusted ? ", trusted" : ""}`,
      ],
      ["EHLO", trace.ehlo ?? ""],
      ["TLS", trace.tls ?? "none"],
      ["User", trace.user ?? ""],
      ["Came by", `${trace.origin}, listener ${trace.listener}`],
      ["Our reply", trace.reply ? replyText(trace.reply) : ""],
    );
  }
  return html`<dl class="facts">${rows
    .filter(([, value]) => value !== "")
    .map(([name, value]) => html`<div><dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>`)}</dl>`;
}

function recipients(list: readonly TraceRecipient[]): Html {
  const rows = list.map(
    (recipient) => html`<tr><td class="who"><bdi>${recipient.forwardPath}</bdi>${
      recipient.original === undefined ? "" : html`<br><small>was <bdi>${recipient.original}</bdi></small>`
    }</td>
<td>${outcomeWord(recipient.outcome)}</td><td>${recipient.nextHop ?? "–"}</td>
<td>${recipient.reply ? replyText(recipient.reply) : ""}${recipient.reason ? html`<br><small>${recipient.reason}</small>` : ""}</td></tr>`,
  );
  return html`<h2>Recipients</h2><div class="scroll"><table>
<thead><tr><th>Forward-path</th><th>Outcome</th><th>Next hop</th><th>Reply</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function text(message: MessageText): Html {
  const parts = message.parts.map(
    (
      part,
    ) => html`<section class="part"><h3>${part.contentType}${part.contentType === "text/html" ? " (source)" : ""}</h3>
<pre class="mail" dir="auto">${part.text}</pre>${part.truncated ? html`<p class="quiet">The rest is left out; the download has it all.</p>` : ""}</section>`,
  );
  const others = message.others.map(
    (part) =>
      html`<li><bdi>${part.fileName ?? "(no name)"}</bdi> <small>${part.contentType}, ${size(part.bytes)}</small></li>`,
  );
  return html`<h2>Text</h2>${parts}${others.length > 0 ? html`<h3>Other parts</h3><ul class="parts">${others}</ul>` : ""}
${message.incomplete ? html`<p class="quiet">Some parts can not be shown.</p>` : ""}`;
}

function copies(list: readonly MessageCopy[]): Html {
  return html`<ul class="downloads">${list.map(
    (
      copy,
    ) => html`<li><a href="/api/messages/${encodeURIComponent(copy.id)}/raw" download>Download as delivered</a>
<small>${size(copy.bytes)}, for <bdi>${copy.recipients.slice(0, 5).join(", ")}</bdi>${copy.recipients.length > 5 ? " and others" : ""}</small></li>`,
  )}</ul>`;
}

function edits(list: TraceRecord["edits"]): Html {
  if (list.length === 0)
    return html`<h2>Edits</h2><p class="quiet">None: delivered as it came, but for the trace field.</p>`;
  return html`<h2>Edits</h2><div class="scroll"><table>
<thead><tr><th>Author</th><th>Edit</th><th>Reason</th></tr></thead><tbody>${list.map(
    (edit) =>
      html`<tr><td>${edit.author}</td><td><bdi>${edit.summary}</bdi></td><td><bdi>${edit.reason}</bdi></td></tr>`,
  )}</tbody></table></div>`;
}

function trace(record: TraceRecord): Html {
  return html`<h2>Trace <small>${record.ms.toFixed(1)} ms, session ${record.session}, config ${record.config}</small></h2>
<div class="scroll"><table class="trace">
<thead><tr><th>At</th><th>Stage</th><th>Plugin</th><th>Took</th><th>What happened</th></tr></thead>
<tbody>${record.entries.map(entry)}</tbody></table></div>
${record.entriesDropped ? html`<p class="quiet">${record.entriesDropped} entries in the middle were dropped.</p>` : ""}`;
}

function entry(value: TraceEntry): Html {
  if ("event" in value) {
    return html`<tr class="note"><td>${value.at.toFixed(1)}</td><td>${value.event}</td><td></td><td></td><td><bdi>${value.detail}</bdi></td></tr>`;
  }
  return html`<tr><td>${value.at.toFixed(1)}</td><td>${value.stage}</td><td>${value.plugin}</td>
<td>${value.ms.toFixed(2)} ms</td><td>${happened(value)}</td></tr>`;
}

function happened(run: TraceHookRun): Html {
  const about = run.recipient ?? run.nextHop;
  const lines: [string, string][] = [];
  if (about !== undefined) lines.push(["for", about]);
  for (const [name, value] of Object.entries(run.facts ?? {}))
    lines.push(["fact", `${name} = ${short(value)}`]);
  if (run.fallbacks?.length) lines.push(["fallback", run.fallbacks.join(", ")]);
  for (const { summary, reason } of run.edits ?? []) lines.push(["edit", `${summary}: ${reason}`]);
  if (run.verdict) {
    const { verdict, enhanced, text } = run.verdict;
    lines.push(["verdict", [verdict, enhanced, text].filter(Boolean).join(" ")]);
  }
  if (run.fault) lines.push(["fault", `${run.fault.message} (onError: ${run.fault.onError})`]);
  if (run.skipped !== undefined) lines.push(["skipped", run.skipped]);
  if (lines.length === 0) return html`<span class="quiet">went on</span>`;
  return html`${lines.map(([kind, line]) => html`<div class="line ${kind}"><b>${kind}</b> <bdi>${line}</bdi></div>`)}`;
}

/** A fact's value on one line; the API has it whole. */
function short(value: unknown): string {
  const json = JSON.stringify(value) ?? "";
  return json.length > 300 ? `${json.slice(0, 300)}…` : json;
}

function replyText({ code, enhanced, text }: Reply): string {
  return [code, enhanced, text].filter(Boolean).join(" ");
}

function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
