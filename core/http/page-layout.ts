/** What all pages share: the frame, what the gateway is, and the notice shown in place of a page. */
import { formatSocketAddress, type GatewayConfig, type NextHop, type SocketAddress } from "../config/mod.ts";
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
  /** A command that sends a test message here; "" without a listener. */
  readonly tryCommand: string;
}

/**
 * Puts a config into the words of the page.
 *
 * @param listening where the listeners are really bound, in the order of the config; absent: as configured
 */
export function summarise(
  config: Pick<GatewayConfig, "hostName" | "listeners" | "nextHops">,
  pipelineNames: readonly string[],
  version = "",
  listening: readonly SocketAddress[] = [],
): GatewaySummary {
  const addresses = config.listeners.map(({ address }, n) => listening[n] ?? address);
  return {
    hostName: config.hostName,
    listeners: config.listeners.map(({ name }, n) => `${name} ${formatSocketAddress(addresses[n]!)}`),
    nextHops: Object.entries(config.nextHops).map(([name, hop]) => `${name}: ${describe(hop)}`),
    pipeline: pipelineNames,
    version,
    tryCommand: tryCommand(config.listeners, addresses),
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
${script ? html`<span id="live" class="live"></span><span id="news" class="unseen" role="status"></span>` : ""}
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
  const heading = status === 401 ? "Please sign in" : status === 404 ? "Not found" : `Error ${status}`;
  // A link opened from another site comes without the cookie it has just set (SameSite=Strict): one click brings it.
  const retry = html`<p>If you have just opened that link, <a href="/">go on to the list</a>.</p>`;
  return layout(
    summary,
    `Postern: ${status}`,
    false,
    html`<section class="notice"><h1>${heading}</h1><p>${message}</p>${status === 401 ? retry : ""}</section>`,
  );
}

function describe(hop: NextHop): string {
  if (hop.kind === "mailbox") return "built-in mailbox, shown here";
  if (hop.kind === "mx") return `MX hosts of each domain (${hop.mode})`;
  return `${(hop.protocol ?? "smtp").toUpperCase()} ${hop.servers.map(formatSocketAddress).join(", ")} (${hop.mode})`;
}

/** For the first listener that `send` can speak to: SMTP, at a port. */
function tryCommand(listeners: GatewayConfig["listeners"], addresses: readonly SocketAddress[]): string {
  const address = addresses.find(({ host }, n) => listeners[n]?.kind !== "lmtp" && !host.startsWith("unix:"));
  if (address === undefined) return "";
  const command = "npx postern send --to you@example.com";
  const server = formatSocketAddress(address);
  return server === "127.0.0.1:2525" ? command : `${command} --server ${server}`;
}
