/** The list of messages. Its script asks for this very page again and takes the part `#messages` out of it. */
import { type Html, html } from "./html.ts";
import type { MessageItem, MessagePage } from "./message-index.ts";
import { type GatewaySummary, layout } from "./page-layout.ts";
import { outcomeWord, overallOutcome, replyText, size, time } from "./page-parts.ts";

/** @param before the id the page begins below; absent on the newest page */
export function listPage(summary: GatewaySummary, { messages, next }: MessagePage, before?: string): Html {
  return layout(
    summary,
    `Postern on ${summary.hostName}`,
    true,
    html`<h1 class="unseen">Messages</h1>
<dl class="way">
<div><dt>Listens on</dt><dd>${summary.listeners.join(", ") || "nothing"}</dd></div>
<div><dt>Pipeline</dt><dd>${summary.pipeline.join(" → ") || "no plugins"}</dd></div>
<div><dt>Mail goes to</dt><dd>${summary.nextHops.join("; ") || "nowhere"}</dd></div>
</dl>
<section id="messages" aria-label="Messages, newest first">
${messages.length > 0 ? table(messages) : before === undefined ? empty(summary) : html`<p class="empty">No older messages.</p>`}
${before === undefined && next === undefined ? "" : pages(next, before)}
</section>`,
  );
}

function pages(next: string | undefined, before: string | undefined): Html {
  return html`<nav class="pages" aria-label="Pages">
${before === undefined ? "" : html`<a href="/">Newest</a>`}
${next === undefined ? "" : html`<a href="/?before=${encodeURIComponent(next)}" rel="next">Older</a>`}
</nav>`;
}

function table(messages: readonly MessageItem[]): Html {
  return html`<div class="card"><table class="list">
<thead><tr><th scope="col">Outcome</th><th scope="col">Message</th><th scope="col">Decided by</th><th scope="col">Size</th><th scope="col">Time (UTC)</th></tr></thead>
<tbody>${messages.map(row)}</tbody>
</table></div>`;
}

function row(item: MessageItem): Html {
  const [first, ...others] = item.recipients;
  const more = others.length > 0 ? html` <span class="more">and ${others.length} more</span>` : "";
  const untitled = item.messageBytes === undefined ? "(no content came)" : "(no subject)";
  return html`<tr data-id="${item.id}">
<td class="state">${outcomeWord(overallOutcome(item))}</td>
<td class="what"><a class="subject" href="/messages/${encodeURIComponent(item.id)}"><bdi>${item.subject || untitled}</bdi></a>
<div class="path"><bdi>${item.headerFrom || item.reversePath || "<>"}</bdi> <span aria-label="to">→</span> <bdi>${first?.forwardPath ?? "no recipient"}</bdi>${more}</div></td>
<td class="why">${decider(item)}
${refusal(item)}</td>
<td class="size">${item.messageBytes === undefined ? "–" : size(item.messageBytes)}</td>
<td class="when">${time(item.receivedAt)}</td>
</tr>`;
}

/** Who decided, in a word or two. */
function decider({ decidedBy, stored }: MessageItem): Html {
  if (!decidedBy) return html`<b>${stored ? "mailbox" : "–"}</b>`;
  const { plugin, stage, nextHop, engine } = decidedBy;
  if (plugin !== undefined) return html`<b>${plugin}</b> <small>in ${stage}</small>`;
  if (nextHop !== undefined) return html`<b>${nextHop || "–"}</b> <small>next hop</small>`;
  return html`<b>${engine}</b> <small>engine</small>`;
}

/** The words of a refusal: ours to the message, or to the first recipient that was refused. */
function refusal({ outcome, reply, recipients }: MessageItem): Html | string {
  if (outcome === "accepted") return "";
  const said = reply ?? recipients.find((recipient) => recipient.reply)?.reply;
  return said ? html`<div class="reply"><bdi>${replyText(said)}</bdi></div>` : "";
}

function empty(summary: GatewaySummary): Html {
  return html`<div class="empty"><h2>No mail yet</h2>
<p>New mail appears here by itself, no need to reload.${summary.tryCommand ? " To send a test message:" : ""}</p>
${summary.tryCommand ? html`<pre class="command">${summary.tryCommand}</pre>` : ""}</div>`;
}
