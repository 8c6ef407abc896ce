/**
 * Traces on disk, as trace-segments.ts writes them, behind a buffer: `put` only makes a line of the record, so that
 * nothing of a message's path waits for the disk. Never synced: a crash may lose the last moments. While the disk is
 * full or gone, the newest records are kept in memory, shown, and written later.
 */
import type { TraceStore } from "../gateway/mod.ts";
import type { TraceRecord } from "../pipeline/mod.ts";
import { FoundRecords } from "./found-records.ts";
import { TraceSegments, type TraceSegmentsOptions } from "./trace-segments.ts";

/** Where traces lie, and how long and how many are kept. Records older than `ageMaxMs` are not given any more. */
export type TraceStoreOptions = TraceSegmentsOptions;

const flushCharacters = 262_144;
const flushMs = 100;
/** Between tries when the disk does not take what is written. */
const retryMs = 1_000;
/** How often the age of what is kept is looked at when no mail comes. */
const boundsMs = 3_600_000;
/** Past this the disk does not keep up, and the oldest records not yet written are dropped. */
const bufferCharactersMax = 16_777_216;
/** A longer record is kept without its entries. */
const lineCharactersMax = 1_048_576;
/** A trouble that lasts is logged as often as this. */
const troubleMs = 60_000;

/** Opens the folder (0700) and its segments. Throws the file system's error. */
export function openTraceStore(options: TraceStoreOptions): TraceStore {
  return new BufferedTraces(options);
}

class BufferedTraces implements TraceStore {
  readonly #options: TraceStoreOptions;
  readonly #segments: TraceSegments;
  readonly #listeners = new Set<(record: TraceRecord) => void>();
  /** Lines not yet written, by id, in the order they came; several of one id are parted by line ends. */
  #waiting = new Map<string, string>();
  #waitingCharacters = 0;
  /** Lines being written: still read from here until they are in a file. */
  #leaving = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  readonly #boundsTimer: NodeJS.Timeout;
  #flushing: Promise<void> | undefined;
  /** Whether the last write failed. */
  #failing = false;
  /** Records dropped, and when that was last said. */
  #lost = 0;
  #saidAt = -Infinity;

  constructor(options: TraceStoreOptions) {
    this.#options = options;
    this.#segments = new TraceSegments(options);
    this.#boundsTimer = setInterval(() => void this.#flush(), boundsMs).unref();
  }

  put(record: TraceRecord): void {
    try {
      this.#keep(record.id, lineOf(record), record.attempt !== undefined);
      if (this.#failing) this.#later(retryMs);
      else if (this.#waitingCharacters >= flushCharacters) void this.#flush();
      else this.#later(flushMs);
    } catch (error) {
      this.#options.log?.error("traceNotKept", { ref: record.id, fault: String(error) });
    }
    for (const listener of this.#listeners) {
      try {
        listener(record);
      } catch (error) {
        this.#options.log?.error("traceListenerFault", { ref: record.id, fault: String(error) });
      }
    }
  }

  async get(id: string): Promise<TraceRecord | undefined> {
    if (!idPattern.test(id)) return undefined;
    const found = this.#found();
    for (const lines of [this.#waiting, this.#leaving]) found.addLines(id, lines.get(id));
    if (!found.isWhole(id)) await this.#segments.find(id, (line) => found.add(id, line));
    return found.joined(id);
  }

  async list({
    before,
    limit,
  }: {
    readonly before?: string;
    readonly limit: number;
  }): Promise<readonly TraceRecord[]> {
    const found = this.#found();
    for (const lines of [this.#waiting, this.#leaving])
      for (const id of newestIds(lines.keys(), before, limit)) found.addLines(id, lines.get(id));
    await this.#segments.newest(found, before, limit);
    return newestIds(found.keys(), before, limit).map((id) => found.joined(id)!);
  }

  subscribe(listener: (record: TraceRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    clearInterval(this.#boundsTimer);
    do await this.#flush();
    while (this.#waiting.size > 0 && !this.#failing);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.size > 0) this.#options.log?.error("tracesLost", { count: this.#waiting.size });
  }

  #found(): FoundRecords {
    const { clock, ageMaxMs } = this.#options;
    return new FoundRecords(clock.now() - ageMaxMs);
  }

  /** @param joins whether it goes behind what there is of the id, and not in its place */
  #keep(id: string, line: string, joins: boolean): void {
    const before = this.#waiting.get(id);
    const kept = joins && before !== undefined ? `${before}\n${line}` : line;
    this.#waitingCharacters += kept.length - (before?.length ?? 0);
    this.#waiting.set(id, kept);
    this.#dropOldest();
  }

  #dropOldest(): void {
    for (const [id, line] of this.#waiting) {
      if (this.#waitingCharacters <= bufferCharactersMax) return;
      this.#waiting.delete(id);
      this.#waitingCharacters -= line.length;
      this.#lost++;
      this.#trouble("traces come faster than they can be written");
    }
  }

  #later(ms: number): void {
    this.#timer ??= setTimeout(() => void this.#flush(), ms).unref();
  }

  #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing ??= this.#write().finally(() => {
      this.#flushing = undefined;
      if (this.#waiting.size > 0) this.#later(this.#failing ? retryMs : flushMs);
    });
    return this.#flushing;
  }

  async #write(): Promise<void> {
    this.#leaving = this.#waiting;
    this.#waiting = new Map();
    this.#waitingCharacters = 0;
    try {
      await this.#segments.append(this.#leaving);
      if (this.#failing) this.#options.log?.info("tracesWrittenAgain", { lost: this.#lost });
      if (this.#failing) this.#saidAt = -Infinity;
      this.#failing = false;
      this.#lost = 0;
      await this.#segments.enforceBounds();
    } catch (error) {
      this.#failing = true;
      this.#putBack();
      this.#trouble(String(error));
    }
    this.#leaving = new Map();
  }

  /** What was not written waits again, before what came since. */
  #putBack(): void {
    const since = this.#waiting;
    this.#waiting = this.#leaving;
    for (const [id, line] of since) {
      const before = this.#waiting.get(id);
      this.#waiting.set(id, before === undefined ? line : `${before}\n${line}`);
    }
    this.#waitingCharacters = 0;
    for (const line of this.#waiting.values()) this.#waitingCharacters += line.length;
    this.#dropOldest();
  }

  #trouble(fault: string): void {
    const now = this.#options.clock.now();
    if (now - this.#saidAt < troubleMs) return;
    this.#saidAt = now;
    this.#options.log?.error("tracesNotWritten", {
      waiting: this.#waiting.size,
      lost: this.#lost,
      fault,
    });
  }
}

const idPattern = /^[0-9A-Za-z-]{1,64}$/;

/** One line of JSON that begins with the id. */
function lineOf(record: TraceRecord): string {
  if (!idPattern.test(record.id)) throw new Error("the id is not fit for a file name");
  const line = idFirst(record);
  if (line.length <= lineCharactersMax) return line;
  const entriesDropped = (record.entriesDropped ?? 0) + record.entries.length;
  return idFirst({ ...record, entries: [], entriesDropped });
}

/** The engine's records begin with the id as they are. */
function idFirst(record: TraceRecord): string {
  const line = JSON.stringify(record);
  if (line.startsWith('{"id":')) return line;
  const { id, ...rest } = record;
  return JSON.stringify({ id, ...rest });
}

function newestIds(ids: Iterable<string>, before: string | undefined, limit: number): readonly string[] {
  return [...ids]
    .filter((id) => before === undefined || id < before)
    .sort()
    .reverse()
    .slice(0, limit);
}
