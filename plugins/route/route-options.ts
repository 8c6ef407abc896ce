/** The zod schema of a list of routes. */
import { type Duration, domainToAscii, durationMs, isNetwork, z } from "postern";
import { functionOption, objectOption } from "../options.ts";
import type { RouteFunction } from "./routes.ts";

/** A list of entries and functions, with each condition as a list. */
export const ROUTE_LIST = z.lazy(() =>
  z
    .array(ROUTE, "a list of routes")
    .min(1, "at least one route")
    .max(ROUTES_MAX, `at most ${ROUTES_MAX} routes`),
);

/** An entry after the check. */
export type EntryOptions = z.output<typeof ENTRY>;

/** Each recipient is held against them one by one, and `check` each against each. */
const ROUTES_MAX = 1_000;
const PATTERNS_MAX = 1_000;

const oneOrMore = (what: string, isOne: (text: string) => boolean) => {
  const one = z.string({ error: what }).refine(isOne, what);
  const list = z
    .array(one, `${what}, or a list of them`)
    .min(1, "a list that is not empty")
    .max(PATTERNS_MAX, `a list of at most ${PATTERNS_MAX}`);
  return z.preprocess((value) => (typeof value === "string" ? [value] : value), list).optional();
};

/** A domain, or one that some text in place of the stars would make. */
const isDomainPattern = (domain: string): boolean =>
  ["x", "1"].some((filling) => domainToAscii(domain.replaceAll("*", filling)) !== undefined);
const isPattern = (text: string): boolean =>
  text === "*" || (/^[^@\s]+@[^@\s]+$/.test(text) && isDomainPattern(text.slice(text.indexOf("@") + 1)));

const DAY_MS = 86_400_000;
const spanOption = (fromMs: number, toMs: number, bounds: string) =>
  z.custom<Duration>((value) => {
    try {
      const ms = durationMs(value as Duration);
      return ms >= fromMs && ms <= toMs;
    } catch {
      return false;
    }
  }, `a duration ${bounds}: milliseconds, or "5s", "2m", "4h"`);
const VERIFY_KEYS = "goodFor, badFor, timeout, undecided";
const VERIFY = z.preprocess(
  (value) => (value === true ? {} : value),
  z.strictObject(
    {
      goodFor: spanOption(0, 30 * DAY_MS, "up to 30d").optional(),
      badFor: spanOption(0, DAY_MS, "up to 1d").optional(),
      timeout: spanOption(100, 120_000, "from 100ms to 2m").optional(),
      undecided: z.enum(["accept", "tempfail"], { error: "'accept' or 'tempfail'" }).optional(),
    },
    {
      error: ({ code }) =>
        code === "unrecognized_keys" ? `one of: ${VERIFY_KEYS}` : `true, or an object with ${VERIFY_KEYS}`,
    },
  ),
);

const REJECT_TEXT = "one line of text for the client";
const ENTRY = objectOption({
  recipient: oneOrMore("an address pattern as '*@example.com', or '*'", isPattern),
  sender: oneOrMore(
    "an address pattern as '*@example.com', '*' or '<>'",
    (text) => text === "<>" || isPattern(text),
  ),
  user: oneOrMore("a user's name, with '*' for any part", (text) => text !== ""),
  network: oneOrMore("a network as '192.0.2.0/24'", isNetwork),
  when: functionOption<(ctx: never) => boolean | Promise<boolean>>(
    "a function (ctx) => true or false",
  ).optional(),
  nextHop: z.string({ error: "the name of a next hop" }).min(1, "the name of a next hop").optional(),
  mode: z.enum(["inline", "queue"], { error: "'inline' or 'queue'" }).optional(),
  verifyRecipients: VERIFY.optional(),
  reject: objectOption({
    enhanced: z
      .string({ error: "an enhanced status code of class 5, as '5.1.1'" })
      .regex(/^5\.\d{1,3}\.\d{1,3}$/, "an enhanced status code of class 5, as '5.1.1'"),
    text: z.string({ error: REJECT_TEXT }).regex(/^[^\p{Cc}]+$/u, REJECT_TEXT),
  }).optional(),
})
  .refine(
    (entry) => (entry.nextHop === undefined) !== (entry.reject === undefined),
    "either 'nextHop' or 'reject'",
  )
  .refine((entry) => entry.mode === undefined || entry.nextHop !== undefined, "'mode' only beside 'nextHop'")
  .refine(
    (entry) => entry.verifyRecipients === undefined || (entry.nextHop !== undefined && !entry.when),
    "'verifyRecipients' only beside 'nextHop' and without 'when', which is not known at RCPT",
  );

// A union would say of a wrong entry only that it is none of the two.
const ROUTE = z.unknown().transform((value, ctx): RouteFunction | EntryOptions => {
  if (typeof value === "function") return value as RouteFunction;
  const result = ENTRY.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) ctx.issues.push({ ...issue, input: value } as never);
  return z.NEVER;
});
