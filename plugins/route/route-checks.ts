/** What a list of routes says of itself at start: routes that are never reached, and domains without a route. */
import { type AddressPattern, compileAddressPattern } from "./address-pattern.ts";
import type { CompiledRoute } from "./compile-route.ts";

/** Routes that former ones leave nothing for, where that is certain: one line each. */
export function unreachable(compiled: readonly CompiledRoute[]): string[] {
  return compiled.flatMap((route, index) => {
    // For each pattern, the first route that takes all it matches; one pattern without such a route is reached.
    const covering = route.recipients.map((pattern) =>
      compiled.findIndex((former, at) => at < index && takesAllOf(former, route, pattern)),
    );
    if (covering.includes(-1)) return [];
    const names = [...new Set(covering)].sort((a, b) => a - b).map((at) => `routes[${at}]`);
    const takes = names.length === 1 ? "takes" : "take";
    return [
      `routes[${index}] is never reached: ${names.join(" and ")} ${takes} all that it matches; put it before`,
    ];
  });
}

/** Domains of the config that no route can match: one line each. */
export function unrouted(compiled: readonly CompiledRoute[], domains: readonly string[]): string[] {
  return domains
    .filter((domain) => {
      const wanted = compileAddressPattern(`*@${domain}`);
      return !compiled.some((route) =>
        route.recipients.some((pattern) => compileAddressPattern(`*@${pattern.domainGlob}`).covers(wanted)),
      );
    })
    .map(
      (domain) => `no route matches the domain '${domain}': add { recipient: "*@${domain}", nextHop: ... }`,
    );
}

/** Routes that ask for a queue where there is none: one line each. */
export function unqueueable(compiled: readonly CompiledRoute[]): string[] {
  return compiled.flatMap(({ entry }, index) =>
    entry?.mode === "queue"
      ? [
          `routes[${index}].mode: found "queue", expected "inline": there is no durable spool here, and without one accepted mail could be lost`,
        ]
      : [],
  );
}

/** Whether `former` holds for each envelope with a recipient of this pattern that `later` holds for. */
function takesAllOf(former: CompiledRoute, later: CompiledRoute, recipient: AddressPattern): boolean {
  if (former.needsContent) return false;
  if (!former.recipients.some((pattern) => pattern.covers(recipient))) return false;
  if (former.senders && later.nullSender && !former.nullSender) return false;
  return (
    coversAll(former.senders, later.senders) &&
    coversAll(former.users, later.users) &&
    (!former.networks || later.networks?.every((network) => former.networks?.includes(network)) === true)
  );
}

const coversAll = (
  former: readonly AddressPattern[] | undefined,
  later: readonly AddressPattern[] | undefined,
): boolean => !former || later?.every((pattern) => former.some((wider) => wider.covers(pattern))) === true;
