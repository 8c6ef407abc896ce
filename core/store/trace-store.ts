/**
 * Traces in append-only segments of JSON lines. Never synced and never on a message's path: a crash may lose the
 * last moments, and a torn line is passed over.
 *
 * A segment is named by the highest id seen when it began. Ids are given at a transaction's start and records put
 * at its end, so a record may lie in a later segment than its id tells, never in an earlier one.
 */
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { appendFile, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { TraceStore } from "../gateway/mod.ts";
import type { Clock, Log, TraceRecord } from "../pipeline/mod.ts";

/** Where traces lie and how many are kept. */
export interface TraceStoreOptions {
  readonly folder: string;
  readonly ageMaxMs: number;
  /** Octets of all segments; the oldest go first. */
  readonly bytesMax: number;
  readonly clock: Clock;
  readonly log?: Log;
}

interface Segment {
  readonly name: string;
  bytes: number;
  /** Epoch milliseconds of the last write. */
  writtenAt: number;
}

const segmentBytesMax = 4_194_304;
const flushBytes = 262_144;
const flushMs = 100;
/** Past this the disk does not keep up, and records are dropped rather than memory used up. */
const bufferBytesMax = 16_777_216;
const nameEnd = ".ndjson";

/** Opens the folder (0700) and its segments. Throws the file system's error. */
export function openTraceStore(options: TraceStoreOptions): TraceStore {
  return new Segments(options);
}

class Segments implements TraceStore {
  readonly #options: TraceStoreOptions;
  readonly #listeners = new Set<(record: TraceRecord) => void>();
  readonly #segments: Segment[] = [];
  #current: Segment | undefined;
  /** The highest id written. */
  #highest = "";
  /** Lines not yet written, by id. */
  #tail = new Map<string, string>();
  /** Lines being written: still read from here until they are in the file. */
  #leaving = new Map<string, string>();
  #tailBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;

  constructor(options: TraceStoreOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const names = readdirSync(options.folder).filter((name) => name.endsWith(nameEnd));
    for (const file of names.sort()) {
      const { size, mtimeMs } = statSync(join(options.folder, file));
      this.#segments.push({ name: file.slice(0, -nameEnd.length), bytes: size, writtenAt: mtimeMs });
    }
    this.#highest = this.#segments.at(-1)?.name ?? "";
  }

  put(record: TraceRecord): void {
    try {
      if (!/^[0-9A-Za-z-]{1,64}$/.test(record.id)) throw new Error("trace id is not fit for a file name");
      if (this.#tailBytes > bufferBytesMax) throw new Error("traces come faster than they can be written");
      const line = JSON.stringify(record);
      this.#tail.set(record.id, line);
      this.#tailBytes += line.length + 1;
      if (this.#tailBytes >= flushBytes) void this.#flush();
      else this.#timer ??= setTimeout(() => void this.#flush(), flushMs).unref();
    } catch (error) {
      this.#options.log?.error("traceNotKept", { id: record.id, fault: String(error) });
    }
    for (const listener of this.#listeners) {
      try {
        listener(record);
      } catch (error) {
        this.#options.log?.error("traceListenerFault", { fault: String(error) });
      }
    }
  }

  async get(id: string): Promise<TraceRecord | undefined> {
    const line = this.#tail.get(id) ?? this.#leaving.get(id);
    if (line !== undefined) return JSON.parse(line);
    const wanted = Buffer.from(`"id":${JSON.stringify(id)}`);
    const from = Math.max(
      0,
      this.#segments.findLastIndex((segment) => segment.name < id),
    );
    for (const segment of this.#segments.slice(from)) {
      const bytes = await this.#read(segment);
      for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
        const end = bytes.indexOf(10, at);
        const record = parse(
          bytes.toString("utf8", bytes.lastIndexOf(10, at) + 1, end < 0 ? bytes.length : end),
        );
        if (record?.id === id) return record;
      }
    }
    return undefined;
  }

  async list({
    before,
    limit,
  }: {
    readonly before?: string;
    readonly limit: number;
  }): Promise<readonly TraceRecord[]> {
    const found = new Map<string, string>();
    const add = (id: string, line: string) => {
      if (before === undefined || id < before) found.set(id, line);
    };
    for (const lines of [this.#leaving, this.#tail]) for (const [id, line] of lines) add(id, line);
    for (const segment of this.#segments.slice().reverse()) {
      for (const line of (await this.#read(segment)).toString("utf8").split("\n")) {
        const id = line.endsWith("}") ? idOf(line) : undefined;
        if (id !== undefined) add(id, line);
      }
      // Earlier segments hold only ids up to this one's name: enough when that many are above it.
      const ids = [...found.keys()].sort().reverse();
      for (const id of ids.slice(limit)) found.delete(id);
      if (ids.length >= limit && (ids[limit - 1] ?? "") >= segment.name) break;
    }
    const records: TraceRecord[] = [];
    for (const id of [...found.keys()].sort().reverse()) {
      const record = records.length < limit ? parse(found.get(id)!) : undefined;
      if (record) records.push(record);
    }
    return records;
  }

  subscribe(listener: (record: TraceRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    while (this.#tail.size > 0 || this.#flushing) await this.#flush();
  }

  #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing ??= this.#write().finally(() => {
      this.#flushing = undefined;
      if (this.#tail.size > 0) this.#timer ??= setTimeout(() => void this.#flush(), flushMs).unref();
    });
    return this.#flushing;
  }

  async #write(): Promise<void> {
    if (this.#tail.size === 0) return;
    this.#leaving = this.#tail;
    this.#tail = new Map();
    this.#tailBytes = 0;
    // The leading end of line closes a torn line that a previous write left.
    const bytes = Buffer.from(`\n${[...this.#leaving.values()].join("\n")}\n`);
    try {
      const segment = this.#segmentFor(bytes.length);
      await appendFile(this.#path(segment), bytes, { mode: 0o600 });
      segment.bytes += bytes.length;
      for (const id of this.#leaving.keys()) if (id > this.#highest) this.#highest = id;
      segment.writtenAt = this.#options.clock.now();
      await this.#enforceBounds();
    } catch (error) {
      this.#options.log?.error("tracesNotWritten", { count: this.#leaving.size, fault: String(error) });
    }
    this.#leaving = new Map();
  }

  #segmentFor(bytes: number): Segment {
    const last = this.#segments.at(-1);
    const full = !this.#current || this.#current !== last || this.#current.bytes + bytes > segmentBytesMax;
    if (last && (!full || last.name === this.#beginning())) return last;
    this.#current = { name: this.#beginning(), bytes: 0, writtenAt: 0 };
    this.#segments.push(this.#current);
    return this.#current;
  }

  /** Name of a segment that would begin now: no id of an earlier segment sorts after it. */
  #beginning(): string {
    const first = this.#leaving.keys().next().value ?? "";
    return first > this.#highest ? first : this.#highest;
  }

  async #enforceBounds(): Promise<void> {
    const { ageMaxMs, bytesMax, clock } = this.#options;
    let total = this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
    while (this.#segments.length > 1) {
      const oldest = this.#segments[0]!;
      if (total <= bytesMax && oldest.writtenAt > clock.now() - ageMaxMs) return;
      total -= oldest.bytes;
      this.#segments.shift();
      await rm(this.#path(oldest), { force: true });
    }
  }

  #path(segment: Segment): string {
    return join(this.#options.folder, segment.name + nameEnd);
  }

  async #read(segment: Segment): Promise<Buffer> {
    // A segment may go by the bounds, or not be there yet, while a reader is on its way.
    return readFile(this.#path(segment)).catch(() => Buffer.alloc(0));
  }
}

function idOf(line: string): string | undefined {
  if (line.startsWith('{"id":"')) return line.slice(7, line.indexOf('"', 7));
  return parse(line)?.id;
}

function parse(line: string): TraceRecord | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
