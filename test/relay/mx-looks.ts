/** mxCandidates on zones written down, and its outcome in short. */
import { fixedResolver, type Zone } from "../../core/dns/mod.ts";
import { type MxOptions, type MxOutcome, mxCandidates } from "../../core/relay/mx-candidates.ts";

/** Always the last of those that are left, so that a shuffle changes nothing. */
const NO_SHUFFLE = { bytes: (length: number) => new Uint8Array(length).fill(255) };

/** What is found for a domain; this gateway is gate.example. */
export const look = (domain: string, zone: Zone, changes: Partial<MxOptions> = {}): Promise<MxOutcome> =>
  mxCandidates(domain, {
    dns: fixedResolver(zone),
    random: NO_SHUFFLE,
    ownNames: ["Gate.Example"],
    ...changes,
  });

/** "10 mx.example 192.0.2.1 2001:db8::1" for each host, or "550 5.1.2". */
export const shown = (outcome: MxOutcome): readonly string[] =>
  outcome.status === "found"
    ? outcome.hosts.map(({ name, preference, addresses }) => [preference, name, ...addresses].join(" "))
    : [`${outcome.status} ${outcome.reply.code} ${outcome.reply.enhanced}`];

export const A = (...records: string[]) => ({ A: records });
/** A domain, what DNS says, and what is shown. */
export interface Case {
  readonly name: string;
  readonly domain?: string;
  readonly zone: Zone;
  readonly want: readonly string[];
}
