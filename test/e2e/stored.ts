/** What a mail store gives back of a message, against what was sent: trace fields on top, then every octet. */
import assert from "node:assert/strict";

const FIELD = /^(Return-Path|Delivered-To|X-Original-To|Received): [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/;
/** Octets that are looked at for trace fields. */
const TRACE_BYTES_MAX = 10_000;

/** A message as it was stored. */
export interface Parted {
  /** Each trace field on top, whole, from the last that was added to the first. */
  readonly trace: readonly string[];
  readonly rest: Buffer;
}

/** Parts so many trace fields at most from what stands below them. */
export function partTrace(stored: Buffer, fieldsMax: number): Parted {
  const text = stored.toString("latin1", 0, TRACE_BYTES_MAX);
  const trace: string[] = [];
  let at = 0;
  while (trace.length < fieldsMax) {
    const field = FIELD.exec(text.slice(at))?.[0];
    if (field === undefined) break;
    trace.push(field);
    at += field.length;
  }
  return { trace, rest: stored.subarray(at) };
}

/** Fails with the place of the first octet that differs, as a diff of megabytes tells nothing. */
export function assertSameOctets(got: Buffer, want: Buffer): void {
  if (got.equals(want)) return;
  const differs = got.findIndex((octet, n) => octet !== want[n]);
  const at = differs === -1 ? got.length : differs;
  const near = (octets: Buffer) => JSON.stringify(octets.toString("latin1", Math.max(0, at - 30), at + 50));
  assert.fail(`of ${want.length} octets came ${got.length}; at ${at} ${near(got)} in place of ${near(want)}`);
}
