/**
 * The octets of one BDAT chunk (RFC 3030 2): as many as were announced, with no dots to take off. Their line ends are
 * read across chunks, as they are of one message. Pure.
 */
import type { DataFault, LineEnds } from "./line-ends.ts";

/** Decodes one chunk of a message. */
export class ChunkDecoder {
  readonly #lineEnds: LineEnds | undefined;
  #left: number;
  #endedAt = -1;

  /** @param octets how many follow, at least one @param lineEnds the message's; absent where it is thrown away */
  constructor(octets: number, lineEnds?: LineEnds) {
    this.#left = octets;
    this.#lineEnds = lineEnds;
  }

  /** The first fault of the message so far. */
  get fault(): DataFault | undefined {
    return this.#lineEnds?.fault;
  }

  /** Where the octets after the chunk begin in what was given last; -1 before its end. */
  get endedAt(): number {
    return this.#endedAt;
  }

  /** Takes octets from the wire and gives what of them is content. */
  decode(octets: Buffer): Buffer {
    const own = octets.length < this.#left ? octets : octets.subarray(0, this.#left);
    this.#left -= own.length;
    if (this.#left === 0) this.#endedAt = own.length;
    return this.#lineEnds === undefined ? own : this.#lineEnds.take(own);
  }
}
