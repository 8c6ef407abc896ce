/**
 * Writes of many connections that leave together, as the replies to clients do in core/smtp, which may not be imported
 * here: a next hop that sleeps is woken once for all of them, and that costs the kernel more than the octets.
 */

let sends: (() => void)[] = [];

/** Runs `send` once all octets that came in this turn of the event loop have been worked on. It must not throw. */
export function atTurnEnd(send: () => void): void {
  if (sends.push(send) === 1) setImmediate(runSends);
}

function runSends(): void {
  const now = sends;
  sends = [];
  for (const send of now) send();
}
