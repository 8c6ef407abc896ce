/** Spans of time and sizes as configs write them, read from values that may be anything. */

import type { Duration } from "../pipeline/mod.ts";
import { durationMs } from "../pipeline/mod.ts";

/** A number of octets, or "64KB", "50MB", "1GB" (powers of 1,024). */
export type Size = number | `${number}${"KB" | "MB" | "GB"}`;

const OCTETS = { KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 } as const;

/** Milliseconds of a duration, or undefined for what is none. */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value !== "number" && typeof value !== "string") return undefined;
  try {
    return Math.round(durationMs(value as Duration));
  } catch {
    return undefined;
  }
}

/** Octets of a size, or undefined for what is none. */
export function parseSize(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  const parts = typeof value === "string" ? /^(\d{1,9}(?:\.\d{1,3})?)(KB|MB|GB)$/.exec(value) : null;
  return parts === null ? undefined : Math.round(Number(parts[1]) * OCTETS[parts[2] as keyof typeof OCTETS]);
}
