/** A next hop that answers anything at any time: a transaction always ends, and nothing counts as delivered unearned. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import fc from "fast-check";
import { contentNeeds } from "../../core/relay/content-needs.ts";
import { NextHopConnection } from "../../core/relay/next-hop-connection.ts";
import { runTransaction } from "../../core/relay/smtp-transaction.ts";
import { delivery, goOn } from "./relay-fixtures.ts";

/** Pushes one piece for each write, then what is left, then ends. */
class AnsweringSocket extends Duplex {
  readonly #pieces: string[];
  /** What was written, and all replies that were there when the end of the content was written. */
  written = "";
  constructor(pieces: readonly string[]) {
    super();
    this.#pieces = [...pieces];
  }
  setTimeout(): this {
    return this;
  }
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString("latin1");
    done();
    setImmediate(() => this.#answer());
  }
  #answer(): void {
    if (this.destroyed) return;
    const piece = this.#pieces.shift();
    if (piece === undefined) {
      this.destroy();
      return;
    }
    this.push(piece);
    setImmediate(() => this.#answer());
  }
}

const line = fc.constantFrom(
  ...[
    "250 ok\r\n",
    "250 ok\r\n",
    "250 ok\r\n",
    "354 go\r\n",
    "354 go\r\n",
    "250-a\r\n250 b\r\n",
    "250-a\r\n",
    "550 5.1.1 no\r\n",
  ],
  ...[
    "421 bye\r\n",
    "452 full\r\n",
    "530 auth\r\n",
    "rubbish\r\n",
    "250",
    "\r\n",
    "",
    "250 ok\r\n250 ok\r\n354 go\r\n",
    "-",
    "\0",
  ],
);

describe("runTransaction", () => {
  for (const lmtp of [false, true]) {
    it(`ends whatever a next hop of ${lmtp ? "LMTP" : "SMTP"} answers, and delivers only what it took`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(line, { maxLength: 12 }),
          fc.subarray(["PIPELINING", "CHUNKING", "8BITMIME"]),
          fc.integer({ min: 1, max: 3 }),
          async (pieces, keywords, count) => {
            const socket = new AnsweringSocket(pieces);
            const identity = { server: "sink", verified: false, lmtp, replyTimeoutMs: undefined };
            const connection = new NextHopConnection(identity);
            connection.keywords = new Map(keywords.map((keyword) => [keyword, ""]));
            connection.hold(socket as unknown as Socket);
            connection.listen();
            const to = Array.from({ length: count }, (_, n) => `r${n}@b.example`);
            const one = delivery("Subject: a\r\n\r\nthe end\r\n", {}, to);
            const job = {
              delivery: one,
              options: goOn(),
              passReplyText: true,
              needs: await contentNeeds(one.content),
            };
            const { result, connection: left } = await runTransaction(connection, job);
            assert.equal(result.recipients.length, count);
            for (const { status, reply } of result.recipients) {
              const first = { delivered: 2, rejected: 5, tempfailed: 4, aside: 4 }[status];
              assert.equal(Math.floor(reply.code / 100), first, JSON.stringify(reply));
            }
            const delivered = result.recipients.filter(({ status }) => status === "delivered").length;
            const positive = pieces.join("").match(/^2\d\d(?![-\d])/gm)?.length ?? 0;
            // MAIL, each RCPT that was taken, and the end have a positive answer each.
            if (delivered > 0) {
              assert.ok(positive >= 1 + delivered + (lmtp ? delivered : 1));
              assert.ok(socket.written.includes("the end\r\n"));
            }
            if (left === "over") assert.equal(connection.socket, undefined);
            else connection.cut();
          },
        ),
        { numRuns: 1000 },
      );
    });
  }
});
