/**
 * What connections do by turns. Replies go out at the end of a turn of the event loop, together. Clients that send more
 * commands at once than are run at once wait in one queue for the whole process, of which a few milliseconds are worked
 * off before octets of others are looked for: with a turn of the event loop for each, a hundred of them would make
 * everybody wait for all of them.
 */

/** How long turns are run before everybody else is heard. */
const TURNS_MS = 3;

const waiting: (() => void)[] = [];
let armed = false;
let sends: (() => void)[] = [];

/**
 * Runs `send` when all octets that came in this turn of the event loop have been worked on. What many connections send
 * goes out in one go then: a client that sleeps is woken once for all of it and not for each, which costs the kernel more
 * than the octets.
 */
export function atTurnEnd(send: () => void): void {
  if (sends.push(send) === 1) setImmediate(runSends);
}

function runSends(): void {
  const now = sends;
  sends = [];
  for (const send of now) send();
}

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
