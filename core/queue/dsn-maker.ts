/** The maker of DSNs that the scheduler asks: decides for each recipient, and makes one DSN of those that one is due for. */
import type { GatewayConfig } from "../config/mod.ts";
import { toBase64 } from "../mail/mod.ts";
import type { Clock, Random } from "../pipeline/mod.ts";
import { dsnDecision, spfReader } from "./dsn-decision.ts";
import { composeDsn } from "./dsn-message.ts";
import type { DsnMaker } from "./dsn-types.ts";

/** What it needs of its host. */
export interface DsnServices {
  readonly config: Pick<GatewayConfig, "hostName" | "domains" | "dsn" | "pipeline" | "hash">;
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
  /** Gives trace ids that no other message has. */
  readonly newId: () => string;
}

/** Octets of a boundary that are random: 128 bits, which nobody guesses. */
const BOUNDARY_BYTES = 16;

/** Makes one. */
export function createDsnMaker({ config, clock, random, newId }: DsnServices): DsnMaker {
  const { hostName, dsn, hash } = config;
  const readSpf = spfReader(config.pipeline);
  const from = `postmaster@${postmasterDomain(config)}`;
  return async (message, recipients, kind) => {
    const decided = recipients.map((recipient) => ({
      recipient,
      decision: dsnDecision(message, recipient, kind, dsn.policy, readSpf),
    }));
    const of = (wanted: string) =>
      decided.filter(({ decision }) => decision === wanted).map(({ recipient }) => recipient);
    const suppressed = of("suppressed").map(({ recipient }) => recipient);
    const told = of("send");
    if (told.length === 0) return { suppressed };
    const send = await composeDsn({
      hostName,
      from,
      id: newId(),
      now: clock.now(),
      // All of it may stand in a boundary (RFC 2046 5.1.1). "=_" can stand in no quoted-printable body (RFC 2045 6.7).
      boundary: `=_${toBase64(random.bytes(BOUNDARY_BYTES))}`,
      config: hash,
      contentBytesMax: dsn.contentBytesMax,
      message,
      recipients: told,
      kind,
    });
    return { send, suppressed };
  };
}

/**
 * The domain of our From field: one whose postmaster is taken here and for which there may be a key to sign with. That is
 * the host's own name where it is served, else the nearest served domain above it, else the name all the same.
 */
function postmasterDomain({ hostName, domains }: Pick<GatewayConfig, "hostName" | "domains">): string {
  const name = hostName.toLowerCase();
  const above = domains.filter((domain) => name === domain || name.endsWith(`.${domain}`));
  return above.reduce((best, domain) => (domain.length > best.length ? domain : best), "") || hostName;
}
