/**
 * Plays rounds until the time is over or one fails, and says so line by line: "round SEED" before each, so that who
 * started it knows which one hangs. Arguments as name=value: seconds, seed, rounds, only, sessions.
 */
import { playRound, type RoundKind, type RoundResult } from "./fuzz-round.ts";

const args = new Map(process.argv.slice(2).map((arg) => arg.split("=", 2) as [string, string]));
const seconds = Number(args.get("seconds") ?? 20);
const roundsMax = Number(args.get("rounds") ?? Number.POSITIVE_INFINITY);
const only = args.get("only") as RoundKind | undefined;
const chosen = args.get("sessions")?.split(",");
const totals = { rounds: 0, sessions: 0, messages: 0, accepted: 0 };
const FINDINGS_SHOWN_MAX = 3;

/** What fell through every handler of the gateway: each is a crash of `postern start`. */
const uncaught: string[] = [];
const keep = (kind: string) => (error: unknown) => {
  uncaught.push(`${kind}: ${error instanceof Error ? error.stack : String(error)}`);
};
process.on("unhandledRejection", keep("an unhandled rejection"));
process.on("uncaughtException", keep("an uncaught exception"));

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function play(seed: number, sessions: readonly string[] | undefined): Promise<RoundResult> {
  const options = { seed, ...(only ? { only } : {}), ...(sessions ? { sessions } : {}) };
  const result = await playRound(options);
  // Rejections are told of a turn later.
  await new Promise((resolve) => setTimeout(resolve, 10));
  const crashes = uncaught.splice(0).map((what) => ({ what, sessions: [], logs: [] }));
  return { ...result, findings: [...result.findings, ...crashes] };
}

function command(seed: number, sessions: readonly string[] | undefined): string {
  const words = [`npm run fuzz -- --seed ${seed} --rounds 1`];
  if (only) words.push(`--only ${only}`);
  if (sessions) words.push(`--sessions ${sessions.join(",")}`);
  return words.join(" ");
}

/** The sessions of a finding alone, when they are enough to see it again. */
async function smallest(
  seed: number,
  first: RoundResult,
): Promise<readonly [RoundResult, readonly string[] | undefined]> {
  const named = [...new Set(first.findings.flatMap(({ sessions }) => sessions))];
  for (const sessions of [named.slice(0, 1), named]) {
    if (sessions.length === 0 || chosen !== undefined) continue;
    const again = await play(seed, sessions);
    if (again.findings.length > 0) return [again, sessions];
  }
  return [first, chosen];
}

async function report(seed: number, first: RoundResult): Promise<void> {
  const [result, sessions] = await smallest(seed, first);
  for (const { what, logs } of result.findings.slice(0, FINDINGS_SHOWN_MAX)) {
    say(`\nFOUND ${what}`);
    for (const log of new Set(logs)) say(log.toString());
  }
  const more = result.findings.length - FINDINGS_SHOWN_MAX;
  if (more > 0) say(`\nand ${more} more`);
  say(`\nagain: ${command(seed, sessions)}`);
}

const until = performance.now() + seconds * 1000;
let seed = Number(args.get("seed") ?? 1);
do {
  say(`round ${seed}`);
  const result = await play(seed, chosen).catch((error: unknown) => {
    say(`the fuzzer itself failed: ${error instanceof Error ? error.stack : String(error)}`);
    process.exit(3);
  });
  totals.rounds += 1;
  totals.sessions += result.sessions;
  totals.messages += result.messages;
  totals.accepted += result.accepted;
  if (result.findings.length > 0) {
    await report(seed, result);
    process.exit(1);
  }
  seed += 1;
} while (performance.now() < until && totals.rounds < roundsMax);
const { rounds, sessions, messages, accepted } = totals;
say(`${rounds} rounds, ${sessions} sessions, ${messages} transactions, ${accepted} accepted: nothing found`);
process.exit(0);
