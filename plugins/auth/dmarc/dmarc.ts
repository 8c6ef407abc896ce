/**
 * DMARC (RFC 9989): whether SPF or DKIM stands for the domain that readers see in From, and what is done where neither
 * does. The result is the fact `Dmarc`; what follows from it is this plugin's options. It sends no reports.
 */
import {
  type ContextOf,
  type Duration,
  definePlugin,
  domainToAscii,
  type FactValue,
  isNetwork,
  type MessageVerdict,
  networkMatcher,
  type Plugin,
  quarantine,
  reject,
  tempfail,
  z,
} from "postern";
import { objectOption, parseOptions } from "../../options.ts";
import { Arc, Dkim, Dmarc, Spf } from "../auth-results.ts";
import { dnsTimeOption, withBoundedDns } from "../bounded-dns.ts";
import { type Skipped, skipOption, skipReason } from "../skip-option.ts";
import { authorDomain } from "./author-domain.ts";
import type { DmarcPolicy } from "./dmarc-record.ts";
import { type DmarcResult, evaluateDmarc, type Identifier } from "./evaluate-dmarc.ts";
import { sealersReason } from "./trusted-sealers.ts";

/** Options of `dmarc`. */
export interface DmarcOptions {
  /** Whose messages are not checked; their result is `none`. Default both. */
  readonly skip?: readonly Skipped[];
  /**
   * What a `fail` does: what its policy asks for; hold also what it would reject, which needs a durable spool; or nothing.
   * Default "obey".
   */
  readonly policy?: "obey" | "quarantine" | "record";
  /**
   * What is done to what should be held. Default "quarantine" where there is a durable spool, which it needs, else
   * "record".
   */
  readonly onQuarantine?: "quarantine" | "reject" | "record";
  /** What a From field without one domain does, with which there is no DMARC. Default "reject". */
  readonly onUnusableFrom?: "reject" | "record";
  /** What a `temperror` does. Default "tempfail". */
  readonly onTemperror?: "tempfail" | "accept";
  /** By domain of From, and those below it, in place of what its own record asks for. The longest one counts. */
  readonly overrides?: { readonly [domain: string]: DmarcPolicy };
  /** Whose messages are taken although they fail: lists and forwarders, by what they can not forge. */
  readonly trustedForwarders?: {
    /** Addresses and ranges of clients. */
    readonly networks?: readonly string[];
    /**
     * Domains whose word counts under their ARC seals: that DMARC passed when the message came to them. All who sealed it
     * since must be among them; `arc` stands before.
     */
    readonly sealers?: readonly string[];
  };
  /** How long DNS is asked in all; then it is a `temperror`. Default "3s". */
  readonly dnsTime?: Duration;
}

/**
 * Checks DMARC in the stage `data`, by the facts `Spf` and `Dkim`, and provides the fact `Dmarc`.
 *
 * @throws TypeError when an option is wrong
 */
export function dmarc(options: DmarcOptions = {}): Plugin<"dmarc", "spf" | "dkim", false> {
  const rules = parseOptions("dmarc", OPTIONS, options);
  const isTrusted = networkMatcher(rules.trustedForwarders.networks);
  const sealers = new Set(rules.trustedForwarders.sealers);
  // Known before the first message, as every start and every `check` asks; until then nothing can be held.
  let canHold = false;
  const needing = [
    rules.policy === "quarantine" ? 'policy: "quarantine"' : "",
    rules.onQuarantine === "quarantine" ? 'onQuarantine: "quarantine"' : "",
  ].filter(Boolean);
  return definePlugin({
    name: "dmarc",
    needs: ["dns"],
    // A list of sealers without a provider of `Arc` would never count: then the start tells it.
    reads: (sealers.size > 0 ? [Spf, Dkim, Arc] : [Spf, Dkim]) as Reads,
    mayRead: [Arc],
    provides: [Dmarc],
    check({ durableSpool }) {
      canHold = durableSpool;
      if (durableSpool) return [];
      return needing.map((option) => `'${option}' needs a durable spool, which this host does not have`);
    },
    async data(ctx) {
      const arc = ctx.fact(Arc);
      const clients = [ctx.client.ip, ctx.client.via ?? ""];
      const identifiers = identifiersOf(ctx.fact(Spf), ctx.fact(Dkim));
      const checked = await resultOf(ctx, identifiers, rules);
      const forwarder = clients.some(isTrusted)
        ? "the client is a trusted forwarder"
        : sealersReason(arc, checked.headerFrom, sealers);
      const decided = decide(checked, { forwarder, canHold }, rules);
      const told =
        checked.result === "fail" && waitsForArc(decided, arc, sealers, rules)
          ? { ...checked, ...ARC_IS_LATE, reason: `ARC of ${arc.sealer}: ${arc.reason}` }
          : { ...checked, ...decided };
      ctx.provide(Dmarc, told);
      return verdictOf(told, told, rules);
    },
  });
}

/** For the types that `pipeline()` checks, which see no options. */
type Reads = [typeof Spf, typeof Dkim];
type Rules = z.output<typeof OPTIONS>;
type Found = FactValue<typeof Dmarc>;
type Checked = Omit<Found, "disposition" | "override">;
type Decided = Pick<Found, "disposition" | "override">;
type Context = Omit<ContextOf<never, never, never>["data"], "provide" | "fact">;

async function resultOf(ctx: Context, identifiers: readonly Identifier[], rules: Rules): Promise<Checked> {
  const nothing: Omit<DmarcResult, "result" | "reason"> = {
    policyDomain: "",
    policy: "none",
    testing: false,
    spfAligned: false,
    dkimAligned: false,
  };
  const author = authorDomain(ctx.original.header);
  const headerFrom = "domain" in author ? author.domain : "";
  const none = (reason: string): Checked => ({ ...nothing, result: "none", reason, headerFrom });
  const skipped = skipReason(ctx, rules.skip);
  if (skipped !== undefined) return none(skipped);
  if ("fault" in author) return { ...nothing, result: "permerror", reason: author.fault, headerFrom };
  if (headerFrom.startsWith("[")) return none("the domain of From is an address");
  const result = await withBoundedDns(ctx, rules.dnsTime, (dns) =>
    evaluateDmarc(headerFrom, identifiers, dns),
  );
  return { ...result, headerFrom };
}

/** Domains that passed, or may yet. RFC 7208 2.4: with a null reverse-path the HELO name is the reverse-path's domain. */
function identifiersOf(
  spf: FactValue<typeof Spf>,
  { signatures }: FactValue<typeof Dkim>,
): readonly Identifier[] {
  const identifiers: Identifier[] = [];
  const add = (method: Identifier["method"], domain: string, result: string) => {
    if (domain !== "" && (result === "pass" || result === "temperror"))
      identifiers.push({ method, domain, result });
  };
  add("spf", spf.domain, spf.result);
  for (const { domain, result } of signatures) add("dkim", domain, result);
  return identifiers;
}

/** What is done, and why where it is not what the policy asks for. */
function decide(
  { result, headerFrom, policy, testing }: Checked,
  { forwarder, canHold }: { readonly forwarder: string | undefined; readonly canHold: boolean },
  rules: Rules,
): Decided {
  if (result === "permerror")
    return rules.onUnusableFrom === "reject"
      ? { disposition: "reject", override: "" }
      : { disposition: "none", override: "what From can not be read does nothing here" };
  if (result !== "fail") return { disposition: "none", override: "" };
  const own = overrideOf(headerFrom, rules.overrides);
  // RFC 9989 4.7, "t": one step less.
  const asked = own ?? (testing ? STEP_LESS[policy] : policy);
  const why =
    asked === policy ? "" : own === undefined ? "its domain only tests (t=y)" : "this domain has a rule here";
  if (asked === "none") return { disposition: "none", override: why };
  if (forwarder !== undefined) return { disposition: "none", override: forwarder };
  if (rules.policy === "record") return { disposition: "none", override: "failures are only recorded here" };
  if (asked === "reject" && rules.policy === "obey") return { disposition: "reject", override: why };
  if (asked === "reject")
    return { disposition: "quarantine", override: "what should be rejected is held here" };
  switch (rules.onQuarantine ?? (canHold ? "quarantine" : "unable")) {
    case "quarantine":
      return { disposition: "quarantine", override: why };
    case "reject":
      return { disposition: "reject", override: "what should be held is rejected here" };
    case "record":
      return { disposition: "none", override: "what should be held is only recorded here" };
    default:
      return { disposition: "none", override: "there is nowhere to hold it" };
  }
}

const ARC_IS_LATE = { result: "temperror", disposition: "none", override: "" } as const;

/**
 * Whether a message that fails may pass yet, by a chain that DNS does not let be checked now. Only to put it off: anybody
 * can claim such a chain, and so it is never taken for that.
 */
const waitsForArc = (
  { disposition }: Decided,
  { result, sealer }: FactValue<typeof Arc>,
  sealers: ReadonlySet<string>,
  { onTemperror }: Rules,
): boolean =>
  disposition !== "none" && result === "temperror" && sealers.has(sealer) && onTemperror === "tempfail";

const STEP_LESS: { readonly [P in DmarcPolicy]: DmarcPolicy } = {
  none: "none",
  quarantine: "none",
  reject: "quarantine",
};

function overrideOf(domain: string, overrides: ReadonlyMap<string, DmarcPolicy>): DmarcPolicy | undefined {
  for (let name = domain; ; name = name.slice(name.indexOf(".") + 1)) {
    const own = overrides.get(name);
    if (own !== undefined || !name.includes(".")) return own;
  }
}

function verdictOf(checked: Checked, { disposition }: Decided, rules: Rules): MessageVerdict | undefined {
  const { result, headerFrom } = checked;
  if (result === "permerror" && disposition === "reject")
    return reject("5.7.1", "The From field must be one, with addresses of one domain");
  if (result === "temperror" && rules.onTemperror === "tempfail")
    return tempfail("4.7.1", "DMARC of the domain in From can not be checked now");
  // A-labels: there is nothing in them that a reply would mind.
  if (disposition === "reject") return reject("5.7.1", `Rejected by the DMARC policy for ${headerFrom}`);
  return disposition === "quarantine" ? quarantine(`DMARC of ${headerFrom} fails`) : undefined;
}

const DOMAIN_FORM = "the name of a domain";
const DOMAIN = z
  .string({ error: DOMAIN_FORM })
  .refine((text) => domainToAscii(text) !== undefined, DOMAIN_FORM)
  .transform((text) => domainToAscii(text) ?? text);
const POLICY = z.enum(["none", "quarantine", "reject"], { error: "'none', 'quarantine' or 'reject'" });
const LIST_MAX = 10_000;
const listOf = (what: string, item: z.ZodType<string>) =>
  z.array(item, `a list of ${what}`).max(LIST_MAX, "a shorter list").default([]);
const OPTIONS = objectOption({
  skip: skipOption(),
  policy: z
    .enum(["obey", "quarantine", "record"], { error: "'obey', 'quarantine' or 'record'" })
    .default("obey"),
  onQuarantine: z
    .enum(["quarantine", "reject", "record"], { error: "'quarantine', 'reject' or 'record'" })
    .optional(),
  onUnusableFrom: z.enum(["reject", "record"], { error: "'reject' or 'record'" }).default("reject"),
  onTemperror: z.enum(["tempfail", "accept"], { error: "'tempfail' or 'accept'" }).default("tempfail"),
  overrides: z
    .record(DOMAIN, POLICY, "an object with a policy for each domain")
    .default({})
    .transform((overrides): ReadonlyMap<string, DmarcPolicy> => new Map(Object.entries(overrides))),
  trustedForwarders: objectOption({
    networks: listOf(
      "addresses and ranges",
      z.string().refine(isNetwork, "an address or a range as '192.0.2.0/24'"),
    ),
    sealers: listOf("domains", DOMAIN),
  }).prefault({}),
  dnsTime: dnsTimeOption(),
});
