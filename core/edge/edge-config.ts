/** The checks of a config for this host: what the platform can not carry is told before any message comes. */
import {
  type ConfigFault,
  ConfigFaults,
  type Environment,
  type GatewayConfig,
  type LoadedConfig,
  resolveConfig,
} from "../config/mod.ts";
import { type Capability, compilePipeline } from "../pipeline/mod.ts";

/**
 * What this host gives to plugins. No client address, EHLO, TLS or AUTH: the platform spoke with the client. No DNS,
 * TCP or files. One recipient a message, and forward() sends the body as it came.
 */
const CAPABILITIES: ReadonlySet<Capability> = new Set(["fetch"]);

/**
 * The effective config for this host; call it in a build to be told early.
 *
 * @throws ConfigFaults with all that is wrong, naming each plugin and what it lacks here
 */
export async function resolveEdgeConfig(config: LoadedConfig, env: Environment): Promise<GatewayConfig> {
  const effective = await resolveConfig(config, env, { capabilities: CAPABILITIES });
  const faults = [...checkDomains(effective), ...checkNextHops(effective), ...checkEdits(effective)];
  if (faults.length > 0) throw new ConfigFaults(faults);
  return effective;
}

function checkDomains({ domains }: GatewayConfig): readonly ConfigFault[] {
  if (domains.length > 0) return [];
  const expected = "the mail domains served here, because on this host every client is a stranger";
  return [{ path: "domains", found: "an empty list", expected, todo: 'set domains: ["example.com"]' }];
}

/** forward() goes where the forward-path says; two next hops would be one and the same without a word. */
function checkNextHops({ nextHops }: GatewayConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  const names = Object.keys(nextHops);
  if (names.length > 1) {
    const expected = "one next hop, because this host only has the platform's forward()";
    faults.push({ path: "nextHops", found: names.join(", "), expected });
  }
  for (const name of names) {
    if (nextHops[name]?.kind !== "mx") continue;
    const expected =
      "smtp(...) or mailbox(), which stand for the platform's forward(): this host looks up no MX";
    faults.push({ path: `nextHops.${name}`, found: "mx()", expected });
  }
  return faults;
}

function checkEdits({ pipeline }: GatewayConfig): readonly ConfigFault[] {
  return compilePipeline(pipeline)
    .slots.filter(({ definition }) => definition.edits?.includes("body"))
    .map(({ definition }) => ({
      path: `pipeline: ${definition.name}`,
      expected: "the plugin edits bodies, which the platform's forward() can not carry",
    }));
}
