/** What the times of one next hop's `retry` must be to each other. */
import { type ConfigFault, showFound } from "./config-faults.ts";
import { parseDuration } from "./duration.ts";
import { RETRY_CLASSES, type RetryOptions, retryPolicyOf } from "./retry-policy.ts";

/** Checks the retry of one next hop, whose values each are good. @param path its place, as "nextHops.backend.retry" */
export function checkRetry(retry: RetryOptions | undefined, path: string): readonly ConfigFault[] {
  if (retry === undefined) return [];
  const policy = retryPolicyOf(retry);
  const faults: ConfigFault[] = [];
  const refuse = (key: string, value: unknown, expected: string) =>
    faults.push({ path: `${path}.${key}`, found: showFound(value, ""), expected });
  for (const [key, { first, max }] of [
    ["", retry] as const,
    ...RETRY_CLASSES.map((name) => [`on.${name}.`, retry.on?.[name] ?? {}] as const),
  ]) {
    const longest = max ?? (key === "" ? undefined : retry.max);
    if (first !== undefined && isLonger(first, longest))
      refuse(`${key}first`, first, `at most the longest wait, which is ${longest}`);
  }
  for (const name of RETRY_CLASSES) {
    // One attempt and no other is no queue.
    if (policy.waits[name].firstMs < policy.giveUpMs) continue;
    const expected = `longer than the first wait after '${name}', or that is never tried again`;
    refuse("giveUp", retry.giveUp ?? "5d", expected);
    break;
  }
  if (policy.warnMs !== undefined && policy.warnMs >= policy.giveUpMs) {
    const expected = "less than giveUp, or false: later there is nothing left to wait for";
    refuse("warn", retry.warn ?? "4h", expected);
  }
  return faults;
}

function isLonger(one: unknown, other: unknown): boolean {
  return other !== undefined && (parseDuration(one) ?? 0) > (parseDuration(other) ?? 0);
}
