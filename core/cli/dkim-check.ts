/** `postern dkim check`: whether DNS has, for each key that the config signs with, the record that verifiers need. */
import type { GatewayConfig } from "../config/mod.ts";
import { selfTest } from "../gateway/mod.ts";
import { keyRecordName } from "../mail/mod.ts";
import type { DnsAnswer, PublishedKey, Resolver } from "../pipeline/mod.ts";
import { nodeCrypto } from "../store/mod.ts";
import { configArgument } from "./config-argument.ts";
import { configResolver } from "./config-resolver.ts";
import { type RecordState, recordState, recordText, zoneLines } from "./dkim-record.ts";
import { loadConfig } from "./load-config.ts";
import { publishedKeys } from "./published-keys.ts";
import { UserError } from "./user-error.ts";

/** For all look-ups together. */
const LOOK_UP_MS_MAX = 10_000;
const LOOK_UPS_AT_ONCE_MAX = 20;

/** A key and what DNS says of it. */
export interface CheckedKey {
  readonly key: PublishedKey;
  readonly result: RecordState;
}

/** A line for each key; 0 when DNS agrees with all of them, else 1. */
export async function dkimCheck(args: readonly string[]): Promise<number> {
  const config = await loadConfig(configArgument("dkim check", args));
  if (publishedKeys(config).length === 0)
    throw new UserError("postern dkim check: found no keys, expected sign({ keys: [...] }) in the pipeline");
  const checked = await checkKeys(config);
  for (const one of checked) process.stdout.write(`${lineOf(one)}\n`);
  return checked.every(({ result }) => result.state === "agrees") ? 0 : 1;
}

/** Asks DNS for all keys of a config; what is not known in time is unknown. */
export async function checkKeys(
  config: GatewayConfig,
  dns: Resolver = configResolver(config),
): Promise<readonly CheckedKey[]> {
  const signal = AbortSignal.timeout(LOOK_UP_MS_MAX);
  const keys = publishedKeys(config);
  const checked: CheckedKey[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < keys.length; at = next++) {
      const key = keys[at]!;
      checked[at] = { key, result: recordState(key, await answerOf(dns, keyRecordName(key), signal)) };
    }
  };
  await Promise.all(Array.from({ length: LOOK_UPS_AT_ONCE_MAX }, work));
  return checked;
}

const answerOf = (dns: Resolver, name: string, signal: AbortSignal): Promise<DnsAnswer> =>
  signal.aborted
    ? Promise.resolve({ status: "timeout" })
    : dns.resolve(name, "TXT", signal).catch((): DnsAnswer => ({ status: "timeout" }));

/** What `postern check` says of a key. */
export interface FoundKey {
  readonly shown: string;
  readonly warnings: readonly string[];
}

/**
 * Tries what plugins try of the host, and holds their keys against DNS.
 *
 * @throws ConfigFaults with what does not work
 */
export async function findKeys(config: GatewayConfig): Promise<readonly FoundKey[]> {
  await selfTest(config, nodeCrypto);
  return (await checkKeys(config)).map((checked) => {
    const { key, result } = checked;
    const fault = result.state === "wrong" ? [faultOf(checked)] : [];
    const words = { agrees: "DNS agrees", wrong: "DNS does not agree", unknown: "DNS gives no answer" };
    return {
      shown: `${shownKey(key)}; ${words[result.state]}`,
      warnings: [...key.warnings.map((warning) => `${key.place}: ${warning}`), ...fault, ...testing(checked)],
    };
  });
}

function lineOf(checked: CheckedKey): string {
  const { key, result } = checked;
  if (result.state !== "agrees") return `${result.state}: ${faultOf(checked)}`;
  return [`ok: ${shownKey(key)}`, ...testing(checked)].join("; ");
}

const shownKey = (key: PublishedKey): string =>
  `${keyRecordName(key)} (${key.algorithm === "rsa" ? `RSA, ${key.bits} bits` : "Ed25519"})`;

function faultOf({ key, result }: CheckedKey): string {
  const found = result.state === "agrees" ? "" : result.found;
  const record = zoneLines(keyRecordName(key), recordText(key.algorithm, key.publicKey));
  const todo =
    result.state === "unknown" ? "try again" : `publish ${record.map((line) => line.trim()).join(" ")}`;
  return `${keyRecordName(key)}: found ${found}, expected the record of ${key.place}; ${todo}`;
}

const testing = ({ key, result }: CheckedKey): readonly string[] =>
  result.state === "agrees" && result.testing
    ? [`${keyRecordName(key)} says t=y, so that verifiers do not count on it: take it away when all works`]
    : [];
