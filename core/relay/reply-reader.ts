/**
 * Cuts the octets of a next hop into whole replies (RFC 5321 4.2.1): lines up to the one without a hyphen behind its
 * code. Bounded: a reply without end is a fault. What a reply means is next-hop-reply.ts's.
 */

/** Octets of one reply; RFC 5321 4.5.3.1.5 has 512 for a line, and EHLO answers have some twenty lines. */
export const REPLY_BYTES_MAX = 65_536;

/** Reads replies chunk by chunk, in one pass. */
export class ReplyReader {
  #rest = "";
  #lines = "";
  #bytes = 0;

  /** Whether octets are here that belong to no whole reply yet. */
  get pending(): boolean {
    return this.#bytes > 0;
  }

  /**
   * Takes a chunk and calls `onReply` for each reply that is whole with it, lines parted by "\n", without line ends.
   * It stops where `onReply` says false.
   *
   * @returns false when a reply is over its bound
   */
  read(chunk: Buffer, onReply: (reply: string) => void): boolean {
    // Octets stay octets: what is not ASCII is made harmless where the reply is read.
    const text = this.#rest + chunk.toString("latin1");
    this.#rest = "";
    let at = 0;
    for (;;) {
      const end = text.indexOf("\n", at);
      if (end < 0) break;
      const line = text.slice(at, end > at && text.charCodeAt(end - 1) === 13 ? end - 1 : end);
      at = end + 1;
      if (line.charCodeAt(3) === 45) {
        this.#lines += `${line}\n`;
        if (this.#lines.length > REPLY_BYTES_MAX) return false;
        continue;
      }
      const reply = this.#lines + line;
      this.#lines = "";
      if (reply.length > REPLY_BYTES_MAX) return false;
      this.#bytes = this.#lines.length + (text.length - at);
      onReply(reply);
    }
    this.#rest = at === 0 ? text : text.slice(at);
    this.#bytes = this.#lines.length + this.#rest.length;
    return this.#bytes <= REPLY_BYTES_MAX;
  }
}
