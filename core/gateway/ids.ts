/** Trace ids: 14 characters that sort by time and can be said over a telephone. */
import type { Clock, Random } from "../pipeline/mod.ts";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
/** Numbers that five characters can tell. */
const NUMBERS = 32 ** 5;

/** What an id is made of: epoch milliseconds, and a number that counts up. */
export interface IdParts {
  readonly ms: number;
  readonly number: number;
}

/** Makes a source of ids: 9 characters of milliseconds, 5 of a number that starts at random and counts up. */
export function createIds(clock: Clock, random: Random): () => string {
  const [a, b, c] = random.bytes(3);
  let last: IdParts = { ms: 0, number: (a! << 16) | (b! << 8) | c! };
  let time = base32(0, 9);
  return () => {
    const next = following(last, clock.now());
    if (next.ms !== last.ms) time = base32(next.ms, 9);
    last = next;
    return time + base32(next.number, 5);
  };
}

/** The id after another: never back, so that ids of one process sort in the order they were given whatever the clock does. */
export function following({ ms, number }: IdParts, now: number): IdParts {
  const next = (number + 1) % NUMBERS;
  return { ms: Math.max(ms, now) + (next === 0 ? 1 : 0), number: next };
}

function base32(value: number, length: number): string {
  let text = "";
  let rest = value;
  for (let i = 0; i < length; i++) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
