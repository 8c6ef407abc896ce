/** The HTTP host: one Hono app on a Node server. It reads traces and the mailbox, and changes nothing. */
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { GatewayConfig, SocketAddress } from "../config/mod.ts";
import type { TraceStore } from "../gateway/mod.ts";
import type { Log } from "../pipeline/mod.ts";
import { createAccess } from "./access.ts";
import { createApp } from "./app.ts";
import { createEventStreams } from "./events.ts";
import { createMessageIndex, type MailboxReader } from "./message-index.ts";
import { summarise } from "./page-layout.ts";

/** What {@link listenHttp} needs. */
export interface HttpOptions {
  /** Its `http` says where to listen and by which names it is reached. */
  readonly config: Pick<GatewayConfig, "hostName" | "listeners" | "http" | "nextHops">;
  readonly traces: TraceStore;
  /** Absent when no next hop is a mailbox: then no content is shown. */
  readonly mailbox?: MailboxReader;
  /** Where the SMTP listeners are bound, in the order of the config; absent: the page shows what is configured. */
  readonly listening?: readonly SocketAddress[];
  /** As of `readOrCreateToken`. */
  readonly token: string;
  /** Shown on the page; absent: not shown. */
  readonly version?: string;
  /** Plugin names in written order, shown on the page. */
  readonly pipelineNames?: readonly string[];
  readonly log: Log;
}

/** A running listener. */
export interface HttpListener {
  /** Where it is bound, with the real port. */
  readonly address: SocketAddress;
  /** The link that opens the page; it holds the token. */
  readonly url: string;
  /** Stops listening, ends event streams, and lets running answers finish for a second. */
  close(): Promise<void>;
}

/** Connections at once. */
const connectionsMax = 256;
/** How long running answers may take after `close`, in milliseconds. */
const closeMs = 1_000;

/** Listens; rejects with the system's error when the address can not be had, or when the config has no `http`. */
export async function listenHttp(options: HttpOptions): Promise<HttpListener> {
  const { config, traces, mailbox, token, log } = options;
  if (!config.http) throw new Error("http: found nothing, expected an address to listen on");
  const events = createEventStreams(traces);
  // What is known of the address comes with listening, and a request only after it.
  let handle: ReturnType<typeof getRequestListener> | undefined;
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    handle?.(request, response);
  });
  server.maxConnections = connectionsMax;
  server.on("connection", (socket: Socket) => socket.on("error", () => socket.destroy()));

  const address = await bind(server, config.http.address);
  server.on("error", (error) => log.error("httpListenerFault", { cause: error.message }));
  const app = createApp({
    access: createAccess(address, config.http.hostNames, token),
    index: createMessageIndex(traces, mailbox),
    events,
    summary: summarise(config, options.pipelineNames ?? [], options.version, options.listening),
    log,
  });
  handle = getRequestListener(app.fetch, { overrideGlobalObjects: false });

  return {
    address,
    url: `http://${reachable(address.host)}:${address.port}/?token=${encodeURIComponent(token)}`,
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        events.close();
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), closeMs).unref();
      });
    },
  };
}

function bind(server: Server, { host, port }: SocketAddress): Promise<SocketAddress> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      const bound = server.address();
      resolve(typeof bound === "object" && bound ? { host, port: bound.port } : { host, port });
    });
  });
}

/** A host that a link can name: bound to every address means loopback too. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
