/** Messages, contents and a clock for the tests of spools. */
import type { SpoolEntry, SpoolMessage, SpoolRecipient } from "../../core/gateway/mod.ts";
import { type Content, isPathFault, memoryContent, parseAddress, type Reply } from "../../core/mail/mod.ts";

export const START = 1_800_000_000_000;

/** A clock that stands still until a test moves it. */
export class TestClock {
  #now = START;
  readonly now = (): number => this.#now;
  forward(ms: number): void {
    this.#now += ms;
  }
}

/** An address, from text that is one. */
export function address(text: string) {
  const parsed = parseAddress(text);
  if (isPathFault(parsed)) throw new TypeError(parsed.fault);
  return parsed;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A stored id: sorts by its number. */
export const idOf = (number: number): string => `m${String(number).padStart(6, "0")}`;

export const later: Reply = { code: 451, enhanced: "4.7.1", text: "Try later" };
export const never: Reply = { code: 550, enhanced: "5.1.1", text: "No such user" };

/** A recipient that is due at once for the next hop "a". */
export function recipient(forwardPath: string, changes: Partial<SpoolRecipient> = {}): SpoolRecipient {
  return {
    forwardPath: address(forwardPath),
    original: address(forwardPath),
    parameters: {},
    lineage: [],
    stage: "route",
    facts: {},
    destination: "a",
    state: "due",
    nextAt: START,
    ...changes,
  };
}

/** A message of that number to bob@example.org, unless told otherwise. */
export function message(number: number, changes: Partial<SpoolMessage> = {}): SpoolMessage {
  return {
    id: idOf(number),
    origin: "smtp",
    receivedAt: START + number,
    listener: { name: "relay", kind: "relay", address: "127.0.0.1" },
    client: { ip: "192.0.2.1", port: 4_000, trusted: false },
    ehlo: "client.example",
    reversePath: address("ann@example.com"),
    parameters: {},
    traceField: bytes("Received: from client.example\r\n"),
    content: memoryContent(bytes("Subject: hello\r\n\r\nbody\r\n")),
    edits: [],
    facts: {},
    trace: [],
    config: "0123456789ab",
    recipients: [recipient("bob@example.org")],
    ...changes,
  };
}

/** Content that comes in chunks of these sizes, again and again, and never lies in memory as one array. */
export function chunked(whole: Uint8Array, sizes: readonly number[]): Content {
  return {
    size: whole.length,
    async *read(start = 0, end = whole.length) {
      for (let at = start, turn = 0; at < end; turn++) {
        const next = Math.min(end, at + (sizes[turn % sizes.length] ?? 1));
        yield whole.subarray(at, next);
        at = next;
      }
    },
  };
}

/** Content that fails after so many octets. */
export function failing(size: number, after: number): Content {
  return {
    size,
    async *read() {
      yield new Uint8Array(after);
      throw new Error("the disk is gone");
    },
  };
}

/** All octets of a content, by its stream. */
export async function octetsOf(content: Content): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read()) chunks.push(chunk.slice());
  return new Uint8Array(Buffer.concat(chunks));
}

/** A recipient of a list in one word: message, number, state. */
export const brief = ({ id, recipient, state }: SpoolEntry): string =>
  `${Number(id.slice(1))}.${recipient} ${state}`;
