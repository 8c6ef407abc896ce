/**
 * DNS over HTTPS (RFC 8484), by POST, with the fetch of the platform: for hosts without a resolver of their own. Keeps
 * no cache and no cookies, follows no redirect, checks no DNSSEC, and does not pad (RFC 8467).
 */
import type { Clock, DnsAnswer, DnsType, Resolver } from "../pipeline/mod.ts";
import { toDomainName } from "./domain-name.ts";
import { answerOf, MESSAGE_OCTETS_MAX, questionMessage } from "./wire-message.ts";

/** What {@link dohResolver} needs. */
export interface DohResolverOptions {
  /** The server's URL without a query, as "https://dns.example/dns-query". */
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  /** How long one query may take, in milliseconds. Default 5,000. */
  readonly queryMs?: number;
}

const QUERY_MS = 5_000;
const MEDIA_TYPE = "application/dns-message";
const SERVFAIL: DnsAnswer = { status: "servfail" };

/** A resolver that asks a DoH server. What HTTP does not carry whole is a servfail. */
export function dohResolver(options: DohResolverOptions): Resolver {
  const { url, fetch, clock, queryMs = QUERY_MS } = options;
  return {
    async resolve(name, type, signal) {
      signal?.throwIfAborted();
      const asked = toDomainName(name);
      if (asked === undefined) return { status: "nxdomain" };
      const over = new AbortController();
      const ended = new AbortController();
      const leave = () => over.abort(signal?.reason);
      signal?.addEventListener("abort", leave, { once: true });
      const late = clock.sleep(queryMs, ended.signal).then((): DnsAnswer => {
        over.abort();
        return { status: "timeout" };
      });
      const left = new Promise<never>((_, reject) => {
        over.signal.addEventListener("abort", () => signal?.aborted && reject(signal.reason), { once: true });
      });
      try {
        return await Promise.race([exchange({ url, fetch, signal: over.signal }, asked, type), late, left]);
      } finally {
        late.catch(() => {});
        left.catch(() => {});
        signal?.removeEventListener("abort", leave);
        ended.abort();
      }
    },
  };
}

interface Exchange {
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal;
}

/** Never rejects. */
async function exchange({ url, fetch, signal }: Exchange, name: string, type: DnsType): Promise<DnsAnswer> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": MEDIA_TYPE, accept: MEDIA_TYPE },
      body: questionMessage(name, type),
      // Not "error", which some platforms do not know: a redirect comes back with its own status, which is not 200.
      redirect: "manual",
      signal,
    });
    const mediaType = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
    if (response.status !== 200 || mediaType !== MEDIA_TYPE) {
      void response.body?.cancel().catch(() => {});
      return SERVFAIL;
    }
    const message = await boundedBody(response);
    return message ? aged(answerOf(message, name, type), response.headers.get("age")) : SERVFAIL;
  } catch {
    return SERVFAIL;
  }
}

/** The body; undefined when it is longer than a DNS message can be. */
async function boundedBody(response: Response): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (; reader; ) {
    const { value, done } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > MESSAGE_OCTETS_MAX) {
      void reader.cancel().catch(() => {});
      return undefined;
    }
    chunks.push(value);
  }
  const message = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    message.set(chunk, at);
    at += chunk.length;
  }
  return message;
}

/** RFC 8484 5.1: the time that an answer lay in an HTTP cache is taken off. */
function aged(answer: DnsAnswer, age: string | null): DnsAnswer {
  if (!("ttlSeconds" in answer) || age === null || !/^\d{1,10}$/.test(age)) return answer;
  return { ...answer, ttlSeconds: Math.max(0, answer.ttlSeconds - Number(age)) };
}
