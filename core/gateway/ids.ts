/** Trace ids: 14 characters that sort by time and can be said over a telephone. */
import type { Clock, Random } from "../pipeline/mod.ts";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Makes a source of ids: 9 characters of milliseconds, 5 of a number that starts at random and counts up. */
export function createIds(clock: Clock, random: Random): () => string {
  const seed = random.bytes(4);
  let last = 0;
  let sequence = ((seed[0]! << 16) | (seed[1]! << 8) | seed[2]!) & 0xffffff;
  return () => {
    // Never back, so that ids of one process sort in the order they were given whatever the clock does.
    last = Math.max(last, clock.now());
    sequence = (sequence + 1) % 0x2000000;
    if (sequence === 0) last += 1;
    return base32(last, 9) + base32(sequence, 5);
  };
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
