/** Spans of time as configs write them. */
import type { Duration } from "./plugin.ts";

const UNITS: { readonly [unit: string]: number } = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const PATTERN = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;

/** Milliseconds of a duration. @throws TypeError when it is none */
export function durationMs(duration: Duration): number {
  if (typeof duration === "number" && Number.isFinite(duration) && duration >= 0) return duration;
  // A text and nothing that turns into one: what a config shows must be what counts.
  const match = typeof duration === "string" ? PATTERN.exec(duration) : null;
  if (!match)
    throw new TypeError(
      `'${String(duration)}' is no duration: write milliseconds or "250ms", "10s", "2m", "4h", "5d"`,
    );
  return Number(match[1]) * (UNITS[match[2] ?? "ms"] ?? 1);
}
