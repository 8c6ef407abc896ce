/** One message: envelope, text, edits and trace. Mail is shown as text; the page has no script and loads nothing. */
import type { ForwardedClient, TraceRecipient, TraceRecord } from "../pipeline/mod.ts";
import { decidingStep } from "./deciding-step.ts";
import { type Html, html } from "./html.ts";
import type { MessageCopy, MessageDetail } from "./message-index.ts";
import { type GatewaySummary, layout } from "./page-layout.ts";
import { count, outcomeWord, overallOutcome, path, replyText, size, time } from "./page-parts.ts";
import { textOf } from "./page-text.ts";
import { timeline } from "./page-trace.ts";

/** Recipients of one message on its page: mailing lists and aliases can make thousands. */
const recipientsShownMax = 500;

export function messagePage(summary: GatewaySummary, detail: MessageDetail): Html {
  const untitled = detail.messageBytes === undefined ? "(no content came)" : "(no subject)";
  const subject = detail.subject || untitled;
  const { trace, text, copies, edits, recipients } = detail;
  return layout(
    summary,
    `${subject} · Postern`,
    false,
    html`<p class="back"><a href="/">← All messages</a></p>
<h1 class="subject"><bdi>${subject}</bdi></h1>
<p class="lead">${outcomeWord(overallOutcome(detail))} ${decision(detail)} <span>${time(detail.receivedAt)} UTC</span> <span class="id">ref ${detail.id}</span></p>
<nav class="jump" aria-label="On this page"><a href="#envelope">Envelope</a> <a href="#recipients">${count(recipients.length, "recipient")}</a> <a href="#text">Text</a> <a href="#edits">${count(edits.length, "edit")}</a> <a href="#trace">Trace</a></nav>
${section("envelope", "Envelope", envelope(detail))}
${section("recipients", "Recipients", recipientTable(recipients))}
${section("text", "Text", html`${text ? textOf(text) : html`<p class="quiet">No content is kept of this message.</p>`}${copies.length > 0 ? downloads(copies) : ""}`)}
${section("edits", "Edits", editList(edits, trace))}
${section("trace", "Trace", trace ? timeline(trace, decidingStep(trace)) : html`<p class="quiet">The trace has expired.</p>`)}
<p class="api"><a href="/api/messages/${encodeURIComponent(detail.id)}">The same as JSON</a></p>`,
  );
}

function section(id: string, heading: string, body: Html): Html {
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${heading}</h2>
${body}
</section>`;
}

/** Who decided, and in which words. */
function decision({ decidedBy, outcome, reply, recipients }: MessageDetail): Html | string {
  const said = reply ?? recipients.find((recipient) => recipient.reply)?.reply;
  const words = outcome !== "accepted" && said ? html`: <bdi>${replyText(said)}</bdi>` : "";
  if (!decidedBy) return words ? html`<span>${words}</span>` : "";
  const { plugin, stage, nextHop, engine } = decidedBy;
  if (plugin !== undefined) return html`<span>by <b>${plugin}</b> in ${stage}${words}</span>`;
  if (nextHop) return html`<span>by the next hop <b>${nextHop}</b>${words}</span>`;
  return html`<span>by the engine${engine ? html` (${engine})` : ""}${words}</span>`;
}

function envelope(detail: MessageDetail): Html {
  const { trace } = detail;
  const rows: [string, string][] = [
    ["Reverse-path", path(detail.reversePath)],
    ["From", detail.headerFrom],
    ["Size", detail.messageBytes === undefined ? "no content came" : size(detail.messageBytes)],
  ];
  if (trace) {
    const { client } = trace;
    const port = client.port ? ` port ${client.port}` : "";
    const via = client.via === undefined ? "" : `, by way of ${client.via}`;
    rows.push(
      ["Client", `${client.ip || "unknown"}${port}${via}${client.trusted ? ", trusted" : ""}`],
      ["Forwarded for", trace.forwarded ? forwardedWords(trace.forwarded) : ""],
      ["EHLO", trace.ehlo ?? ""],
      ["TLS", trace.tls ?? "none"],
      ["User", trace.user ?? ""],
      ["Came by", `${trace.origin}, listener ${trace.listener}`],
      ["Our reply", trace.reply ? replyText(trace.reply) : ""],
    );
  }
  return html`<dl class="card facts">${rows
    .filter(([, value]) => value !== "")
    .map(([name, value]) => html`<div><dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>`)}</dl>`;
}

/** Of whom the client had it, as it says by XFORWARD. */
function forwardedWords({ ip, port, name, protocol, ehlo, ident, source }: ForwardedClient): string {
  const words = [
    ip === undefined ? "nobody, it began at the client" : `${ip}${port === undefined ? "" : ` port ${port}`}`,
    name,
    ehlo && `EHLO ${ehlo}`,
    protocol,
    ident && `as ${ident}`,
    source?.toLowerCase(),
  ];
  return words.filter((word) => word !== undefined && word !== "").join(", ");
}

function recipientTable(list: readonly TraceRecipient[]): Html {
  if (list.length === 0) return html`<p class="quiet">None was named.</p>`;
  const rows = list.slice(0, recipientsShownMax).map((recipient) => {
    const { forwardPath, original, outcome, nextHop, reply, reason, attempts, nextAt } = recipient;
    const next = nextAt === undefined ? "" : html`, the next at ${time(new Date(nextAt).toISOString())} UTC`;
    const tried =
      attempts === undefined ? "" : html`<div class="quiet">${count(attempts, "attempt")}${next}</div>`;
    const was = original === undefined ? "" : html`<br><small>was <bdi>${path(original)}</bdi></small>`;
    return html`<tr><td class="who"><bdi>${path(forwardPath)}</bdi>${was}</td>
<td>${outcomeWord(outcome)}</td><td>${nextHop ?? "–"}</td>
<td class="said">${reply ? html`<bdi>${replyText(reply)}</bdi>` : ""}${reason ? html`<div class="quiet"><bdi>${reason}</bdi></div>` : ""}${tried}</td></tr>`;
  });
  return html`<div class="card"><table class="recipients">
<thead><tr><th scope="col">Forward-path</th><th scope="col">Outcome</th><th scope="col">Next hop</th><th scope="col">Reply</th></tr></thead><tbody>${rows}</tbody></table></div>
${list.length > recipientsShownMax ? html`<p class="quiet">and ${count(list.length - recipientsShownMax, "more recipient")}, which the JSON has.</p>` : ""}`;
}

function downloads(list: readonly MessageCopy[]): Html {
  return html`<ul class="downloads">${list.map((copy) => {
    const more = copy.recipients.length > 5 ? " and others" : "";
    return html`<li><a class="button" href="/api/messages/${encodeURIComponent(copy.id)}/raw" download>Download as delivered</a>
<small>${size(copy.bytes)}, for <bdi>${copy.recipients.slice(0, 5).join(", ")}</bdi>${more}</small></li>`;
  })}</ul>`;
}

function editList(list: TraceRecord["edits"], trace: TraceRecord | undefined): Html {
  if (!trace) return html`<p class="quiet">They were in the trace, which has expired.</p>`;
  if (list.length === 0)
    return html`<p class="quiet">None: nothing was changed but the trace field added.</p>`;
  return html`<ol class="card edits">${list.map(
    ({ author, summary, reason }) =>
      html`<li><div><b class="author">${author}</b> <bdi>${summary}</bdi></div><div class="quiet">because: <bdi>${reason}</bdi></div></li>`,
  )}</ol>`;
}
