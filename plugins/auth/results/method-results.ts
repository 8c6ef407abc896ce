/** The facts of who sent a message in the words of RFC 8601 2.7: which result, and the properties it was about. */
import type { Address, FactValue, Identity, ReversePath } from "postern";
import type { Arc, Dkim, Dmarc, Iprev, Spf } from "../auth-results.ts";
import { addressValue, type MethodResult, pvalue } from "./results-field.ts";

/** What is known of a message; undefined where nobody looked. */
export interface Known {
  readonly reversePath: ReversePath;
  /** "" where the host has none. */
  readonly clientIp: string;
  /** Absent, or undefined: nobody logged in, or it is not to be told. */
  readonly identity?: Identity | undefined;
  readonly iprev: FactValue<typeof Iprev> | undefined;
  readonly spf: FactValue<typeof Spf> | undefined;
  readonly dkim: FactValue<typeof Dkim> | undefined;
  readonly dmarc: FactValue<typeof Dmarc> | undefined;
  readonly arc: FactValue<typeof Arc> | undefined;
}

type Properties = MethodResult["properties"];

/** The results of a field, in the order of the stages they come from. */
export function methodResults(known: Known): readonly MethodResult[] {
  return [
    ...authResult(known.identity),
    ...iprevResult(known.iprev),
    ...spfResult(known.spf, known.reversePath),
    ...dkimResults(known.dkim),
    ...dmarcResult(known.dmarc),
    ...arcResult(known.arc, known.clientIp),
  ];
}

/** RFC 8601 2.7.4. */
function authResult(identity: Identity | undefined): readonly MethodResult[] {
  if (!identity) return [];
  return [{ method: "auth", result: "pass", properties: [["smtp.auth", identityValue(identity.user)]] }];
}

/** RFC 8601 2.7.3; it has no "none". */
function iprevResult(iprev: Known["iprev"]): readonly MethodResult[] {
  if (!iprev || iprev.result === "none") return [];
  return [result("iprev", iprev, [["policy.iprev", pvalue(iprev.ip)]])];
}

/** RFC 8601 2.7.2. */
function spfResult(spf: Known["spf"], reversePath: ReversePath): readonly MethodResult[] {
  if (!spf) return [];
  const { domain, identity } = spf;
  const mailFrom = identity === "mailfrom" ? reversePath : null;
  const of: Properties =
    mailFrom?.domainAscii === domain
      ? [["smtp.mailfrom", pathValue(mailFrom)]]
      : domain === ""
        ? []
        : [[`smtp.${identity}`, pvalue(domain)]];
  return [result("spf", spf, of)];
}

const pathValue = ({ localPart, domainAscii }: Address): string => addressValue(localPart, domainAscii);

/** RFC 8601 2.7.1, RFC 6008, and header.s and header.a of its registry. */
function dkimResults(dkim: Known["dkim"]): readonly MethodResult[] {
  if (!dkim) return [];
  const results = dkim.signatures.map((signature): MethodResult => {
    const { domain, identity, selector, algorithm, unsignedBytes } = signature;
    const of: Properties = [
      ["header.d", domain && addressValue(undefined, domain)],
      ["header.i", identity && identityValue(identity)],
      ["header.s", selector && pvalue(selector)],
      ["header.a", algorithm && pvalue(algorithm)],
      ["header.b", signature.signature && pvalue(signature.signature)],
    ];
    const properties = of.filter(([, value]) => value !== "");
    if (signature.result !== "pass" || unsignedBytes === 0) return result("dkim", signature, properties);
    const reason = `${unsignedBytes} octets of the body are not signed`;
    return { method: "dkim", result: "pass", reason, properties };
  });
  if (dkim.unchecked > 0) {
    const reason = `${dkim.unchecked} more signatures were not looked at`;
    results.push({ method: "dkim", result: "policy", reason, properties: [] });
  }
  return results.length > 0 ? results : [{ method: "dkim", result: "none", properties: [] }];
}

/** RFC 9989, and policy.dmarc of the registry: what is asked for when all of the record's options are seen to. */
function dmarcResult(dmarc: Known["dmarc"]): readonly MethodResult[] {
  if (!dmarc) return [];
  const { headerFrom, policyDomain, policy, testing } = dmarc;
  const asked = testing ? ONE_STEP_LESS[policy] : policy;
  return [
    result("dmarc", dmarc, [
      ...(headerFrom === "" ? [] : ([["header.from", addressValue(undefined, headerFrom)]] as const)),
      ...(policyDomain === "" ? [] : ([["policy.dmarc", asked]] as const)),
    ]),
  ];
}

/** RFC 9989 4.7, `t=y`. */
const ONE_STEP_LESS = { reject: "quarantine", quarantine: "none", none: "none" } as const;

/** RFC 8617 6 and 10.2. */
function arcResult(arc: Known["arc"], clientIp: string): readonly MethodResult[] {
  if (!arc) return [];
  const { oldestPass } = arc;
  return [
    result("arc", arc, [
      ...(arc.result === "pass" ? ([["header.oldest-pass", `${oldestPass}`]] as const) : []),
      ...(arc.result === "none" || clientIp === "" ? [] : ([["smtp.remote-ip", pvalue(clientIp)]] as const)),
    ]),
  ];
}

/** What passed needs no reason. */
function result(
  method: string,
  { result, reason }: { readonly result: string; readonly reason: string },
  properties: Properties,
): MethodResult {
  return result === "pass" || reason === ""
    ? { method, result, properties }
    : { method, result, reason, properties };
}

/** A user's name or an AUID, which may be an address or "@example.com". */
function identityValue(text: string): string {
  const at = text.lastIndexOf("@");
  return at < 0 ? pvalue(text) : addressValue(text.slice(0, at), text.slice(at + 1));
}
