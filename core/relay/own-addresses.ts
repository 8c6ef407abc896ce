/** The addresses at which this gateway itself takes mail: who sends mail there sends it in a circle (RFC 5321 5.1). */
import { networkInterfaces } from "node:os";
import type { ListenerConfig } from "../config/mod.ts";
import { networkMatcher } from "../mail/mod.ts";

const WILDCARDS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/**
 * Whether mail to an address and this port would come back here. A listener on a wildcard has all addresses of the
 * machine, as they are at the time. Of another program's port on this machine nothing is said.
 */
export function ownAddresses(
  listeners: readonly Pick<ListenerConfig, "address">[],
  port: number,
): (ip: string) => boolean {
  const hosts = listeners.filter(({ address }) => address.port === port).map(({ address }) => address.host);
  const isListed = networkMatcher(hosts.filter((host) => !WILDCARDS.has(host)));
  if (!hosts.some((host) => WILDCARDS.has(host))) return isListed;
  return (ip) => isListed(ip) || networkMatcher(machineAddresses())(ip);
}

function machineAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  // Those of a link are written with its name behind.
  return all.map(({ address }) => address.split("%")[0] ?? "");
}
