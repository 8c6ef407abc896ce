/** From what a config file exports to the effective config: every default filled in, every value and the whole checked. */
import { domainToAscii } from "../mail/mod.ts";
import type { Capability, Pipeline } from "../pipeline/mod.ts";
import type { CertificateChoice } from "./certificate-files.ts";
import { checkWhole } from "./config-checks.ts";
import { type ConfigFault, ConfigFaults, closest, formatPath, showFound } from "./config-faults.ts";
import { hashConfig } from "./config-hash.ts";
import { configSchema, type ParsedConfig } from "./config-schema.ts";
import type { LoadedConfig } from "./define-gateway.ts";
import { type ReadEnvironment, readEnvironment } from "./environment.ts";
import type { GatewayConfig, ListenerConfig } from "./gateway-config.ts";
import type { Environment } from "./gateway-config-input.ts";
import { formatSocketAddress, isLoopback } from "./socket-address.ts";

/** What the host that is to run the config can do. */
export interface ResolveOptions {
  /** What the host gives to plugins, of itself or by what the config has; absent: needs are not checked. */
  readonly capabilities?:
    | ReadonlySet<Capability>
    | ((config: Pick<GatewayConfig, "dns">) => ReadonlySet<Capability>);
  /** How the host would have what it has not, where there is a way. */
  readonly remedies?: { readonly [C in Capability]?: string };
  /** Whether the host has a durable spool. Default false. */
  readonly durableSpool?: boolean;
  /** The name used when the config gives no `hostName`. Default "localhost". */
  readonly hostName?: string;
}

const LOOPBACK_NETWORKS = ["127.0.0.0/8", "::1/128"];

/**
 * Checks a config and fills in its defaults.
 *
 * @param loaded what `defineGateway` gave
 * @param env what a config function is called with; `POSTERN_*` that are empty count as not set
 * @throws ConfigFaults with everything that is wrong at once
 */
export async function resolveConfig(
  loaded: LoadedConfig,
  env: Environment,
  options: ResolveOptions = {},
): Promise<GatewayConfig> {
  const environment = readEnvironment(env);
  const input = await evaluate(loaded, environment.env);
  const parsed = configSchema.safeParse(input);
  const pipeline = (input as { pipeline?: unknown }).pipeline;
  const faults: ConfigFault[] = parsed.success
    ? []
    : parsed.error.issues.flatMap((issue) => faultsOf(issue, input));
  if (!isPipeline(pipeline)) {
    faults.push({
      path: "pipeline",
      found: showFound(pipeline, "pipeline"),
      expected: "pipeline(...) with the plugins in order",
    });
  }
  // A fault of one value must not hide those of the whole: what can be read of the config is checked further.
  if (isPipeline(pipeline)) faults.push(...checkWhole(partOf(parsed, input, faults), pipeline, options));
  if (faults.length > 0 || !parsed.success)
    throw new ConfigFaults(faults.map((fault) => withVariable(fault, input, environment)));
  const config = effective(parsed.data, pipeline as Pipeline, options);
  return { ...config, hash: await hashConfig(config) };
}

async function evaluate(loaded: LoadedConfig, env: Environment): Promise<object> {
  if (typeof loaded !== "object" || loaded === null || loaded.kind !== "gateway") {
    throw new ConfigFaults([
      { path: "", found: showFound(loaded, ""), expected: "export default defineGateway(...)" },
    ]);
  }
  const input: unknown = typeof loaded.input === "function" ? await loaded.input(env) : loaded.input;
  if (typeof input === "object" && input !== null && !Array.isArray(input)) return input;
  throw new ConfigFaults([
    {
      path: "",
      found: showFound(input, ""),
      expected: "defineGateway to get, or its function to return, a config object",
    },
  ]);
}

interface Issue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly Issue[])[];
  /** Of a key that is wrong by itself: what is. */
  readonly issues?: readonly Issue[];
}

function faultsOf(issue: Issue, input: unknown): readonly ConfigFault[] {
  if (issue.code === "unrecognized_keys") {
    const known = issue.message.split(", ");
    return (issue.keys ?? []).map((key) => {
      const near = closest(key, known);
      return {
        path: formatPath([...issue.path, key]),
        found: "an unknown key",
        expected: `one of ${issue.message}`,
        ...(near === undefined ? {} : { todo: `did you mean "${near}"?` }),
      };
    });
  }
  if (issue.code === "invalid_key") {
    const expected = issue.issues?.[0]?.message ?? issue.message;
    return [{ path: formatPath(issue.path), found: showFound(issue.path.at(-1), ""), expected }];
  }
  // Of a union whose object branch got past its type, that branch knows best what is wrong.
  const inner = issue.errors?.find((branch) =>
    branch.some((one) => one.path.length > 0 || one.code === "unrecognized_keys"),
  );
  if (inner !== undefined) {
    return inner.flatMap((one) => faultsOf({ ...one, path: [...issue.path, ...one.path] }, input));
  }
  const path = formatPath(issue.path);
  return [{ path, found: showFound(foundAt(input, issue.path), path), expected: issue.message }];
}

function foundAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return asWritten(value);
}

/** A server as smtp() keeps it is shown as a text: the one that was written, where it could not be read. */
function asWritten(value: unknown): unknown {
  const { host, port } = (value ?? {}) as { host?: unknown; port?: unknown };
  if (typeof host !== "string" || typeof port !== "number") return value;
  return Number.isNaN(port) ? host : formatSocketAddress({ host, port });
}

/** Says which variable a faulty value came from: who reads the line may never have seen the config. */
function withVariable(fault: ConfigFault, input: object, environment: ReadEnvironment): ConfigFault {
  let value: unknown = input;
  for (const step of fault.path.split(/[.[\]]+/)) {
    // A list that was written as one text with commas.
    if (typeof value !== "object" || value === null) break;
    if (step !== "")
      value = Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined;
  }
  const name = environment.variableOf(asWritten(value));
  if (name === undefined) return fault;
  return {
    ...fault,
    todo: `${fault.todo === undefined ? "" : `${fault.todo}; `}the value is that of ${name}`,
  };
}

function isPipeline(value: unknown): value is Pipeline {
  return typeof value === "object" && value !== null && (value as Pipeline).kind === "pipeline";
}

/** The parsed config, or of a faulty one the top-level parts that are without fault. */
function partOf(
  parsed: { success: true; data: ParsedConfig } | { success: false },
  input: object,
  faults: readonly ConfigFault[],
): Partial<ParsedConfig> {
  if (parsed.success) return parsed.data;
  const faulty = new Set(faults.map((fault) => fault.path.split(/[.[]/)[0]));
  const good = Object.fromEntries(Object.entries(input).filter(([key]) => !faulty.has(key)));
  const again = configSchema.safeParse(good);
  if (!again.success) return {};
  return Object.fromEntries(Object.entries(again.data).filter(([key]) => !faulty.has(key)));
}

function effective(
  parsed: ParsedConfig,
  pipeline: Pipeline,
  options: ResolveOptions,
): Omit<GatewayConfig, "hash"> {
  const hostName = parsed.hostName ?? options.hostName ?? "localhost";
  const { http, limits } = parsed;
  return {
    hostName,
    listeners: parsed.listeners.map(listenerOf),
    ...(http === undefined || http === false
      ? {}
      : {
          http: {
            address: http.address,
            hostNames: http.hostNames ?? hostNamesOf(http.address.host, hostName),
          },
        }),
    data: parsed.data,
    domains: asciiDomains(parsed.domains),
    ...(parsed.postmaster === undefined ? {} : { postmaster: parsed.postmaster }),
    ...(parsed.dns === undefined ? {} : { dns: parsed.dns }),
    nextHops: parsed.nextHops as GatewayConfig["nextHops"],
    pipeline,
    limits: {
      messageBytesMax: limits.messageBytesMax,
      recipientsMax: limits.recipientsMax,
      sessionsMax: limits.sessionsMax,
      sessionsPerClientMax: limits.sessionsPerClientMax,
      messagesPerSessionMax: limits.messagesPerSessionMax,
      commandsPerMessageMax: limits.commandsPerMessageMax,
      failedCommandsMax: limits.failedCommandsMax,
      unknownRecipientsMax: limits.unknownRecipientsMax,
      authFailuresMax: limits.authFailuresMax,
      authFailuresPerClientMax: limits.authFailuresPerClientMax,
      authFailuresKeptMs: limits.authFailuresKept,
      authDelayMs: limits.authDelay,
      lineBytesMax: limits.lineBytesMax,
      idleMs: limits.idle,
      sessionMs: limits.session,
      messageMs: limits.message,
      contentBytesPerSecondMin: limits.contentBytesPerSecondMin,
      dnsMs: limits.dns,
    },
    onMixedVerdict: parsed.onMixedVerdict ?? "refuse",
    onMixedTempfail: parsed.onMixedTempfail,
    dsn: parsed.dsn,
    split: parsed.split,
    deadlineMs: parsed.deadline,
    trace: {
      entriesMax: parsed.trace.entriesMax,
      ageMaxMs: parsed.trace.ageMax,
      bytesMax: parsed.trace.bytesMax,
      dialogue: parsed.trace.dialogue as GatewayConfig["trace"]["dialogue"],
    },
  };
}

function listenerOf(listener: ParsedConfig["listeners"][number]): ListenerConfig {
  const {
    name,
    kind,
    address,
    tls,
    authRequired,
    greetingDelay,
    trustedNetworks,
    proxyProtocol,
    xclient,
    xforward,
    upstreams,
    earlyTalkers,
    bareNewlines,
    lenientAddresses,
    advertise,
  } = listener;
  // Through a proxy strangers come from loopback too.
  const strangers = [proxyProtocol, xclient, xforward, upstreams].some((peers) => peers.length > 0);
  const own = isLoopback(address.host) && !strangers;
  return {
    name: name ?? kind,
    kind,
    address,
    ...(tls === undefined ? {} : { tls: tls as CertificateChoice }),
    authRequired: authRequired ?? (kind === "submission" || kind === "submissions"),
    greetingDelayMs: greetingDelay ?? (kind === "relay" ? 100 : 0),
    trustedNetworks: trustedNetworks ?? (own ? LOOPBACK_NETWORKS : []),
    proxyProtocol,
    xclient,
    xforward,
    upstreams,
    earlyTalkers,
    bareNewlines,
    lenientAddresses,
    ...(advertise === undefined ? {} : { advertise }),
  };
}

/** Host values the page answers: the name it is bound to, and on loopback all names of loopback. */
function hostNamesOf(bound: string, hostName: string): readonly string[] {
  return isLoopback(bound) ? ["localhost", "127.0.0.1", "[::1]"] : [hostName, bound];
}

function asciiDomains(domains: readonly string[]): readonly string[] {
  return [...new Set(domains.map((domain) => domainToAscii(domain) ?? domain))];
}
