/** `defineGateway`: what a config file exports. It only keeps what it is given; `resolveConfig` checks. */
import type { Environment, GatewayConfigInput } from "./gateway-config-input.ts";

/** The default export of a config file. */
export interface LoadedConfig {
  readonly kind: "gateway";
  /** The config, or the function of the environment that makes it. */
  readonly input: unknown;
}

/**
 * Describes a gateway: an object, or a function of the environment variables that returns one, which then also works
 * where there is no process. The compiler checks that the pipeline routes.
 */
export function defineGateway<const Routes extends boolean>(
  config: GatewayConfigInput<Routes> | ((env: Environment) => GatewayConfigInput<Routes>),
): LoadedConfig {
  return { kind: "gateway", input: config };
}
