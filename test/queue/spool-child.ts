/**
 * A process with a spool, to be killed: `node spool-child.ts <job as JSON>`. It says what it did on its standard output, a
 * line each, written before it goes on: "put", "begin" (to settle), "done" and the id.
 */
import { writeSync } from "node:fs";
import type { Spool } from "../../core/gateway/mod.ts";
import { memoryContent } from "../../core/mail/mod.ts";
import type { SpoolProbes } from "../../core/queue/sqlite/protocol.ts";
import { idOf, message, START, TestClock } from "../gateway/spool-fixtures.ts";
import { openBare } from "./sqlite-fixtures.ts";

/** What a child is to do. */
export interface ChildJob {
  readonly folder: string;
  readonly probes?: SpoolProbes;
  /** "load": writers and takers until it is killed. "one": a large message in and out. */
  readonly does: "load" | "one";
  /** Its first message has that number. */
  readonly from: number;
}

const WRITERS = 6;
const TAKERS = 2;

/** The content of a message: every third one is too large for the database. */
export function contentOf(id: string): Uint8Array {
  const number = Number(id.slice(1));
  const whole = new Uint8Array(number % 3 === 0 ? 100_000 : 500);
  for (let at = 0; at < whole.length; at++) whole[at] = number * 31 + at * 7 + (at >> 8);
  return whole;
}

const say = (what: string): void => void writeSync(1, `${what}\n`);

async function put(spool: Spool, number: number): Promise<void> {
  const id = idOf(number);
  await spool.put(message(number, { receivedAt: START + number, content: memoryContent(contentOf(id)) }));
  say(`put ${id}`);
}

/** Whether there was one. */
async function take(spool: Spool): Promise<boolean> {
  const lease = await spool.lease({ owner: "child", leaseMs: 60_000 });
  if (!lease) return false;
  say(`begin ${lease.id}`);
  if ((await spool.settle(lease, [{ recipient: 0, to: "complete" }])) === 1) say(`done ${lease.id}`);
  return true;
}

async function run({ folder, probes = {}, does, from }: ChildJob): Promise<void> {
  const clock = new TestClock();
  clock.forward(60_000_000);
  const spool = await openBare(folder, { probes, clock });
  await spool.returnLeases();
  if (does === "one") {
    await put(spool, from);
    await take(spool);
    await spool.close();
    return;
  }
  let next = from;
  const write = async (): Promise<never> => {
    for (;;) await put(spool, next++);
  };
  const remove = async (): Promise<never> => {
    for (;;) if (!(await take(spool))) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  await Promise.all([...Array.from({ length: WRITERS }, write), ...Array.from({ length: TAKERS }, remove)]);
}

if (process.argv[2] !== undefined) await run(JSON.parse(process.argv[2]) as ChildJob);
