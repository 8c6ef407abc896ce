/** One round: a gateway, two next hops, many clients at once, and then the books. All choices follow from the seed. */
import { hostileScript, orderlyScript } from "./client-scripts.ts";
import { becomes, openFuzzBed, REPLY_TIMEOUT_MS } from "./fuzz-bed.ts";
import { type PlayedSession, playSession } from "./fuzzed-client.ts";
import { startNextHop } from "./fuzzed-next-hop.ts";
import { auditRound, type Finding } from "./ledger.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Which side does not behave. */
export const ROUND_KINDS = ["sessions", "next-hop"] as const;
export type RoundKind = (typeof ROUND_KINDS)[number];

/** What a round is made of. */
export interface RoundOptions {
  readonly seed: number;
  /** Absent: both. */
  readonly only?: RoundKind;
  /** The names of the sessions to play; absent: all. */
  readonly sessions?: readonly string[];
}

/** What came of it. */
export interface RoundResult {
  readonly sessions: number;
  readonly messages: number;
  readonly accepted: number;
  readonly findings: readonly Finding[];
}

const SESSIONS = 80;
const CLIENTS_AT_ONCE = 40;

/** Plays one. Rejects only when the fuzzer itself can not go on. */
export async function playRound({ seed, only, sessions: chosen }: RoundOptions): Promise<RoundResult> {
  const random = new SeededRandom(`round ${seed}`);
  const hostileHops = only === undefined ? random.chance(0.6) : only === "next-hop";
  const hostileClients = only === undefined ? random.chance(0.6) : only === "sessions";
  const hops = await Promise.all(
    ["a", "b"].map((name) =>
      startNextHop({ name, random: random.fork(name), hostile: hostileHops, lateMs: REPLY_TIMEOUT_MS * 1.5 }),
    ),
  );
  const bed = await openFuzzBed({ a: hops[0]!.port, b: hops[1]!.port });
  const names = Array.from({ length: SESSIONS }, (_, n) => `s${n + 1}`);
  const waiting = names.filter((name) => chosen === undefined || chosen.includes(name));
  const sessions: PlayedSession[] = [];
  const client = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const own = random.fork(name);
      const script = hostileClients && own.chance(0.6) ? hostileScript(own, name) : orderlyScript(own, name);
      sessions.push(await playSession(name, script, bed.port, own));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS_AT_ONCE }, client));
  const left = [...(await bed.close()), ...bed.faults];
  await becomes(() => hops.every((hop) => hop.open().length === 0));
  const open = hops.flatMap((hop) => hop.open());
  await Promise.all(hops.map((hop) => hop.close()));
  const books = { sessions, records: bed.records, taken: hops.flatMap((hop) => hop.taken) };
  const findings = auditRound(books).map((finding) => ({
    ...finding,
    logs: [
      ...finding.logs,
      ...hops.flatMap((hop) => hop.logs.filter((log) => isAbout(log.toString(), finding))),
    ],
  }));
  return {
    sessions: sessions.length,
    messages: bed.records.length,
    accepted: bed.records.filter(({ reply }) => reply !== undefined && reply.code < 300).length,
    findings: [
      ...findings,
      ...left.map((what) => ({ what, sessions: [], logs: [] })),
      ...open.map((log) => ({
        what: "a connection to a next hop stays open after the gateway's end",
        sessions: [],
        logs: [log],
      })),
    ],
  };
}

/** Whether a next hop's connection has to do with the message that a finding names. */
function isAbout(log: string, { what }: Finding): boolean {
  const [id] = /[0-9a-z]{12,}/i.exec(what) ?? [];
  return id !== undefined && log.includes(` id ${id}`);
}
