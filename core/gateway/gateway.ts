/** The engine's face to hosts. */
import type { GatewayConfig, ListenerConfig } from "../config/mod.ts";
import { networkMatcher } from "../mail/mod.ts";
import { Engine } from "./engine.ts";
import { EngineSession, type ListenerNetworks } from "./gateway-session.ts";
import type { QueuedAttempts } from "./queued-attempt.ts";
import { createQueuedAttempts } from "./queued-attempts.ts";
import type { Services } from "./services.ts";
import type { GatewaySession, SessionStart } from "./session.ts";

/** A running engine. */
export interface Gateway extends QueuedAttempts {
  /** Opens a session for a client that connected; call before its first command. */
  openSession(start: SessionStart): GatewaySession;
  /** A new trace id. */
  newId(): string;
  /** Whether any plugin answers AUTH: hosts offer it only then. */
  readonly authenticates: boolean;
  /** Whether any plugin answers SCRAM-SHA-256: hosts offer it only then. */
  readonly offersScram: boolean;
  /** Resolves when no message is between its first octet and its answer, and no event hook runs (30 s at most). */
  drain(): Promise<void>;
}

/**
 * Makes an engine from an effective config and its services.
 *
 * @throws Error naming what is wrong with the pipeline; `resolveConfig` tells it before, in words for users
 */
export function createGateway(config: GatewayConfig, services: Services): Gateway {
  const engine = new Engine(config, services);
  if (engine.pipeline.faults.length > 0) throw new Error(engine.pipeline.faults.join("; "));
  const networks = new Map(config.listeners.map((one) => [one.name, networksOf(one)]));
  return {
    openSession: (start) => new EngineSession(engine, start, networks.get(start.listener.name)),
    newId: engine.newId,
    authenticates: engine.pipeline.hooks.auth.length > 0,
    offersScram: engine.scram !== undefined,
    drain: () => engine.drain(),
    ...createQueuedAttempts(engine),
  };
}

function networksOf({ trustedNetworks, upstreams }: ListenerConfig): ListenerNetworks {
  const trusts = networkMatcher(trustedNetworks);
  return upstreams.length === 0 ? { trusts } : { trusts, isUpstream: networkMatcher(upstreams) };
}
