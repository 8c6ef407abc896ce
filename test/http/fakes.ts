/** A trace store and a mailbox in memory, a listener on a free port, and requests with any header fields. */
import { request } from "node:http";
import { connect } from "node:net";
import type { TraceStore } from "../../core/gateway/mod.ts";
import { type HttpListener, listenHttp, type MailboxReader } from "../../core/http/mod.ts";
import { memoryContent } from "../../core/mail/mod.ts";
import type { Log, TraceRecord } from "../../core/pipeline/mod.ts";

export const token = "test-token-of-at-least-32-characters-00";

/** A record with everything that a test does not care about filled in. */
export function record(id: string, change: Partial<TraceRecord> = {}): TraceRecord {
  return {
    id,
    session: "s1",
    origin: "smtp",
    startedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
    ms: 12.3,
    listener: "relay",
    client: { ip: "127.0.0.1", port: 40_000, trusted: true },
    reversePath: "sender@example.com",
    recipients: [
      {
        forwardPath: "reader@example.org",
        outcome: "delivered",
        nextHop: "local",
        reply: { code: 250, enhanced: "2.0.0", text: "Kept" },
      },
    ],
    subject: `Subject of ${id}`,
    headerFrom: "Sender <sender@example.com>",
    messageBytes: 1234,
    outcome: "accepted",
    reply: { code: 250, enhanced: "2.0.0", text: `Accepted (ref ${id})` },
    edits: [],
    entries: [],
    config: "0123456789ab",
    ...change,
  };
}

export interface FakeTraces extends TraceStore {
  readonly listeners: Set<(record: TraceRecord) => void>;
}

export function fakeTraces(...records: TraceRecord[]): FakeTraces {
  const kept = new Map(records.map((entry) => [entry.id, entry]));
  const listeners = new Set<(record: TraceRecord) => void>();
  return {
    listeners,
    put(entry) {
      kept.set(entry.id, entry);
      for (const listener of listeners) listener(entry);
    },
    get: async (id) => kept.get(id),
    list: async ({ before, limit }) => newest([...kept.values()], before, limit),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: async () => undefined,
  };
}

export function fakeMailbox(messages: { readonly [id: string]: string }): MailboxReader {
  const bytes = (id: string) => new TextEncoder().encode(messages[id]);
  const envelope = {
    reversePath: "sender@example.com",
    recipients: ["reader@example.org"],
    receivedAt: 1_000,
  };
  return {
    open: async (id) => (id in messages ? { ...envelope, content: memoryContent(bytes(id)) } : undefined),
    list: async ({ before, limit }) =>
      newest(
        Object.keys(messages).map((id) => ({ ...envelope, id, size: bytes(id).length })),
        before,
        limit,
      ),
  };
}

function newest<T extends { readonly id: string }>(
  entries: T[],
  before: string | undefined,
  limit: number,
): T[] {
  return entries
    .filter(({ id }) => before === undefined || id < before)
    .sort((a, b) => (a.id < b.id ? 1 : -1))
    .slice(0, limit);
}

/** @param said takes the events that are logged, with their cause */
export function listen(
  traces: TraceStore,
  mailbox?: MailboxReader,
  said: string[] = [],
): Promise<HttpListener> {
  const say: Log["info"] = (event, fields) => void said.push(`${event} ${fields?.cause}`);
  return listenHttp({
    config: {
      hostName: "gateway.example",
      listeners: [],
      http: { address: { host: "127.0.0.1", port: 0 }, hostNames: ["mail.example.net"] },
      nextHops: { local: { kind: "mailbox", folder: "mailbox" } },
    },
    traces,
    ...(mailbox ? { mailbox } : {}),
    token,
    pipelineNames: ["attachments", "routes"],
    log: { debug: say, info: say, warn: say, error: say },
  });
}

export interface Answered {
  readonly status: number;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly text: string;
}

/** A request with the bearer token, unless `headers` says otherwise; a field set to "" is not sent. */
export function ask(
  listener: HttpListener,
  path: string,
  headers: { readonly [name: string]: string } = {},
  method = "GET",
): Promise<Answered> {
  const all = Object.entries({ authorization: `Bearer ${token}`, ...headers }).filter(
    ([, value]) => value !== "",
  );
  return new Promise((resolve, reject) => {
    const sent = request(
      { ...listener.address, path, method, headers: Object.fromEntries(all), agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("latin1");
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        });
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

/** Says octets to the listener and gives the status line it answers with, "" when it only hangs up. */
export function sayRaw(listener: HttpListener, octets: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(listener.address);
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text.split("\r\n", 1)[0] ?? ""));
    socket.end(octets);
  });
}
