/**
 * What the schemas of configs are made of. By convention the error text of each is what was expected there; for an object
 * it is the list of its keys, from which resolve-config.ts guesses a mistyped one.
 */
import { z } from "../pipeline/mod.ts";
import { parseDuration, parseSize } from "./duration.ts";

/** Timers of JavaScript end here. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A value that `parse` reads; undefined from it is a fault. */
export function read<T>(expected: string, parse: (value: unknown) => T | undefined) {
  return z.any().transform((value, context): T => {
    const result = parse(value);
    if (result !== undefined) return result;
    context.issues.push({ code: "custom", message: expected, input: value });
    return z.NEVER;
  });
}

/** An object of these keys and no others. */
export const object = <S extends z.core.$ZodShape>(shape: S) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? Object.keys(shape).join(", ")
        : `an object with ${Object.keys(shape).join(", ")}`,
  });
/** A text that is not empty. */
export const text = (expected: string) => z.string({ error: expected }).min(1, { error: expected });
/** Yes or no. */
export const flag = z.boolean({ error: "true or false" });
/** One of these words. */
export const oneOf = <const T extends readonly [string, ...string[]]>(...words: T) =>
  z.enum(words, { error: words.map((word) => `"${word}"`).join(" or ") });
/** A whole number in these bounds. */
export const count = (from: number, to: number) => {
  const expected = `a whole number from ${from} to ${to}`;
  return z.int({ error: expected }).min(from, { error: expected }).max(to, { error: expected });
};
/** A list of `max` elements at most. */
export const list = <T extends z.ZodType>(element: T, expected: string, max = 1000) =>
  z.array(element, { error: expected }).max(max, { error: `at most ${max} of them` });

/** A duration, read as milliseconds. @param bounds in words, as "up to 60s" */
export const duration = (fromMs: number, toMs: number, bounds: string) =>
  read(`a duration ${bounds}: milliseconds, or "5s", "2m", "4h"`, (value) => {
    const ms = parseDuration(value);
    return ms !== undefined && ms >= fromMs && ms <= toMs ? ms : undefined;
  });
/** A size, read as octets. @param bounds in words, as "of at least 1KB" */
export const size = (from: number, bounds: string) =>
  read(`a size ${bounds}: octets, or "64KB", "50MB", "1GB"`, (value) => {
    const octets = parseSize(value);
    return octets !== undefined && octets >= from ? octets : undefined;
  });

/** Durations of next hops are kept as they are written: the drivers read them. */
export const keptDuration = z.custom<number>(
  (value) => {
    const ms = parseDuration(value);
    return ms !== undefined && ms >= 1 && ms <= TIMER_MS_MAX;
  },
  { error: 'a duration from 1ms to 24d: milliseconds, or "5s", "2m"' },
);
