/** What a next hop says at each step of a session: most of the time what it should, else anything that octets can be. */
import type { SeededRandom } from "./seeded-random.ts";

/** Where in a session a reply is due. */
export type Step = "greeting" | "ehlo" | "mail" | "rcpt" | "data" | "dot" | "other";

/** How a reply is given. */
export interface HopAnswer {
  /** The octets of the reply, whole; "" says nothing. */
  readonly octets: string;
  /** Before the first octet. */
  readonly delayMs: number;
  /** Octets written at once; absent: all. */
  readonly piece?: number;
  /** Octets after which the connection is closed; absent: it stays open. */
  readonly closeAfter?: number;
  /** Close by RST and not by FIN. */
  readonly reset?: boolean;
  /** Only of "dot": whether the message is taken. */
  readonly takes: boolean;
  /** Two replies for one: nobody can tell from now on what is answered with what. */
  readonly isOutOfStep?: boolean;
}

const USUAL: { readonly [step in Step]: string } = {
  greeting: "220 hop.example ESMTP\r\n",
  ehlo: "250-hop.example\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
  mail: "250 2.1.0 Ok\r\n",
  rcpt: "250 2.1.5 Ok\r\n",
  data: "354 Go on\r\n",
  dot: "250 2.0.0 Taken\r\n",
  other: "250 2.0.0 Ok\r\n",
};

const EHLOS = [
  "250 hop.example\r\n",
  "250-hop.example\r\n250 PIPELINING\r\n",
  "250-hop.example\r\n250-8bitmime\r\n250-SIZE\r\n250-XFOO\r\n250 pipelining\r\n",
  "250-hop.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-DSN\r\n250-SIZE 100\r\n250 ENHANCEDSTATUSCODES\r\n",
  "502 5.5.1 What\r\n",
];

const NEGATIVE = [
  "421 4.3.2 Going down\r\n",
  "450 4.2.1 Busy\r\n",
  "451-4.3.0 One\r\n451-4.3.0 two\r\n451 4.3.0 three\r\n",
  "452 5.1.1 Of two minds\r\n",
  "550 5.1.1 Nobody\r\n",
  "550\r\n",
  "554-5.7.1 No\r\n550 4.7.1 or maybe\r\n",
  "530 5.7.0 Who are you\r\n",
  "599 9.9.9 \u0001\u0002\u001b[31m\u00ff\r\n",
];

const RUBBISH = [
  "hello\r\n",
  "\r\n",
  "2x0 Ok\r\n",
  "250\tOk\r\n",
  "2500 Ok\r\n",
  "999 No\r\n",
  "100 Soon\r\n",
  "-250 Ok\r\n",
  "\0\0\0\r\n",
  "\u00ff\u00fe\u00ff\r\n",
  "250-Ok\r\n550 No\r\n",
  "HTTP/1.1 200 OK\r\n\r\n",
];

const POSITIVE_AT_DOT = [
  "250 2.0.0 Taken\r\n",
  "250 Taken\r\n",
  "250\r\n",
  "250-2.0.0 Taken\r\n250-2.0.0 as\r\n250 2.0.0 17\r\n",
  "250 5.0.0 Taken, whatever this says\r\n",
  "252 Taken\r\n",
  "250 Taken\n\n",
  `250 2.0.0 ${"long ".repeat(2_000)}\r\n`,
];

/** More than a reply may have. */
const oversized = (random: SeededRandom): string =>
  random.chance(0.5) ? "250 ".padEnd(70_000, "x") : "250-more\r\n".repeat(8_000);

/** What a next hop that behaves says. */
export const usualAnswer = (step: Step): HopAnswer => ({
  octets: USUAL[step],
  delayMs: 0,
  takes: step === "dot",
});

/** What one that does not may say. @param lateMs longer than the gateway waits for a reply */
export function hostileAnswer(step: Step, random: SeededRandom, lateMs: number): HopAnswer {
  if (random.chance(0.85)) return withManner(usualAnswer(step), random, lateMs);
  if (step === "dot") return withManner(hostileAtDot(random), random, lateMs);
  if (random.chance(0.06)) {
    const octets = USUAL[step] + random.pick(NEGATIVE);
    return withManner({ octets, delayMs: 0, takes: false, isOutOfStep: true }, random, lateMs);
  }
  const octets = random.weighted<() => string>([
    [6, () => (step === "ehlo" ? random.pick(EHLOS) : random.pick(NEGATIVE))],
    [3, () => random.pick(NEGATIVE)],
    [3, () => random.pick(RUBBISH)],
    [1, () => oversized(random)],
    [1, () => ""],
    [1, () => (step === "data" ? USUAL.rcpt : USUAL.data)],
  ])();
  return withManner({ octets, delayMs: 0, takes: false }, random, lateMs);
}

/** A next hop takes a message or not, whatever its words are and whether they arrive. */
function hostileAtDot(random: SeededRandom): HopAnswer {
  if (random.chance(0.6)) return { octets: random.pick(POSITIVE_AT_DOT), delayMs: 0, takes: true };
  const octets = random.weighted<() => string>([
    [5, () => random.pick(NEGATIVE)],
    [3, () => random.pick(RUBBISH)],
    [1, () => USUAL.data],
    [1, () => oversized(random)],
    [1, () => ""],
  ])();
  return { octets, delayMs: 0, takes: false };
}

function withManner(answer: HopAnswer, random: SeededRandom, lateMs: number): HopAnswer {
  const { octets } = answer;
  return random.weighted<() => HopAnswer>([
    [80, () => answer],
    [6, () => ({ ...answer, piece: random.between(1, 3) })],
    [4, () => ({ ...answer, delayMs: random.between(1, 60) })],
    [2, () => ({ ...answer, delayMs: lateMs })],
    [2, () => ({ ...answer, closeAfter: octets.length, reset: random.chance(0.5) })],
    [2, () => ({ ...answer, closeAfter: random.below(octets.length + 1), reset: random.chance(0.5) })],
    [1, () => ({ ...answer, closeAfter: 0, reset: random.chance(0.5) })],
  ])();
}
