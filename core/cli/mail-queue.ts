/** The queue of a running gateway: the spool in its data folder, and the scheduler that works it off. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type GatewayConfig, retryPolicyOf } from "../config/mod.ts";
import { type Gateway, type Services, type Spool, SpoolFault } from "../gateway/mod.ts";
import type { Log } from "../pipeline/mod.ts";
import {
  createDsnMaker,
  type DestinationPolicy,
  openSqliteSpool,
  type Scheduler,
  startScheduler,
} from "../queue/mod.ts";
import { systemClock } from "../store/mod.ts";
import { UserError } from "./user-error.ts";

/**
 * Opens the spool. Whoever does it holds the lock of the data folder, so that what is on lease there is nobody's: it is
 * due again.
 *
 * @throws UserError when the folder can not be used
 */
export async function openSpool(data: string, log: Log): Promise<Spool> {
  try {
    const spool = await openSqliteSpool({ folder: join(data, "spool"), clock: systemClock, log });
    const returned = await spool.returnLeases();
    if (returned > 0) log.info("leasesReturned", { recipients: returned });
    return spool;
  } catch (error) {
    if (error instanceof SpoolFault) throw new UserError(`${error.message}${causeOf(error)}`);
    throw error;
  }
}

/** Begins to deliver what is in the spool. */
export function startQueue(
  config: GatewayConfig,
  services: Services & { readonly spool: Spool },
  gateway: Gateway,
): Scheduler {
  const { spool, clock, random, log } = services;
  return startScheduler({
    ...{ spool, attempts: gateway, clock, random, log },
    owner: `${process.pid}-${randomBytes(4).toString("hex")}`,
    policyOf: policies(config, services),
    dsn: createDsnMaker({ config, clock, random, newId: gateway.newId }),
  });
}

/** Of each next hop once; destinations of `mx()` are its name and a domain. */
function policies(
  { nextHops }: GatewayConfig,
  { nextHops: drivers }: Services,
): (destination: string) => DestinationPolicy {
  const known = new Map<string, DestinationPolicy>();
  for (const [name, hop] of Object.entries(nextHops)) {
    const driver = drivers.get(name);
    known.set(name, {
      retry: retryPolicyOf(hop.kind === "mailbox" ? undefined : hop.retry),
      ...(driver?.slots ? { slots: () => driver.slots!() } : {}),
      isFinal: hop.kind === "mailbox" || (hop.kind === "smtp" && hop.protocol === "lmtp"),
    });
  }
  const unknown: DestinationPolicy = { retry: retryPolicyOf() };
  return (destination) => known.get(destination.split(" ", 1)[0] ?? "") ?? unknown;
}

const causeOf = ({ cause }: SpoolFault): string => (cause instanceof Error ? `: ${cause.message}` : "");
