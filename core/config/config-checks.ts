/** What can only be told of a config as a whole: relaying, what needs the durable spool, next hops, plugins. */
import { domainToAscii, isPathFault, parseAddress } from "../mail/mod.ts";
import { compilePipeline, type Pipeline } from "../pipeline/mod.ts";
import { type CertificateChoice, certificatesOf } from "./certificate-files.ts";
import { type ConfigFault, closest, showFound } from "./config-faults.ts";
import type { ParsedConfig } from "./config-schema.ts";
import { checkListenerKind } from "./listener-checks.ts";
import type { ResolveOptions } from "./resolve-config.ts";
import { checkRetry } from "./retry-checks.ts";
import type { RetryOptions } from "./retry-policy.ts";
import { formatSocketAddress, isLoopback, isUnixSocket } from "./socket-address.ts";

const NO_SPOOL = "there is no durable spool here, and without one accepted mail could be lost";

/** Checks what of the config could be read; a part that is missing had a fault of its own and is left out. */
export function checkWhole(
  config: Partial<ParsedConfig>,
  pipeline: Pipeline,
  options: ResolveOptions,
): readonly ConfigFault[] {
  return [
    ...checkListeners(config),
    ...checkAdvertise(config),
    ...checkCertificates(config),
    ...checkAddresses(config),
    ...checkDomains(config),
    ...(options.durableSpool === true ? [] : checkSpool(config)),
    ...checkNextHops(config),
    ...checkPlugins(config, pipeline, options),
  ];
}

function checkListeners(config: Partial<ParsedConfig>): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  const names = new Set<string>();
  for (const [index, listener] of (config.listeners ?? []).entries()) {
    const path = `listeners[${index}]`;
    if (listener.name !== undefined && names.has(listener.name)) {
      faults.push({
        path: `${path}.name`,
        found: showFound(listener.name, ""),
        expected: "a name that no other listener has",
      });
    }
    if (listener.name !== undefined) names.add(listener.name);
    faults.push(...checkListenerKind(listener, path));
  }
  const open = config.listeners?.findIndex((listener) => !isLoopback(listener.address.host)) ?? -1;
  const address = config.listeners?.[open]?.address;
  // Without the list nothing says which mail is ours, and every RCPT of a stranger would be refused or relayed.
  if (address !== undefined && config.domains?.length === 0) {
    faults.push({
      path: "domains",
      found: "an empty list",
      expected: `the mail domains served here, because listeners[${open}] listens ${isUnixSocket(address.host) ? "" : "off loopback "}on ${formatSocketAddress(address)}`,
      todo: 'set domains: ["example.com"] (POSTERN_DOMAINS=example.com), or listen on 127.0.0.1',
    });
  }
  return faults;
}

/** Promises that the listener itself could not keep. */
function checkAdvertise({ listeners, limits }: Partial<ParsedConfig>): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  for (const [index, { advertise, tls }] of (listeners ?? []).entries()) {
    const path = `listeners[${index}].advertise`;
    if (advertise?.requireTls === true && tls === undefined) {
      const expected = "false, because the listener has no tls, and REQUIRETLS is offered under TLS only";
      faults.push({ path: `${path}.requireTls`, found: "true", expected });
    }
    if (advertise?.smtputf8 === true && advertise.eightBitMime === false) {
      const expected = "true, because who offers SMTPUTF8 must offer 8BITMIME (RFC 6531 3.1)";
      faults.push({ path: `${path}.eightBitMime`, found: "false", expected });
    }
    const max = limits?.messageBytesMax;
    const bytes = advertise?.messageBytesMax;
    if (bytes !== undefined && max !== undefined && bytes > max) {
      const expected = `at most limits.messageBytesMax, which is ${max}`;
      faults.push({ path: `${path}.messageBytesMax`, found: String(bytes), expected });
    }
  }
  return faults;
}

/** A name of two certificates would get the first, and the second in vain. */
function checkCertificates({ listeners }: Partial<ParsedConfig>): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  for (const [index, { tls }] of (listeners ?? []).entries()) {
    const taken = new Map<string, string>();
    for (const { at, files } of certificatesOf(tls as CertificateChoice | undefined)) {
      for (const [n, name] of (files.names ?? []).entries()) {
        const path = `listeners[${index}].tls${at}.names[${n}]`;
        const other = taken.get(name);
        if (other === undefined) taken.set(name, path);
        else
          faults.push({
            path,
            found: showFound(name, ""),
            expected: `a name of its own, because ${other} is this one`,
          });
      }
    }
  }
  return faults;
}

/** Two of our own on one port: the system would only say that it is in use. */
function checkAddresses(config: Partial<ParsedConfig>): readonly ConfigFault[] {
  const places = (config.listeners ?? []).map((listener, index) => ({
    path: `listeners[${index}].address`,
    address: listener.address,
  }));
  if (typeof config.http === "object") places.push({ path: "http", address: config.http.address });
  const faults: ConfigFault[] = [];
  const taken = new Map<string, string>();
  for (const { path, address } of places) {
    // Port 0 is another one each time.
    if (address.port === 0 && !isUnixSocket(address.host)) continue;
    const text = formatSocketAddress(address);
    const other = taken.get(text);
    if (other === undefined) taken.set(text, path);
    else {
      faults.push({
        path,
        found: showFound(text, ""),
        expected: `an address of its own, because ${other} has this one`,
      });
    }
  }
  return faults;
}

function checkDomains(config: Partial<ParsedConfig>): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  for (const [index, domain] of (config.domains ?? []).entries()) {
    if (domainToAscii(domain) === undefined || domain.startsWith("[")) {
      faults.push({
        path: `domains[${index}]`,
        found: showFound(domain, ""),
        expected: 'a mail domain such as "example.com"',
      });
    }
  }
  if (config.postmaster !== undefined && isPathFault(parseAddress(config.postmaster))) {
    faults.push({
      path: "postmaster",
      found: showFound(config.postmaster, ""),
      expected: 'an address such as "admin@example.com"',
    });
  }
  return faults;
}

function checkSpool(config: Partial<ParsedConfig>): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  const refuse = (path: string, found: string, expected: string) =>
    faults.push({ path, found: `"${found}"`, expected: `"${expected}": ${NO_SPOOL}` });
  const { onMixedVerdict, onMixedTempfail, split } = config;
  if (onMixedVerdict !== undefined && onMixedVerdict !== "refuse")
    refuse("onMixedVerdict", onMixedVerdict, "refuse");
  if (onMixedTempfail === "spool") refuse("onMixedTempfail", "spool", "all");
  if (split === "spool") refuse("split", "spool", "later");
  for (const [name, hop] of Object.entries(config.nextHops ?? {})) {
    if (hop.kind !== "mailbox" && hop.mode === "queue") refuse(`nextHops.${name}.mode`, "queue", "inline");
  }
  return faults;
}

function checkNextHops(config: Partial<ParsedConfig>): readonly ConfigFault[] {
  return Object.entries(config.nextHops ?? {}).flatMap(([name, hop]) => [
    ...(hop.kind === "mailbox"
      ? []
      : checkRetry(hop.retry as RetryOptions | undefined, `nextHops.${name}.retry`)),
    ...(hop.kind === "smtp" && hop.auth !== undefined && hop.tls === "none" && !hop.implicitTls
      ? [
          {
            path: `nextHops.${name}.tls`,
            found: '"none"',
            expected: '"required" or "verified", because credentials never go in the clear',
          },
        ]
      : []),
  ]);
}

function checkPlugins(
  config: Partial<ParsedConfig>,
  pipeline: Pipeline,
  options: ResolveOptions,
): readonly ConfigFault[] {
  const compiled = compilePipeline(pipeline);
  const faults: ConfigFault[] = compiled.faults.map((expected) => ({ path: "pipeline", expected }));
  const nextHops = config.nextHops === undefined ? undefined : Object.keys(config.nextHops);
  const capabilities =
    typeof options.capabilities === "function"
      ? options.capabilities(config.dns === undefined ? {} : { dns: config.dns })
      : options.capabilities;
  for (const { definition } of compiled.slots) {
    const path = `pipeline: ${definition.name}`;
    for (const need of definition.needs ?? []) {
      if (capabilities === undefined || capabilities.has(need)) continue;
      const todo = options.remedies?.[need];
      const expected = `the plugin needs '${need}', which this host does not have`;
      faults.push({ path, expected, ...(todo === undefined ? {} : { todo }) });
    }
    if (nextHops === undefined || config.domains === undefined) continue;
    for (const name of definition.nextHops ?? []) {
      if (!nextHops.includes(name)) faults.push(unknownNextHop(path, name, nextHops));
    }
    for (const name of definition.verifies ?? []) {
      if (config.nextHops?.[name]?.kind !== "mx") continue;
      const found = `verifyRecipients at ${showFound(name, "")}, which is mx()`;
      // Hosts of others take such questions for a search of addresses.
      faults.push({ path, found, expected: "smtp() or lmtp(): only servers of your own are asked" });
    }
    const domains = config.domains.map((domain) => domainToAscii(domain) ?? domain);
    const asked = { domains, nextHops, durableSpool: options.durableSpool === true };
    for (const expected of runCheck(() => definition.check?.(asked))) faults.push({ path, expected });
  }
  return faults;
}

function unknownNextHop(path: string, name: string, nextHops: readonly string[]): ConfigFault {
  const near = closest(name, nextHops);
  return {
    path,
    found: `the next hop ${showFound(name, "")}`,
    expected:
      nextHops.length === 0 ? "one of nextHops, which is empty" : `one of nextHops: ${nextHops.join(", ")}`,
    ...(near === undefined ? {} : { todo: `did you mean "${near}"?` }),
  };
}

/** A check is a plugin's code: one that throws is a fault of the config like others. */
function runCheck(check: () => readonly string[] | undefined): readonly string[] {
  try {
    return check() ?? [];
  } catch (error) {
    return [`the plugin's check failed: ${error instanceof Error ? error.message : String(error)}`];
  }
}
