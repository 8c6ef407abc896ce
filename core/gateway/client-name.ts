/**
 * The client's name by reverse DNS, confirmed by the name's own addresses (RFC 8601 2.7.3, `iprev`). It is looked up
 * beside the session, from its begin on, and only where a plugin or a condition reads the fact: nothing waits for it.
 */
import { addressOctets, reverseName } from "../mail/mod.ts";
import {
  type AnyFact,
  ClientName,
  type Clock,
  type CompiledPipeline,
  type FactValue,
  type Resolver,
} from "../pipeline/mod.ts";

/** How long all of it may take; then it is as if DNS had not answered. */
export const CLIENT_NAME_MS = 10_000;
/** Names of a PTR answer whose addresses are asked for: a zone may list thousands (as RFC 7208 4.6.4 for its "ptr"). */
export const CLIENT_NAMES_MAX = 10;

/** A value of the fact. */
export type ClientNameValue = FactValue<typeof ClientName>;

/** Whether anything in a pipeline reads the name. */
export function readsClientName({ slots }: CompiledPipeline): boolean {
  const fact: AnyFact = ClientName;
  return slots.some(
    ({ readable, conditions }) =>
      readable.has(fact) || conditions.some(({ condition }) => condition.reads.includes(fact)),
  );
}

/**
 * Looks the name up. Rejects when `left` aborts, and for no other reason.
 *
 * @param ip a valid address, as the engine has it
 * @param left aborts when nobody wants to know any more
 */
export async function lookUpClientName(
  ip: string,
  { dns, clock }: { readonly dns: Resolver; readonly clock: Clock },
  left: AbortSignal,
): Promise<ClientNameValue> {
  const over = new AbortController();
  const late = clock.sleep(CLIENT_NAME_MS, AbortSignal.any([left, over.signal]));
  late.then(
    () => over.abort(new Error("reverse DNS took too long")),
    () => {},
  );
  try {
    return await confirmedName(ip, dns, AbortSignal.any([left, over.signal]));
  } catch {
    // A resolver that broke its word, or the time is over.
    left.throwIfAborted();
    return { result: "temperror", name: "", ip };
  } finally {
    over.abort();
  }
}

async function confirmedName(ip: string, dns: Resolver, signal: AbortSignal): Promise<ClientNameValue> {
  const pointer = await dns.resolve(reverseName(ip) ?? "", "PTR", signal);
  if (pointer.status !== "found") {
    const answered = pointer.status === "nxdomain" || pointer.status === "nodata";
    return { result: answered ? "permerror" : "temperror", name: "", ip };
  }
  const type = ip.includes(":") ? "AAAA" : "A";
  let unanswered = false;
  for (const record of pointer.records.slice(0, CLIENT_NAMES_MAX)) {
    const name = hostName(record);
    if (name === undefined) continue;
    const forward = await dns.resolve(name, type, signal);
    if (forward.status === "found" && forward.records.some((address) => isSame(address, ip)))
      return { result: "pass", name, ip };
    unanswered ||= forward.status === "servfail" || forward.status === "timeout";
  }
  return { result: unanswered ? "temperror" : "fail", name: "", ip };
}

/** A PTR record may hold any octets; what is no host name (RFC 1123 2.1) has no place in a trace field or a log. */
function hostName(record: string): string | undefined {
  const name = record.toLowerCase().replace(/\.$/, "");
  return /^[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9])?$/.test(name) && !name.includes("..") ? name : undefined;
}

const isSame = (a: string, b: string): boolean => {
  const octets = addressOctets(a);
  return octets !== undefined && octets.join() === addressOctets(b)?.join();
};
