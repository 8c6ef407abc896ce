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
import type { ClientIpOf } from "./email-message.ts";

const DOH_TODO = 'set dns: { doh: "https://dns.example/dns-query" }, the way in which this host can ask DNS';

/**
 * The effective config for this host; call it in a build to be told early.
 *
 * No EHLO, TLS or AUTH is there for plugins: the platform spoke with the client. Of its address it is only known what
 * `clientIp` tells. DNS is asked by HTTPS or not at all; no TCP, no files. One recipient a message, and forward() sends
 * the body as it came.
 *
 * @param options as `createEdge` has them
 * @throws ConfigFaults with all that is wrong, naming each plugin and what it lacks here
 */
export async function resolveEdgeConfig(
  config: LoadedConfig,
  env: Environment,
  { clientIp }: { readonly clientIp?: ClientIpOf } = {},
): Promise<GatewayConfig> {
  const effective = await resolveConfig(config, env, {
    capabilities: ({ dns }) => {
      const capabilities = new Set<Capability>(["fetch"]);
      if (dns && "doh" in dns) capabilities.add("dns");
      if (clientIp) capabilities.add("clientIp");
      return capabilities;
    },
    remedies: { dns: DOH_TODO, clientIp: "give createEdge the option 'clientIp', if the platform tells it" },
  });
  const faults = [
    ...checkDomains(effective),
    ...checkDns(effective),
    ...checkNextHops(effective),
    ...checkEdits(effective),
  ];
  if (faults.length > 0) throw new ConfigFaults(faults);
  return effective;
}

function checkDomains({ domains }: GatewayConfig): readonly ConfigFault[] {
  if (domains.length > 0) return [];
  const expected = "the mail domains served here, because on this host every client is a stranger";
  return [{ path: "domains", found: "an empty list", expected, todo: 'set domains: ["example.com"]' }];
}

/** Without the fault they would be there and never asked. */
function checkDns({ dns }: GatewayConfig): readonly ConfigFault[] {
  if (dns === undefined || "doh" in dns) return [];
  const expected = "none, because this host has no sockets to ask servers by";
  return [{ path: "dns.servers", found: dns.servers.join(", "), expected, todo: DOH_TODO }];
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
