/** What all pages share: the frame, what the gateway is, and the notice shown in place of a page. */
import type { GatewayConfig, NextHop } from "../config/mod.ts";
import { type Html, html } from "./html.ts";

/** What the gateway is, as the page's head says it. */
export interface GatewaySummary {
  readonly hostName: string;
  /** As "relay 127.0.0.1:2525". */
  readonly listeners: readonly string[];
  /** As "local: built-in mailbox". */
  readonly nextHops: readonly string[];
  readonly pipeline: readonly string[];
  readonly version: string;
  /** A command that sends a test message here. */
  readonly tryCommand: string;
}

/** Puts a config into the words of the page. */
export function summarise(
  config: Pick<GatewayConfig, "hostName" | "listeners" | "nextHops">,
  pipelineNames: readonly string[],
  version = "",
): GatewaySummary {
  const first = config.listeners[0]?.address;
  return {
    hostName: config.hostName,
    listeners: config.listeners.map(({ name, address }) => `${name} ${socket(address.host, address.port)}`),
    nextHops: Object.entries(config.nextHops).map(([name, hop]) => `${name}: ${describe(hop)}`),
    pipeline: pipelineNames,
    version,
    tryCommand: first ? "npx postern send --from me@example.com --to you@example.com" : "",
  };
}

/** The frame of a page. `script` loads the list's one script; views have none. */
export function layout(summary: GatewaySummary, title: string, script: boolean, body: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="stylesheet" href="/style.css">
${script ? html`<script src="/app.js" defer></script>` : ""}
</head>
<body>
<header class="top">
<a class="brand" href="/">Postern</a>
<span class="host">${summary.hostName}</span>
${summary.version ? html`<span class="version">${summary.version}</span>` : ""}
${script ? html`<span id="live" class="live" role="status"></span>` : ""}
</header>
<main>
${body}
</main>
</body>
</html>
`;
}

/** A page that only says something. */
export function noticePage(summary: GatewaySummary, status: number, message: string): Html {
  return layout(
    summary,
    `Postern: ${status}`,
    false,
    html`<section class="notice"><h1>${status === 401 ? "Please sign in" : status === 404 ? "Not found" : `Error ${status}`}</h1><p>${message}</p></section>`,
  );
}

function describe(hop: NextHop): string {
  if (hop.kind === "mailbox") return "built-in mailbox, shown here";
  return `SMTP ${hop.servers.map(({ host, port }) => socket(host, port)).join(", ")} (${hop.mode})`;
}

function socket(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
