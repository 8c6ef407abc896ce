/**
 * Turns of connections whose clients send more commands at once than are run at once. They wait in one queue for the
 * whole process, of which a few milliseconds are worked off before octets of others are looked for again: with a turn of
 * the event loop for each, a hundred such clients would make everybody wait for all of them.
 */

/** How long turns are run before everybody else is heard. */
const TURNS_MS = 3;

const waiting: (() => void)[] = [];
let armed = false;

/** Runs `turn` once, after those that wait already. */
export function inTurn(turn: () => void): void {
  waiting.push(turn);
  if (armed) return;
  armed = true;
  setImmediate(runTurns);
}

function runTurns(): void {
  const until = performance.now() + TURNS_MS;
  try {
    do waiting.shift()?.();
    while (waiting.length > 0 && performance.now() < until);
  } finally {
    armed = waiting.length > 0;
    if (armed) setImmediate(runTurns);
  }
}
