/**
 * Gives the memory of octets that were read from a socket back at once. Each read has 64 KB of its own, and what is left
 * to the collector of garbage makes it run for a few large messages: that costs more than all else about them.
 */

/** Fewer are left to the collector. */
const FREED_BYTES_MIN = 4_096;

/**
 * Nobody must look at them afterwards: they are then none. Where a chunk is but a part of what was read, or shares its
 * memory with others, nothing is done.
 */
export function freeOctets(chunk: Buffer): void {
  const { buffer } = chunk;
  if (chunk.length < FREED_BYTES_MIN || chunk.length !== buffer.byteLength) return;
  // Node 20 has no such method, nor has memory that is shared between threads.
  if (buffer instanceof ArrayBuffer && typeof buffer.transfer === "function") buffer.transfer(0);
}
