/** A config that has what every config needs, and the faults of one, for the tests of core/config. */
import assert from "node:assert/strict";
import {
  ConfigFaults,
  type Environment,
  type GatewayConfig,
  mailbox,
  type ResolveOptions,
  resolveConfig,
} from "../../core/config/mod.ts";
import { definePlugin, pipeline, routeTo } from "../../core/pipeline/mod.ts";

/** A plugin that routes all to the next hop "backend". */
export const router = definePlugin({
  name: "routes",
  routes: true,
  nextHops: ["backend"],
  envelopeRoute: () => undefined,
  route: () => routeTo("backend"),
});

/** The least config there is. */
export const good = { pipeline: pipeline(router), nextHops: { backend: mailbox() } };

/** The least config with more keys, which win. */
export const settings = (more: object): object => ({ ...good, ...more });

/** The effective config of an input that types may not allow. */
export const resolveLoose = (
  input: unknown,
  options: ResolveOptions = {},
  env: Environment = {},
): Promise<GatewayConfig> => resolveConfig({ kind: "gateway", input }, env, options);

/** The lines that say what is wrong with an input. */
export async function linesOf(
  input: unknown,
  options: ResolveOptions = {},
  env: Environment = {},
): Promise<readonly string[]> {
  const error = await resolveLoose(input, options, env).then(
    () => assert.fail("the config was taken"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ConfigFaults, String(error));
  return error.message.split("\n");
}
