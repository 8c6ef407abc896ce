/**
 * What is found out about who sent a message, as facts: results in the words of RFC 8601 2.7, each with its reason.
 * Results only; what follows from them is policy, and each plugin's own option. All are of the stage `data`, where the
 * client behind trusted upstreams is known too.
 */
import { fact, z } from "postern";

const REASON = z.string().max(500);
const DOMAIN = z.string().max(255);

/** The results of SPF (RFC 7208 2.6). */
export const SPF_RESULTS = ["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"] as const;

/** SPF of the reverse-path, or of the EHLO name where that is null (RFC 7208 2.4). Fallback: `none`. */
export const Spf = fact("spf", {
  stage: "data",
  scope: "transaction",
  schema: z.object({
    result: z.enum(SPF_RESULTS),
    /** For people. */
    reason: REASON,
    /** In A-labels and lower case; "" where there is none. */
    domain: DOMAIN,
    identity: z.enum(["mailfrom", "helo"]),
    /** What the domain says of a `fail`, where `spf` was told to ask. Its own words: visible ASCII and spaces. */
    explanation: z.string().max(500),
  }),
  fallback: { result: "none", reason: "not checked", domain: "", identity: "mailfrom", explanation: "" },
});

/** The results of one DKIM signature (RFC 8601 2.7.1). */
export const DKIM_RESULTS = ["pass", "fail", "neutral", "policy", "temperror", "permerror"] as const;

/** One DKIM-Signature field, from the top of the message. */
const DkimSignature = z.object({
  result: z.enum(DKIM_RESULTS),
  /** For people. */
  reason: REASON,
  /** `d=`, in A-labels and lower case; "" where it can not be read. */
  domain: DOMAIN,
  /** `s=` */
  selector: DOMAIN,
  /** `i=`, or `@` and the domain. */
  identity: z.string().max(320),
  /** `a=`, as "rsa-sha256". */
  algorithm: z.string().max(32),
  /** The first eight characters of `b=` (RFC 6008). */
  signature: z.string().max(8),
  /** Octets of the canonical body that `l=` leaves unsigned; 0 where all of it is signed. */
  unsignedBytes: z.number().int().min(0),
});

/** DKIM (RFC 6376, 8301, 8463). Fallback: no signature. */
export const Dkim = fact("dkim", {
  stage: "data",
  scope: "transaction",
  schema: z.object({
    signatures: z.array(DkimSignature).max(50),
    /** Signatures beyond the bound, which nobody looked at. */
    unchecked: z.number().int().min(0),
  }),
  fallback: { signatures: [], unchecked: 0 },
});

/** The results of DMARC (RFC 9989). */
export const DMARC_RESULTS = ["pass", "fail", "none", "temperror", "permerror"] as const;

/** DMARC (RFC 9989). Fallback: `none`. */
export const Dmarc = fact("dmarc", {
  stage: "data",
  scope: "transaction",
  schema: z.object({
    result: z.enum(DMARC_RESULTS),
    reason: REASON,
    /** Of the From field, in A-labels and lower case; "" where there is no one domain. */
    headerFrom: DOMAIN,
    /** The domain whose record was used; "" without one. */
    policyDomain: DOMAIN,
    /** What that record asks for with this message, by `p`, `sp` or `np`. */
    policy: z.enum(["none", "quarantine", "reject"]),
    /** `t=y`: its owner only tests, and asks for one step less (RFC 9989 4.7). */
    testing: z.boolean(),
    spfAligned: z.boolean(),
    dkimAligned: z.boolean(),
    /** What we did about it, and why where it is not what the policy asks for. */
    disposition: z.enum(["none", "quarantine", "reject"]),
    override: REASON,
  }),
  fallback: {
    result: "none",
    reason: "not checked",
    headerFrom: "",
    policyDomain: "",
    policy: "none",
    testing: false,
    spfAligned: false,
    dkimAligned: false,
    disposition: "none",
    override: "",
  },
});

/** One ARC set of a chain that passes: who sealed, and what that one says. True if it is honest. */
const ArcSet = z.object({
  /** `d=` and `s=` of the seal, in A-labels and lower case. */
  sealer: DOMAIN,
  selector: DOMAIN,
  /** What DMARC came to there; "" where it does not say. */
  dmarc: z.enum([...DMARC_RESULTS, ""]),
  /** The domain of From that this was about, in A-labels; "" where it does not say. */
  headerFrom: DOMAIN,
  /** The client that brought it there (smtp.remote-ip); "" where it does not say. */
  remoteIp: z.string().max(45),
});

/** ARC (RFC 8617 5.2). Fallback: `none`. */
export const Arc = fact("arc", {
  stage: "data",
  scope: "transaction",
  schema: z.object({
    result: z.enum(["pass", "fail", "none", "temperror"]),
    reason: REASON,
    /** `i=` of the newest set; 0 without one. */
    instance: z.number().int().min(0).max(50),
    /** `d=` of the newest seal, in A-labels and lower case; its own claim but with `pass`. */
    sealer: DOMAIN,
    /** With `pass`: the lowest `i=` down to which every message signature holds, 0 where all do (RFC 8617 5.2). */
    oldestPass: z.number().int().min(0).max(50),
    /** With `pass`: the sets, `i=1` first. */
    sets: z.array(ArcSet).max(50),
  }),
  fallback: { result: "none", reason: "not checked", instance: 0, sealer: "", oldestPass: 0, sets: [] },
});

/** Forward-confirmed reverse DNS of the client (RFC 8601 2.7.3). Fallback: `none`. */
export const Iprev = fact("iprev", {
  stage: "data",
  scope: "transaction",
  schema: z.object({
    result: z.enum(["pass", "fail", "temperror", "permerror", "none"]),
    reason: REASON,
    /** The confirmed host name, in lower case; "" but with `pass`. */
    name: DOMAIN,
    ip: z.string().max(45),
  }),
  fallback: { result: "none", reason: "not checked", name: "", ip: "" },
});

/** The client in DNS lists (RFC 5782). Fallback: in none. */
export const Dnsbl = fact("dnsbl", {
  stage: "data",
  scope: "transaction",
  schema: z.object({
    /** Lists that have it, with their answers as "127.0.0.2". */
    listed: z.array(z.object({ zone: DOMAIN, answers: z.array(z.string().max(45)).max(32) })).max(64),
    /** Lists that have it as good. */
    allowed: z.array(DOMAIN).max(64),
    /** Lists that gave no answer, or said that they give us none. */
    errors: z.array(z.object({ zone: DOMAIN, reason: REASON })).max(64),
  }),
  fallback: { listed: [], allowed: [], errors: [] },
});
