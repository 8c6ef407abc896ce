/** Reads a dialogue: a text file of one session (dialogues/README.md says how they are written). */

/** A step of the session, with its line in the file. */
export type Step =
  /** Octets to send in one write. */
  | { readonly say: Buffer; readonly line: number }
  /** A whole reply, its lines joined by LF. */
  | { readonly reply: RegExp; readonly pattern: string; readonly line: number }
  /** What the last reply does not hold. */
  | { readonly lacks: string; readonly line: number }
  | { readonly act: "tls" | "closed" | "shut" | "vanish"; readonly line: number };

/** A check after the session. */
export interface Check {
  readonly about: "mail" | "rcpt" | "content";
  readonly pattern: RegExp;
  readonly text: string;
  readonly line: number;
}

/** One file. */
export interface Dialogue {
  /** The first comment. */
  readonly title: string;
  /** Words of the `# listener:` lines: a value, or "" for a bare word. */
  readonly listener: ReadonlyMap<string, string>;
  readonly steps: readonly Step[];
  /** Of the messages that the next hop got, in order. */
  readonly checks: readonly Check[];
}

/** @throws SyntaxError with the line where it is none */
export function parseDialogue(text: string): Dialogue {
  const listener = new Map<string, string>();
  const steps: Step[] = [];
  const checks: Check[] = [];
  let title = "";
  for (const [index, row] of text.split("\n").entries()) {
    const line = index + 1;
    if (row === "") continue;
    const [, lead = "", rest = ""] = /^([^ ]+) ?(.*)$/.exec(row) ?? [];
    const last = steps.at(-1);
    if (lead === "#") {
      if (rest.startsWith("listener: ")) settings(rest.slice(10), listener);
      else if (title === "") title = rest;
    } else if (lead === "C:" || lead === "C>") {
      const octets = octetsOf(lead === "C:" ? `${rest}\\r\\n` : rest);
      if (lead === "C:" && last !== undefined && "say" in last)
        steps[steps.length - 1] = { say: Buffer.concat([last.say, octets]), line: last.line };
      else steps.push({ say: octets, line });
    } else if (lead === "S:") steps.push({ reply: patternOf(rest), pattern: rest, line });
    else if (lead === "S!") steps.push({ lacks: rest, line });
    else if (lead === "!") steps.push({ act: actOf(rest, line), line });
    else if (lead === "=") checks.push(checkOf(rest, line));
    else throw new SyntaxError(`line ${line}: not a line of a dialogue: ${row}`);
  }
  return { title, listener, steps, checks };
}

function settings(text: string, into: Map<string, string>): void {
  for (const word of text.split(" ")) {
    const [key = "", value = ""] = word.split("=", 2);
    into.set(key, value);
  }
}

function actOf(text: string, line: number): "tls" | "closed" | "shut" | "vanish" {
  if (text === "tls" || text === "closed" || text === "shut" || text === "vanish") return text;
  throw new SyntaxError(`line ${line}: no such act: ${text}`);
}

function checkOf(text: string, line: number): Check {
  const [, about, rest = ""] = /^(mail|rcpt|content): ?(.*)$/.exec(text) ?? [];
  if (about !== "mail" && about !== "rcpt" && about !== "content")
    throw new SyntaxError(`line ${line}: no such check: ${text}`);
  return { about, pattern: patternOf(unescaped(rest)), text: rest, line };
}

/** "*" stands for anything within a line, "..." for anything. */
function patternOf(text: string): RegExp {
  const source = text
    .split(/(\.\.\.|\*)/)
    .map((part) =>
      part === "..." ? "[^]*" : part === "*" ? "[^\\n]*" : part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"),
    )
    .join("");
  return new RegExp(`^${source}$`);
}

// \r \n \0 \t \\ \xHH, and {text*N} for N times the text.
function octetsOf(text: string): Buffer {
  const repeated = text.replace(/\{([^{}]+)\*(\d+)\}/g, (_all, part: string, times: string) =>
    part.repeat(Number(times)),
  );
  const parts = repeated.split(/(\\x[0-9a-f]{2})/i);
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 1 ? Buffer.of(Number.parseInt(part.slice(2), 16)) : Buffer.from(unescaped(part)),
    ),
  );
}

function unescaped(text: string): string {
  const meant: { readonly [letter: string]: string } = { r: "\r", n: "\n", t: "\t", "0": "\0", "\\": "\\" };
  return text.replace(/\\(.)/g, (all, letter: string) => meant[letter] ?? all);
}
