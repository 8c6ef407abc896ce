/** The engine's face to hosts. */
import type { GatewayConfig } from "../config/mod.ts";
import { networkMatcher } from "../mail/mod.ts";
import { Engine } from "./engine.ts";
import { EngineSession } from "./gateway-session.ts";
import type { Services } from "./services.ts";
import type { GatewaySession, SessionStart } from "./session.ts";

/** A running engine. */
export interface Gateway {
  /** Opens a session for a client that connected; call before its first command. */
  openSession(start: SessionStart): GatewaySession;
  /** A new trace id. */
  newId(): string;
  /** Whether any plugin answers AUTH: hosts offer it only then. */
  readonly authenticates: boolean;
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
  const trusted = new Map(config.listeners.map((one) => [one.name, networkMatcher(one.trustedNetworks)]));
  const nobody = () => false;
  return {
    openSession: (start) => new EngineSession(engine, start, trusted.get(start.listener.name) ?? nobody),
    newId: engine.newId,
    authenticates: engine.pipeline.hooks.auth.length > 0,
    drain: () => engine.drain(),
  };
}
