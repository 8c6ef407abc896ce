/**
 * Which TLS a server gets: the policy of the config, or the default by where the server is. What is found out about a
 * server's name (MTA-STS, RFC 8461; DANE, RFC 7672) would end here too, as options of its connection: a name to verify,
 * or fingerprints. Neither is looked up yet.
 */
import { BlockList, isIP } from "node:net";
import type { SmtpNextHop } from "../config/mod.ts";
import type { ConnectionOptions } from "./open-connection.ts";

/**
 * The policy as options of a connection. Without one in the config: `verified`, but `opportunistic` on loopback and
 * private networks (RFC 1918, RFC 4193, link-local). With credentials nothing goes in clear text, whatever it says.
 */
export function tlsPolicyOf(
  { tls, auth }: Pick<SmtpNextHop, "tls" | "auth">,
  host: string,
): Pick<ConnectionOptions, "startTls" | "verify" | "fingerprints"> {
  const policy = tls ?? (isNear(host) ? "opportunistic" : "verified");
  if (typeof policy === "object")
    return { startTls: "always", verify: false, fingerprints: policy.fingerprints.map(plainFingerprint) };
  if (policy === "verified") return { startTls: "always", verify: true };
  if (policy === "required" || auth) return { startTls: "always", verify: false };
  return { startTls: policy === "none" ? "none" : "offered", verify: false };
}

/** A fingerprint as it is compared: lower case, without colons. */
export function plainFingerprint(text: string): string {
  return text.replaceAll(":", "").toLowerCase();
}

function isNear(host: string): boolean {
  const family = isIP(host);
  if (host.startsWith("unix:")) return true;
  if (family === 0) return host === "localhost" || host.endsWith(".localhost");
  return near.check(host, family === 6 ? "ipv6" : "ipv4");
}

const near = new BlockList();
near.addSubnet("127.0.0.0", 8);
near.addSubnet("10.0.0.0", 8);
near.addSubnet("172.16.0.0", 12);
near.addSubnet("192.168.0.0", 16);
near.addSubnet("169.254.0.0", 16);
near.addAddress("::1", "ipv6");
near.addSubnet("fc00::", 7, "ipv6");
near.addSubnet("fe80::", 10, "ipv6");
