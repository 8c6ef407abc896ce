/**
 * Which peers' header fields and results are believed (RFC 8601 1.2, 5): those within one's own trust boundary. It is
 * about who speaks to us, not about a client whom that one names in the message, and grants no relaying.
 */
import { definePlugin, fact, isNetwork, networkMatcher, type Plugin, z } from "postern";
import { objectOption, parseOptions } from "../../options.ts";

/** Whether the peer of the transaction is believed in what its header fields say. Fallback: it is not. */
export const Trust = fact("trust", {
  stage: "mail",
  scope: "transaction",
  schema: z.object({
    trusted: z.boolean(),
    /** For people. */
    reason: z.string().max(300),
  }),
  fallback: { trusted: false, reason: "not checked" },
});

/** Options of `trust`; a peer for which one of them holds is believed. At least one must be there. */
export interface TrustOptions {
  /** Addresses and ranges of servers of one's own, as "192.0.2.0/28". Default none. */
  readonly networks?: readonly string[];
  /** Names of listeners that only servers of one's own reach. Default none. */
  readonly listeners?: readonly string[];
  /** Whether those are believed who logged in. Default false: mail programs pass on what they were sent. */
  readonly authenticated?: boolean;
}

/**
 * Provides the fact `Trust` at MAIL, and decides nothing.
 *
 * @throws TypeError when an option is wrong
 */
export function trust(options: TrustOptions): Plugin<"trust", never, false> {
  const { networks, listeners, authenticated } = parseOptions("trust", OPTIONS, options);
  const inNetworks = networkMatcher(networks);
  const ofListeners = new Set(listeners);
  return definePlugin({
    name: "trust",
    needs: [
      ...(networks.length > 0 ? (["clientIp"] as const) : []),
      ...(authenticated ? (["auth"] as const) : []),
    ],
    provides: [Trust],
    // At MAIL who speaks is known for good: AUTH comes no later, and the client is still the peer. In `data` it may be
    // one that the Received field of an upstream names, of whom the peer's own fields say nothing.
    mail({ client, listener, identity, provide }) {
      const reason =
        client.ip !== "" && inNetworks(client.ip)
          ? `${client.ip} is in a trusted network`
          : ofListeners.has(listener.name)
            ? `it came by the listener '${listener.name}'`
            : authenticated && identity
              ? "it logged in"
              : undefined;
      provide(Trust, { trusted: reason !== undefined, reason: reason ?? "not one of the trusted peers" });
    },
  });
}

const NETWORKS_MAX = 10_000;
const NETWORK_FORM = "an address or range as '192.0.2.0/24'";
const NAME_FORM = "the name of a listener";
const OPTIONS = objectOption({
  networks: z
    .array(
      z.string({ error: NETWORK_FORM }).refine(isNetwork, NETWORK_FORM),
      "a list of addresses and ranges",
    )
    .max(NETWORKS_MAX, "a shorter list")
    .default([]),
  listeners: z
    .array(
      z.string({ error: NAME_FORM }).min(1, NAME_FORM).max(200, NAME_FORM),
      "a list of names of listeners",
    )
    .default([]),
  authenticated: z.boolean({ error: "true or false" }).default(false),
}).refine(
  ({ networks, listeners, authenticated }) => networks.length + listeners.length > 0 || authenticated,
  "'networks', 'listeners' or 'authenticated'",
);
