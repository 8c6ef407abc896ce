/** The zod schema of a next hop's `retry`. */
import { z } from "../pipeline/mod.ts";
import { parseDuration } from "./duration.ts";
import { RETRY_CLASSES, type RetryClass } from "./retry-policy.ts";
import { object } from "./schema-parts.ts";

/** Kept as it is written, as all durations of next hops. */
const span = (fromMs: number, toMs: number, bounds: string) =>
  z.custom<number>(
    (value) => {
      const ms = parseDuration(value);
      return ms !== undefined && ms >= fromMs && ms <= toMs;
    },
    { error: `a duration ${bounds}: milliseconds, or "5m", "4h", "5d"` },
  );

const SECOND = 1_000;
const DAY = 86_400_000;
const wait = span(SECOND, 7 * DAY, "from 1s to 7d");
const waits = object({ first: wait.optional(), max: wait.optional() }).optional();
const FACTOR = "a number from 1 to 10";

/** When queued mail is tried again. */
export const retry = object({
  first: wait.optional(),
  max: wait.optional(),
  factor: z.number({ error: FACTOR }).min(1, { error: FACTOR }).max(10, { error: FACTOR }).optional(),
  giveUp: span(60 * SECOND, 60 * DAY, "from 1m to 60d").optional(),
  warn: z
    .union([z.literal(false), span(SECOND, 60 * DAY, "from 1s to 60d")], {
      error: 'a duration from 1s to 60d: milliseconds, or "5m", "4h", "5d"; or false',
    })
    .optional(),
  on: object(
    Object.fromEntries(RETRY_CLASSES.map((name) => [name, waits])) as Record<RetryClass, typeof waits>,
  ).optional(),
});
