/**
 * A moving window over streamed content for the MIME walk: finds lines with native searches and holds no more than a
 * chunk and a line. It awaits only when a chunk is used up, so that millions of short lines stay cheap.
 */
import type { Content } from "./content.ts";

/** Reads forward through content from an offset. */
export class ByteWindow {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Offset in the content of the window's first octet. */
  #base: number;
  /** The two octets before the window. A body begins at the start of a line. */
  #before1 = LF;
  #before2 = CR;

  constructor(content: Content, start: number) {
    this.#chunks = content.read(start, content.size)[Symbol.asyncIterator]();
    this.#base = start;
  }

  /** Offset in the content of the next octet. */
  get position(): number {
    return this.#base + this.#at;
  }

  /**
   * Moves past the next line that begins with two dashes and that `match` takes.
   *
   * @param lineBytesMax longer lines are cut to this before `match` sees them
   * @returns where the line begins and where the line before it ends, line end not counted; undefined at the end
   */
  async nextDashLine(
    lineBytesMax: number,
    match: (line: Uint8Array) => boolean,
  ): Promise<{ readonly start: number; readonly lineBefore: number } | undefined> {
    for (;;) {
      // Base64 has no dash, so that a large attachment costs one native search for each chunk.
      const dash = this.#bytes.indexOf(DASH, this.#at);
      if (dash < 0) {
        this.#at = this.#bytes.length;
        if (!(await this.#fill())) return undefined;
        continue;
      }
      this.#at = dash;
      if (this.#octetBefore(1) === LF) {
        let end = this.#bytes.indexOf(LF, dash) + 1;
        while (end === 0 && this.#bytes.length - this.#at <= lineBytesMax && (await this.#fill())) {
          end = this.#bytes.indexOf(LF, this.#at) + 1;
        }
        if (end === 0) end = this.#bytes.length;
        const line = this.#bytes.subarray(this.#at, Math.min(end, this.#at + lineBytesMax));
        if (line[1] === DASH && match(line)) {
          const start = this.position;
          const lineBefore = start - (this.#octetBefore(2) === CR ? 2 : 1);
          this.#at = end;
          return { start, lineBefore };
        }
        this.#at = end;
      } else {
        const lineEnd = this.#bytes.indexOf(LF, dash);
        this.#at = lineEnd < 0 ? this.#bytes.length : lineEnd + 1;
      }
    }
  }

  /**
   * Reads a header section: to past the empty line, or to before a line that `isDelimiter` takes, or to the end.
   *
   * @returns a copy of it; `whole` is false when it is longer than `bytesMax` and was cut after a line
   */
  async readHeader(
    bytesMax: number,
    isDelimiter: (line: Uint8Array) => boolean,
  ): Promise<{ readonly header: Uint8Array; readonly whole: boolean }> {
    let length = 0;
    let whole = true;
    for (;;) {
      const start = this.#at + length;
      let end = this.#bytes.indexOf(LF, start) + 1;
      if (end === 0) {
        if (this.#bytes.length - this.#at <= bytesMax && (await this.#fill())) continue;
        end = this.#bytes.length;
      }
      if (end === start) break;
      const line = this.#bytes.subarray(start, end);
      if (line[0] === DASH && line[1] === DASH && isDelimiter(line)) break;
      if (end - this.#at > bytesMax) {
        whole = false;
        break;
      }
      length = end - this.#at;
      if (line[0] === LF || (line[0] === CR && line[1] === LF)) break;
    }
    const header = this.#bytes.slice(this.#at, this.#at + length);
    this.#at += length;
    return { header, whole };
  }

  /** Ends the reading early. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  #octetBefore(n: 1 | 2): number | undefined {
    if (this.#at >= n) return this.#bytes[this.#at - n];
    return n - this.#at === 1 ? this.#before1 : this.#before2;
  }

  /** Takes the next chunk; what is not consumed stays in front of it. */
  async #fill(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done) return false;
    const before1 = this.#octetBefore(1) as number;
    const before2 = this.#octetBefore(2) as number;
    this.#base += this.#at;
    const rest = this.#bytes.length - this.#at;
    if (rest === 0) {
      this.#bytes = next.value;
    } else {
      const joined = new Uint8Array(rest + next.value.length);
      joined.set(this.#bytes.subarray(this.#at));
      joined.set(next.value, rest);
      this.#bytes = joined;
    }
    this.#at = 0;
    this.#before1 = before1;
    this.#before2 = before2;
    return true;
  }
}

const LF = 10;
const CR = 13;
const DASH = 45;
