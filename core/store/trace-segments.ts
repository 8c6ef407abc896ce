/**
 * The files of the trace store: append-only segments of JSON lines, each beginning with `{"id":"..."`. Nothing is
 * synced; a torn line is passed over. Bounds are kept by whole segments, the oldest first. No buffering here.
 *
 * A segment's name is its number and the highest id of all segments before it. Ids are given at a transaction's start
 * and records put at its end, so a record may lie in a later segment than its id tells, never in an earlier one.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { appendFile, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Log } from "../pipeline/mod.ts";

/** Where segments lie, and how long and how many are kept. */
export interface TraceSegmentsOptions {
  readonly folder: string;
  /** A segment goes when its last line is older, in milliseconds. */
  readonly ageMaxMs: number;
  /** Octets of all segments together. */
  readonly bytesMax: number;
  readonly clock: Clock;
  readonly log?: Log;
}

interface Segment {
  readonly number: number;
  /** No id of an earlier segment is above it. */
  readonly since: string;
  bytes: number;
  /** Epoch milliseconds of the last write. */
  writtenAt: number;
  /** The lowest and highest id in it; absent until it was read once. */
  range: { lowest: string; highest: string } | undefined;
}

/** Of one segment; less where `bytesMax` is small, so that what a bound takes away is a small part. */
const segmentBytesMax = 4_194_304;
const segmentsOfBound = 8;
/** A segment is ended after this part of `ageMaxMs`, or with little mail one file would last, and grow, for ever. */
const segmentsOfAge = 16;
const namePattern = /^(\d{10})-([0-9A-Za-z-]{0,64})\.ndjson$/;
const LINE_END = 10;
const QUOTE = 34;
const BRACE = 125;
const lineStart = '{"id":"';

/** Takes in lines that are found. */
export interface FoundLines {
  /** Of how many ids there are lines. */
  readonly size: number;
  keys(): Iterable<string>;
  /** Whether all that counts of an id is there. */
  isWhole(id: string): boolean;
  add(id: string, line: string): void;
}

/** The segments of one folder. One writer at a time; readers at any time. */
export class TraceSegments {
  readonly #options: TraceSegmentsOptions;
  readonly #bytesMax: number;
  #segments: Segment[] = [];
  /** The segment that this process writes to, and when it began. */
  #current: Segment | undefined;
  #begunAt = 0;

  /** Opens the folder (0700) and removes what is past the bounds. Throws the file system's error. */
  constructor(options: TraceSegmentsOptions) {
    this.#options = options;
    this.#bytesMax = Math.min(segmentBytesMax, Math.ceil(options.bytesMax / segmentsOfBound));
    this.#open();
    for (const old of this.#pastBounds(0)) rmSync(this.#path(old), { force: true });
  }

  /** Writes lines and takes each out of the map once it is in a file. Rejects with the file system's error. */
  async append(lines: Map<string, string>): Promise<void> {
    while (lines.size > 0) {
      const ids: string[] = [];
      let length = 0;
      for (const [id, line] of lines) {
        if (ids.length > 0 && length + line.length > this.#bytesMax) break;
        ids.push(id);
        length += line.length + 1;
      }
      // The leading end of line closes a torn line that a previous write left.
      const block = Buffer.from(`\n${ids.map((id) => lines.get(id)).join("\n")}\n`);
      try {
        await this.#write(block, ids);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        // Somebody removed the folder: what was in it is gone, and what comes is kept again.
        this.#open();
        await this.#write(block, ids);
      }
      for (const id of ids) lines.delete(id);
    }
  }

  /** Shows the lines of an id, the last one first, until `seen` says that it is enough. */
  async find(id: string, seen: (line: string) => boolean): Promise<void> {
    const wanted = Buffer.from(`\n{"id":"${id}"`);
    const segments = this.#segments.slice();
    for (let n = segments.length - 1; n >= 0; n--) {
      const segment = segments[n]!;
      const { range } = segment;
      if (!range || (range.lowest <= id && id <= range.highest)) {
        const bytes = await this.#read(segment);
        // A negative place counts from the end.
        for (let at = bytes.lastIndexOf(wanted); at >= 0; ) {
          const end = bytes.indexOf(LINE_END, at + 1);
          if (seen(bytes.toString("utf8", at + 1, end < 0 ? bytes.length : end))) return;
          at = at === 0 ? -1 : bytes.lastIndexOf(wanted, at - 1);
        }
      }
      if (segment.since < id) return;
    }
  }

  /**
   * Shows the lines of the highest `limit` ids below `before` to `found`, which keeps what it takes: those of one id the
   * last one first, until it says that they are enough. Ids already there count. It may be left with more than `limit`.
   */
  async newest(found: FoundLines, before: string | undefined, limit: number): Promise<void> {
    for (const segment of this.#segments.slice().reverse()) {
      const last = found.size >= limit ? [...found.keys()].sort().at(-limit) : undefined;
      const { range } = segment;
      const outside =
        range &&
        ((before !== undefined && range.lowest >= before) || (last !== undefined && range.highest < last));
      if (!outside) {
        const bytes = await this.#read(segment);
        const lines = new Map<string, (readonly [start: number, end: number])[]>();
        eachLine(bytes, (id, start, end) => {
          if ((before !== undefined && id >= before) || found.isWhole(id)) return;
          const ofId = lines.get(id);
          if (ofId) ofId.push([start, end]);
          else lines.set(id, [[start, end]]);
        });
        const sizeBefore = found.size;
        for (const id of [...lines.keys()].sort().reverse()) {
          if (found.size - sizeBefore === limit || (last !== undefined && id < last)) break;
          const ofId = lines.get(id)!;
          for (let n = ofId.length - 1; n >= 0 && !found.isWhole(id); n--)
            found.add(id, bytes.toString("utf8", ...ofId[n]!));
        }
      }
      const limitth = found.size >= limit ? [...found.keys()].sort().at(-limit) : undefined;
      // An earlier segment may have more lines of the id that it is known by, and of none above it.
      if (limitth !== undefined && limitth > segment.since) return;
    }
  }

  /** Removes what is past the bounds. Never rejects. */
  async enforceBounds(comingBytes = 0): Promise<void> {
    for (const old of this.#pastBounds(comingBytes)) {
      await rm(this.#path(old), { force: true }).catch((error: unknown) =>
        this.#options.log?.error("traceSegmentNotRemoved", { segment: old.number, fault: String(error) }),
      );
    }
  }

  #open(): void {
    const { folder } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#segments = [];
    this.#current = undefined;
    for (const file of readdirSync(folder).sort()) {
      const name = namePattern.exec(file);
      if (!name) continue;
      const { size, mtimeMs } = statSync(join(folder, file));
      const [, number, since = ""] = name;
      this.#segments.push({
        number: Number(number),
        since,
        bytes: size,
        writtenAt: mtimeMs,
        range: undefined,
      });
    }
  }

  async #write(block: Buffer, ids: readonly string[]): Promise<void> {
    const segment = await this.#segmentFor(block.length);
    await this.enforceBounds(block.length);
    const path = this.#path(segment);
    try {
      await appendFile(path, block, { mode: 0o600 });
    } catch (error) {
      // A full disk takes a part.
      segment.bytes = (await stat(path).catch(() => undefined))?.size ?? segment.bytes;
      throw error;
    }
    segment.bytes += block.length;
    segment.writtenAt = this.#options.clock.now();
    for (const id of ids) widen(segment, id);
  }

  async #segmentFor(bytes: number): Promise<Segment> {
    const { clock, ageMaxMs } = this.#options;
    const now = clock.now();
    const current = this.#current;
    const full = current !== undefined && current.bytes > 0 && current.bytes + bytes > this.#bytesMax;
    if (current && !full && now - this.#begunAt < ageMaxMs / segmentsOfAge) return current;
    const last = this.#segments.at(-1);
    // What a previous process wrote last tells only in the file how high its ids went.
    if (last && !last.range) await this.#read(last);
    const highest = last?.range?.highest ?? "";
    const since = last && last.since > highest ? last.since : highest;
    this.#current = { number: (last?.number ?? 0) + 1, since, bytes: 0, writtenAt: now, range: undefined };
    this.#begunAt = now;
    this.#segments.push(this.#current);
    return this.#current;
  }

  /** Takes the segments past the bounds out of the list; the one being written goes by its age only. */
  #pastBounds(comingBytes: number): readonly Segment[] {
    const { ageMaxMs, bytesMax, clock } = this.#options;
    const oldest = clock.now() - ageMaxMs;
    let total = this.#segments.reduce((sum, segment) => sum + segment.bytes, comingBytes);
    const gone: Segment[] = [];
    for (const segment of this.#segments) {
      const expired = segment.writtenAt <= oldest;
      if (!expired && (total <= bytesMax || segment === this.#current)) break;
      if (segment === this.#current) this.#current = undefined;
      total -= segment.bytes;
      gone.push(segment);
    }
    this.#segments.splice(0, gone.length);
    return gone;
  }

  #path({ number, since }: Segment): string {
    return join(this.#options.folder, `${String(number).padStart(10, "0")}-${since}.ndjson`);
  }

  async #read(segment: Segment): Promise<Buffer> {
    // A segment may go by the bounds, or not be there yet, while a reader is on its way.
    const bytes = await readFile(this.#path(segment)).catch(() => Buffer.alloc(0));
    if (segment !== this.#current && !segment.range) eachLine(bytes, (id) => widen(segment, id));
    return bytes;
  }
}

function widen(segment: Segment, id: string): void {
  const { range } = segment;
  if (!range) segment.range = { lowest: id, highest: id };
  else if (id < range.lowest) range.lowest = id;
  else if (id > range.highest) range.highest = id;
}

/** Visits the lines that look whole; only reading one tells whether it is. */
function eachLine(bytes: Buffer, visit: (id: string, start: number, end: number) => void): void {
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LINE_END, start);
    const end = found < 0 ? bytes.length : found;
    const idAt = start + lineStart.length;
    if (bytes[end - 1] === BRACE && bytes.toString("latin1", start, idAt) === lineStart) {
      const quote = bytes.indexOf(QUOTE, idAt);
      if (quote > 0 && quote < end) visit(bytes.toString("latin1", idAt, quote), start, end);
    }
    start = end + 1;
  }
}
