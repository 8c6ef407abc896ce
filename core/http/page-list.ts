/** The list of messages. Its script asks for this very page again and takes the part `#messages` out of it. */
import { type Html, html } from "./html.ts";
import type { MessageItem, MessagePage } from "./message-index.ts";
import { type GatewaySummary, layout } from "./page-layout.ts";

/** @param before the id the page begins below; absent on the newest page */
export function listPage(summary: GatewaySummary, { messages, next }: MessagePage, before?: string): Html {
  return layout(
    summary,
    `Postern on ${summary.hostName}`,
    true,
    html`<dl class="summary">
<div><dt>Listens on</dt><dd>${summary.listeners.join(", ") || "nothing"}</dd></div>
<div><dt>Pipeline</dt><dd>${summary.pipeline.join(" → ") || "no plugins"}</dd></div>
<div><dt>Mail goes to</dt><dd>${summary.nextHops.join("; ") || "nowhere"}</dd></div>
</dl>
<section id="messages">
${messages.length > 0 ? table(messages) : before === undefined ? empty(summary) : html`<p class="empty">No older messages.</p>`}
<nav class="pages">
${before === undefined ? "" : html`<a href="/">Newest</a>`}
${next === undefined ? "" : html`<a href="/?before=${encodeURIComponent(next)}" rel="next">Older</a>`}
</nav>
</section>`,
  );
}

function table(messages: readonly MessageItem[]): Html {
  return html`<div class="scroll"><table class="list">
<thead><tr><th>Time (UTC)</th><th>From</th><th>To</th><th>Subject</th><th>Outcome</th><th>Next hop</th></tr></thead>
<tbody>${messages.map(row)}</tbody>
</table></div>`;
}

function row(item: MessageItem): Html {
  const [first, ...others] = item.recipients;
  const more = others.length > 0 ? html` <span class="more">and ${others.length} more</span>` : "";
  const nextHops = [...new Set(item.recipients.map(({ nextHop }) => nextHop ?? ""))].filter(Boolean);
  return html`<tr data-id="${item.id}">
<td class="time">${time(item.receivedAt)}</td>
<td class="who"><bdi>${item.headerFrom || item.reversePath || "<>"}</bdi></td>
<td class="who"><bdi>${first?.forwardPath ?? "no recipient"}</bdi>${more}</td>
<td class="subject"><a href="/messages/${encodeURIComponent(item.id)}"><bdi>${item.subject || "(no subject)"}</bdi></a></td>
<td>${outcomeWord(overall(item))}</td>
<td>${nextHops.join(", ") || (item.stored ? "mailbox" : "–")}</td>
</tr>`;
}

function empty(summary: GatewaySummary): Html {
  return html`<div class="empty"><h1>No mail yet</h1>
<p>New mail appears here by itself.${summary.tryCommand ? " To send a test message:" : ""}</p>
${summary.tryCommand ? html`<pre class="command">${summary.tryCommand}</pre>` : ""}</div>`;
}

/** An ISO time as people read it, to the second. */
export function time(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 10)} <b>${iso.slice(11, 19)}</b></time>`;
}

/** An outcome as a word with its colour; the word alone says all. */
export function outcomeWord(outcome: string): Html {
  return html`<span class="outcome ${tone(outcome)}">${outcome}</span>`;
}

/** What became of the recipients when it is the same for all, else what became of the message. */
function overall(item: MessageItem): string {
  const outcomes = new Set(item.recipients.map(({ outcome }) => outcome));
  const [only] = outcomes;
  return outcomes.size === 1 && only && item.outcome === "accepted" ? only : item.outcome;
}

function tone(outcome: string): string {
  if (outcome === "delivered" || outcome === "accepted") return "good";
  if (outcome === "refused" || outcome === "failed") return "bad";
  return "waiting";
}
