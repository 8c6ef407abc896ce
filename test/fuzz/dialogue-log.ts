/** What was said on one connection, for the report of a failure: bounded in lines and in length. */

const LINES_MAX = 200;
const SHOWN_MAX = 160;

/** Octets as a line of text: controls escaped, long ones cut in the middle with their count. */
export function shownOctets(octets: Buffer | string): string {
  const text = typeof octets === "string" ? octets : octets.toString("latin1");
  const head = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 40)}` : text;
  const tail =
    text.length > SHOWN_MAX ? ` ...${JSON.stringify(text.slice(-30))} (${text.length} octets)` : "";
  return JSON.stringify(head) + tail;
}

export class DialogueLog {
  readonly name: string;
  readonly #lines: string[] = [];
  readonly #begun = performance.now();

  constructor(name: string) {
    this.name = name;
  }

  add(direction: ">" | "<" | "-", what: Buffer | string): void {
    if (this.#lines.length >= LINES_MAX) return;
    const at = Math.round(performance.now() - this.#begun);
    this.#lines.push(`  ${String(at).padStart(5)} ms ${direction} ${shownOctets(what)}`);
  }

  toString(): string {
    return `${this.name}\n${this.#lines.join("\n")}`;
  }
}
