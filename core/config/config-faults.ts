/** What is wrong with a config, all at once: one line for each fault. Secrets never stand in a line. */

/** One thing wrong. */
export interface ConfigFault {
  /** Where: "listeners[0].address"; "" for the whole config. */
  readonly path: string;
  /** What stands there; undefined where `expected` says it all. Never a secret. */
  readonly found?: string;
  /** What should stand there. */
  readonly expected: string;
  /** What to do about it. */
  readonly todo?: string;
}

/** Thrown by `resolveConfig`; its message has one line for each fault. */
export class ConfigFaults extends Error {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(formatFault).join("\n"));
    this.name = "ConfigFaults";
    this.faults = faults;
  }
}

/** A fault as one line: "listeners[0].address: found 25252525, expected ...". */
export function formatFault(fault: ConfigFault): string {
  const place = fault.path === "" ? "" : `${fault.path}: `;
  const what =
    fault.found === undefined ? fault.expected : `found ${fault.found}, expected ${fault.expected}`;
  return oneLine(`${place}${what}${fault.todo === undefined ? "" : `; ${fault.todo}`}`);
}

const SECRET = /password|secret|token|hash|users|key$|\bauth\b/i;
const SHOWN_MAX = 60;

/** A value as a fault shows it: short, on one line, and hidden where its path speaks of secrets. */
export function showFound(value: unknown, path: string): string {
  if (value === undefined) return "nothing";
  if (SECRET.test(path)) return "a value that is not shown";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "function") return "a function";
  if (typeof value !== "string") return String(value);
  // "user:password@host" in place of "host:port": the part before the @ may be a password.
  const safe = /:[^@]*@/.test(value) ? value.replace(/^.*@/s, "...@") : value;
  return JSON.stringify(safe.length > SHOWN_MAX ? `${safe.slice(0, SHOWN_MAX)}...` : safe);
}

/** "listeners[0].address" of a path as zod gives it. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}

/** The known word closest to a mistyped one, or undefined when none is near. */
export function closest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase().slice(0, SHOWN_MAX);
  const near = known
    .map((name) => ({ name, distance: editDistance(lower, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.name;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
}
