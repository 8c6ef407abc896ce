/**
 * Server-sent events (WHATWG HTML 9.2): one line for each new trace record, so that the list can ask anew. Events
 * carry the id only. A client that does not read gets one event for all it missed, and nothing is kept for it.
 */
import type { TraceStore } from "../gateway/mod.ts";

/** The event streams of one listener. */
export interface EventStreams {
  /** A new stream, or undefined when there are as many as allowed. */
  open(): ReadableStream<Uint8Array> | undefined;
  /** Ends all. */
  close(): void;
}

/** Streams at once. */
const streamsMax = 32;
/** Silence after which a comment line shows proxies that the stream lives, in milliseconds. */
const heartbeatMs = 20_000;

export function createEventStreams(traces: TraceStore): EventStreams {
  const encoder = new TextEncoder();
  const clients = new Set<() => void>();

  function open(): ReadableStream<Uint8Array> | undefined {
    if (clients.size >= streamsMax) return undefined;
    let end = () => {};
    let missed: string | undefined;
    const stream = new ReadableStream<Uint8Array>(
      {
        start(controller) {
          const send = (text: string) => controller.enqueue(encoder.encode(text));
          const unsubscribe = traces.subscribe((record) => {
            if ((controller.desiredSize ?? 0) <= 0) missed = record.id;
            else send(messageEvent(record.id));
          });
          const heartbeat = setInterval(() => {
            if ((controller.desiredSize ?? 0) > 0) send(":\n\n");
          }, heartbeatMs);
          heartbeat.unref();
          end = () => {
            if (!clients.delete(end)) return;
            clearInterval(heartbeat);
            unsubscribe();
            try {
              controller.close();
            } catch {
              // Already closed by the client.
            }
          };
          clients.add(end);
          // The first bytes make the browser's connection "open", and set its wait before it comes back.
          send("retry: 2000\nevent: open\ndata: \n\n");
        },
        pull(controller) {
          if (missed === undefined) return;
          controller.enqueue(encoder.encode(messageEvent(missed)));
          missed = undefined;
        },
        cancel() {
          end();
        },
      },
      { highWaterMark: 8 },
    );
    return stream;
  }

  return {
    open,
    close() {
      for (const end of [...clients]) end();
    },
  };
}

function messageEvent(id: string): string {
  return `event: message\ndata: ${JSON.stringify({ id })}\n\n`;
}
