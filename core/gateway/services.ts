/** The services that a host gives the engine, beside those that plugins see. */
import type { Content } from "../mail/mod.ts";
import type { Clock, Crypto, Log, Random, Resolver, Store, TraceRecord } from "../pipeline/mod.ts";
import type { NextHopDriver } from "./next-hop-driver.ts";
import type { Spool } from "./spool.ts";

/** Takes the octets of a message in, without ever holding a large one in memory. */
export interface ContentWriter {
  /**
   * Copies what it keeps: the chunk may be overwritten afterwards. Gives a promise when the caller should wait before it
   * writes more; rejects when the bytes can not be kept.
   */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** Ends writing. The content stays until `dispose`. */
  finish(): Promise<Content>;
  /** Lets go of memory and files, at any time; can be called twice. */
  dispose(): Promise<void>;
}

/** Where message content lies while a transaction runs. */
export interface ContentStore {
  create(): ContentWriter;
}

/** Keeps traces, bounded by age and size, never on a message's path. Records of one id are given as `joinRecords` has them. */
export interface TraceStore {
  put(record: TraceRecord): void;
  get(id: string): Promise<TraceRecord | undefined>;
  /** Newest first, those with an id below `before`. */
  list(options: { readonly before?: string; readonly limit: number }): Promise<readonly TraceRecord[]>;
  /** Told of each record when it is put. Returns the way to stop. */
  subscribe(listener: (record: TraceRecord) => void): () => void;
  /** Writes out what is in memory. */
  close(): Promise<void>;
}

/** All that the engine needs of its host. */
export interface Services {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly dns: Resolver;
  readonly fetch: typeof globalThis.fetch;
  readonly store: Store;
  readonly crypto: Crypto;
  /**
   * 32 octets that nobody else knows and that stay the same over restarts: what unknown users are asked is derived from
   * them. Asked at the start, where it is needed. Absent: random ones of this process.
   */
  readonly secret?: () => Uint8Array;
  readonly contents: ContentStore;
  readonly traces: TraceStore;
  /** A driver for each next hop of the config, by name. */
  readonly nextHops: ReadonlyMap<string, NextHopDriver>;
  /** Absent where the host has no durable one: then nothing may be queued, held or split. */
  readonly spool?: Spool;
}
