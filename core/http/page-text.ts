/** The text of a message as the page shows it: every part as source, nothing of it interpreted. */
import { type Html, html } from "./html.ts";
import type { MessageText, OtherPart, TextPart } from "./message-text.ts";
import { size } from "./page-parts.ts";

/** What the mail says of itself, its text parts, the rest by name, and the header section to unfold. */
export function textOf(message: MessageText): Html {
  const { headerFrom, headerTo, date, parts, others, incomplete } = message;
  const fields = [
    ["From", headerFrom],
    ["To", headerTo],
    ["Date", date],
  ].filter(([, value]) => value !== "");
  const readable = parts.some((part) => part.contentType !== "text/html");
  return html`<dl class="facts mailfields">${fields.map(
    ([name, value]) => html`<div><dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>`,
  )}</dl>
${parts.map((part) => textPart(part, readable))}
${parts.length === 0 ? html`<p class="quiet">The message has no text part.</p>` : ""}
${others.length > 0 ? html`<h3>Other parts</h3><ul class="parts">${others.map(otherPart)}</ul>` : ""}
${incomplete ? html`<p class="quiet">Some parts can not be shown; the download has them all.</p>` : ""}
${headerSection(message)}`;
}

/** HTML source is folded away where there is a text that people read. */
function textPart(part: TextPart, readable: boolean): Html {
  const isHtml = part.contentType === "text/html";
  const title = `${part.contentType}${isHtml ? ", source" : ""}`;
  const body = html`<pre class="mail" dir="auto" tabindex="0" role="region" aria-label="${title}">${part.text}</pre>
${part.truncated ? html`<p class="quiet">The rest is left out; the download has it all.</p>` : ""}`;
  if (isHtml && readable) return html`<details class="part"><summary>${title}</summary>${body}</details>`;
  return html`<div class="part"><h3>${title}</h3>
${body}</div>`;
}

function otherPart({ fileName, contentType, bytes }: OtherPart): Html {
  return html`<li><bdi>${fileName ?? "(no name)"}</bdi> <small>${contentType}, ${size(bytes)}</small></li>`;
}

function headerSection({ header, headerTruncated }: MessageText): Html {
  return html`<details class="part"><summary>Header section</summary>
<pre class="source" tabindex="0" role="region" aria-label="Header section">${header}</pre>
${headerTruncated ? html`<p class="quiet">The rest is left out; the download has it all.</p>` : ""}</details>`;
}
