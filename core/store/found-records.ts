/** Records read back from lines, the last one of an id first: what of an id is there, and all of it as one record. */
import { joinRecords } from "../gateway/mod.ts";
import type { TraceRecord } from "../pipeline/mod.ts";
import type { FoundLines } from "./trace-segments.ts";

/** See the head of the file. */
export class FoundRecords implements FoundLines {
  /** The last one first. */
  readonly #records = new Map<string, TraceRecord[]>();
  readonly #whole = new Set<string>();
  readonly #oldest: number;

  /** @param oldest epoch milliseconds: records that ended then or before are too old to be shown */
  constructor(oldest: number) {
    this.#oldest = oldest;
  }

  get size(): number {
    return this.#records.size;
  }

  keys(): Iterable<string> {
    return this.#records.keys();
  }

  isWhole(id: string): boolean {
    return this.#whole.has(id);
  }

  /** Takes one line, older than those before it; gives whether older ones do not count any more. */
  add(id: string, line: string): boolean {
    const record = parse(line);
    if (!record || this.#isTooOld(record)) return this.isWhole(id);
    const ofId = this.#records.get(id);
    if (ofId) ofId.push(record);
    else this.#records.set(id, [record]);
    // The transaction's: what was put before it is what it replaces.
    if (record.attempt === undefined) this.#whole.add(id);
    return this.isWhole(id);
  }

  /** Takes lines in the order they were put. */
  addLines(id: string, lines: string | undefined): void {
    if (lines === undefined) return;
    for (const line of lines.split("\n").reverse()) if (!this.isWhole(id)) this.add(id, line);
  }

  joined(id: string): TraceRecord | undefined {
    const records = this.#records.get(id);
    return records && joinRecords(records.toReversed());
  }

  #isTooOld({ startedAt, ms, attempt }: TraceRecord): boolean {
    return startedAt + (attempt === undefined ? 0 : ms) <= this.#oldest;
  }
}

function parse(line: string): TraceRecord | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
