/** How long each phase may be silent, and that the socket's timer is set to it. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import type { Content } from "../../core/mail/content.ts";
import { contentNeeds } from "../../core/relay/content-needs.ts";
import { NextHopConnection } from "../../core/relay/next-hop-connection.ts";
import { replyTimeouts } from "../../core/relay/reply-timeouts.ts";
import { runTransaction } from "../../core/relay/smtp-transaction.ts";
import { delivery, goOn } from "./relay-fixtures.ts";

const minuteMs = 60_000;

describe("replyTimeouts", () => {
  it("are those of RFC 5321 4.5.3.2, and a cap holds for each", () => {
    assert.deepEqual(replyTimeouts(undefined), {
      greetingMs: 5 * minuteMs,
      commandMs: 5 * minuteMs,
      rcptMs: 5 * minuteMs,
      dataMs: 2 * minuteMs,
      blockMs: 3 * minuteMs,
      finalMs: 10 * minuteMs,
    });
    assert.deepEqual(
      Object.values(replyTimeouts(4 * minuteMs)),
      [4, 4, 4, 2, 3, 4].map((n) => n * minuteMs),
    );
    assert.deepEqual(new Set(Object.values(replyTimeouts(1000))), new Set([1000]));
  });
});

/** A socket that answers by itself and notes what its timer is set to, in minutes. */
class NotingSocket extends Duplex {
  readonly minutes: number[] = [];
  setTimeout(ms: number): this {
    if (ms > 0) this.minutes.push(ms / minuteMs);
    return this;
  }
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    done();
    const text = chunk.toString("latin1");
    for (const line of text.split("\r\n").slice(0, -1)) {
      if (/^(?:MAIL|RCPT|BDAT)/.test(line)) this.push("250 ok\r\n");
      if (line === "DATA") this.push("354 go\r\n");
    }
    if (text.endsWith("\r\n.\r\n") || text === ".\r\n") this.push("250 ok\r\n");
  }
}

describe("NextHopConnection", () => {
  const content: Content = {
    size: 12,
    async *read() {
      yield Buffer.from("Sub: a\r\n");
      yield Buffer.from("\r\na.");
    },
  };
  for (const { name, keywords, streamed, want } of [
    { name: "one command after the other", keywords: [], streamed: false, want: [5, 2, 10] },
    { name: "commands in one write", keywords: ["PIPELINING"], streamed: false, want: [5, 2, 10] },
    { name: "streamed content", keywords: ["PIPELINING"], streamed: true, want: [5, 2, 3, 10] },
    { name: "BDAT with the commands", keywords: ["PIPELINING", "CHUNKING"], streamed: false, want: [5, 10] },
    { name: "streamed chunks", keywords: ["CHUNKING"], streamed: true, want: [5, 3, 10] },
  ]) {
    it(`its timer follows the phases of ${name}`, async () => {
      const socket = new NotingSocket();
      const connection = new NextHopConnection({
        ...{ server: "sink", verified: false, lmtp: false, replyTimeoutMs: undefined },
      });
      connection.keywords = new Map(keywords.map((keyword) => [keyword, ""]));
      connection.hold(socket as unknown as Socket);
      connection.listen();
      const one = streamed ? delivery("", { content }) : delivery("a\r\n");
      const job = {
        delivery: one,
        options: goOn(),
        passReplyText: true,
        needs: await contentNeeds(one.content),
      };
      const { result } = await runTransaction(connection, job);
      assert.equal(result.recipients[0]?.status, "delivered");
      assert.deepEqual(socket.minutes, want);
      connection.cut();
    });
  }
});
