/**
 * Bytes that can be read any number of times and are the same each time: a message in memory, in a spool file, or
 * in somebody's store. Nothing here ever joins chunks into one array.
 */

/** A source of bytes of known length. */
export interface Content {
  /** Length in octets. */
  readonly size: number;
  /** The bytes themselves where they lie in memory as one array: a short way for small messages. */
  readonly bytes?: Uint8Array;
  /**
   * The octets of [start, end), in chunks of at most some 64 KB. Chunks must not be written to.
   *
   * @param start first octet, default 0
   * @param end one past the last octet, default `size`
   */
  read(start?: number, end?: number): AsyncIterable<Uint8Array>;
  /**
   * Copies octets from `start` on into an array of the caller's, and gives how many: as many as it holds or fewer, at
   * least one while there are any. For who reads all of a large message with one array. Absent where there is no quicker
   * way than `read`.
   */
  readInto?(into: Uint8Array, start: number): Promise<number>;
}

/** Content that lies in memory as one array. The array must not be changed afterwards. */
export function memoryContent(bytes: Uint8Array): Content {
  return {
    size: bytes.length,
    bytes,
    async *read(start = 0, end = bytes.length) {
      for (let at = start; at < end; at += 65_536) yield bytes.subarray(at, Math.min(end, at + 65_536));
    },
  };
}

/** Reads a range of content whole. Only for ranges that are known to be small: the caller bounds them. */
export async function readAll(content: Content, start = 0, end = content.size): Promise<Uint8Array> {
  if (content.bytes) return content.bytes.subarray(start, end);
  const whole = new Uint8Array(end - start);
  let at = 0;
  for await (const chunk of content.read(start, end)) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/**
 * As `read`, for who looks at no chunk any more once it asks for the next: all of them take the place of one.
 *
 * @throws Error where the content ends before its size
 */
export async function* readInTurn(
  content: Content,
  start = 0,
  end = content.size,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (!content.readInto) {
    yield* content.read(start, end);
    return;
  }
  const into = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(0, end - start)));
  for (let at = start; at < end; ) {
    const octets = await content.readInto(into.subarray(0, end - at), at);
    if (octets === 0) throw new Error("the content is shorter than it says");
    yield into.subarray(0, octets);
    at += octets;
  }
}

const CHUNK_BYTES = 65_536;
