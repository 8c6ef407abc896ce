/**
 * The thread of a connection: one that writes in batches, or one that only reads. Its first message says that the
 * database is open, or why it is not; then it answers each request in order.
 */
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { lookAt } from "./look.ts";
import type { Answer, BatchResult, Request, StoredRow, ThreadStart } from "./protocol.ts";
import { Refused } from "./refused.ts";
import { openToRead } from "./schema.ts";
import { Statements } from "./statements.ts";
import { WriteEngine } from "./write-engine.ts";

const start = workerData as ThreadStart;

try {
  const reader = start.role === "read" ? openToRead(start.path) : undefined;
  const writer = reader ? undefined : new WriteEngine(start);
  serve(writer, reader);
  answer({ open: true });
} catch (error) {
  answer({ failed: { code: "EIO", message: messageOf(error) } });
}

function serve(writer: WriteEngine | undefined, reader: DatabaseSync | undefined): void {
  const statements = reader && new Statements(reader);
  let late: readonly string[] = [];
  parentPort?.on("message", (request: Request) => {
    if (request.ask === "batch" && writer) {
      const { results, alarms } = writer.run(request.operations);
      answer({ results, alarms: [...late, ...alarms] }, results.flatMap(lentBuffers));
      late = writer.rest();
    } else if (request.ask === "look" && statements) {
      try {
        const seen = lookAt(statements, request.at);
        const body = request.at.look === "get" ? (seen as StoredRow | undefined)?.body : undefined;
        answer({ seen }, body ? [body] : []);
      } catch (error) {
        const code = error instanceof Refused ? error.code : "EIO";
        answer({ failed: { code, message: messageOf(error) } });
      }
    } else {
      writer?.close();
      reader?.close();
      answer({ closed: true });
      parentPort?.close();
    }
  });
}

function answer(message: Answer, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, [...transfer]);
}

const lentBuffers = (result: BatchResult): readonly ArrayBuffer[] =>
  "lent" in result && result.lent ? [result.lent.message.body] : [];

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
