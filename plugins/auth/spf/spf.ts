/**
 * SPF (RFC 7208): whether the domain of the reverse-path, or the HELO name where that is null (2.4), allows the client
 * to send for it. The result is the fact `Spf`; what a result alone does to a message is an option, and by default
 * nothing, as DMARC decides. The HELO name is not checked beside a reverse-path, and no Received-SPF field is added.
 */
import {
  type ContextOf,
  type Duration,
  definePlugin,
  domainToAscii,
  type FactValue,
  type MessageVerdict,
  type Plugin,
  quarantine,
  reject,
  tempfail,
  z,
} from "postern";
import { countOption, objectOption, parseOptions } from "../../options.ts";
import { Spf } from "../auth-results.ts";
import { dnsTimeOption, withBoundedDns } from "../bounded-dns.ts";
import { type Skipped, skipOption, skipReason } from "../skip-option.ts";
import { checkHost } from "./check-host.ts";

/** Options of `spf`. */
export interface SpfOptions {
  /** Whose messages are not checked; their result is `none`. Default both. */
  readonly skip?: readonly Skipped[];
  /** What a `fail` does. `quarantine` needs a durable spool. Default "record". */
  readonly onFail?: "record" | "reject" | "quarantine";
  /** What a `permerror` does. Default "record". */
  readonly onPermerror?: "record" | "reject";
  /** What a `temperror` does. Default "record". */
  readonly onTemperror?: "record" | "tempfail";
  /**
   * Whether the domain's own words for a `fail` are asked for: into the fact, or into the reply of `onFail: "reject"` as
   * well. They are a stranger's. Default "ignore".
   */
  readonly explanation?: "ignore" | "record" | "reply";
  /** Terms of records whose names may have no records, 0 to 10. Default 2, as RFC 7208 4.6.4 has it. */
  readonly voidLookUpsMax?: number;
  /** Our name in the domain's own words (`%{r}`). Default "unknown". */
  readonly receiver?: string;
  /** How long DNS is asked in all; then it is a `temperror`. Default "3s". */
  readonly dnsTime?: Duration;
}

/**
 * Checks SPF in the stage `data`, where the client behind trusted upstreams is known, and provides the fact `Spf`.
 *
 * @throws TypeError when an option is wrong
 */
export function spf(options: SpfOptions = {}): Plugin<"spf", never, false> {
  const rules = parseOptions("spf", OPTIONS, options);
  return definePlugin({
    name: "spf",
    needs: ["clientIp", "dns"],
    provides: [Spf],
    check: ({ durableSpool }) =>
      rules.onFail === "quarantine" && !durableSpool
        ? ["'onFail: \"quarantine\"' needs a durable spool, which this host does not have"]
        : [],
    async data(ctx) {
      const found = await resultOf(ctx, rules);
      ctx.provide(Spf, found);
      return verdictOf(found, rules);
    },
  });
}

type Found = FactValue<typeof Spf>;
type Rules = z.output<typeof OPTIONS>;
type Context = Omit<ContextOf<never, typeof Spf, never>["data"], "provide">;

async function resultOf(ctx: Context, rules: Rules): Promise<Found> {
  const { client, envelope } = ctx;
  const { reversePath } = envelope;
  // An upstream greets with its own name: that of the client behind it is not known.
  const helo = client.via === undefined ? (ctx.ehlo ?? "") : "";
  const domain = reversePath === null ? heloDomain(helo) : reversePath.domainAscii;
  const identity = reversePath === null ? "helo" : "mailfrom";
  const none = (reason: string): Found => ({ result: "none", reason, domain, identity, explanation: "" });
  const skipped = skipReason(ctx, rules.skip);
  if (skipped !== undefined) return none(skipped);
  if (client.ip === "") return none("the client's address is not known");
  if (domain === "") return none("null reverse-path, and no name of a domain in HELO");
  if (domain.startsWith("[")) return none("the domain is an address");
  const answer = await withBoundedDns(ctx, rules.dnsTime, (dns) =>
    checkHost({
      domain,
      ip: client.ip,
      localPart: reversePath?.localPart ?? "",
      senderDomain: domain,
      helo: helo === "" ? "unknown" : helo,
      receiver: rules.receiver,
      now: ctx.clock.now(),
      dns,
      voidLookUpsMax: rules.voidLookUpsMax,
      explain: rules.explanation !== "ignore",
    }),
  );
  return { ...answer, domain, identity };
}

/** RFC 7208 2.3: a HELO that is no name of a domain is not checked. */
function heloDomain(helo: string): string {
  const domain = domainToAscii(helo.endsWith(".") ? helo.slice(0, -1) : helo);
  return domain === undefined || domain.startsWith("[") ? "" : domain;
}

/** RFC 7372 3.2 has the codes. */
function verdictOf({ result, domain, explanation }: Found, rules: Rules): MessageVerdict | undefined {
  if (result === "fail" && rules.onFail === "quarantine") return quarantine(`SPF of ${domain} fails`);
  if (result === "fail" && rules.onFail === "reject") {
    const text = "SPF of the sender's domain does not allow this client";
    if (rules.explanation !== "reply" || explanation === "") return reject("5.7.23", text);
    // RFC 7208 6.2: it is told whose words they are.
    return reject("5.7.23", `${text}; ${domain} explains: ${explanation}`);
  }
  if (result === "permerror" && rules.onPermerror === "reject")
    return reject("5.7.24", "The SPF record of the sender's domain can not be read");
  if (result === "temperror" && rules.onTemperror === "tempfail")
    return tempfail("4.7.24", "SPF of the sender's domain can not be checked now");
  return undefined;
}

const OPTIONS = objectOption({
  skip: skipOption(),
  onFail: z
    .enum(["record", "reject", "quarantine"], { error: "'record', 'reject' or 'quarantine'" })
    .default("record"),
  onPermerror: z.enum(["record", "reject"], { error: "'record' or 'reject'" }).default("record"),
  onTemperror: z.enum(["record", "tempfail"], { error: "'record' or 'tempfail'" }).default("record"),
  explanation: z
    .enum(["ignore", "record", "reply"], { error: "'ignore', 'record' or 'reply'" })
    .default("ignore"),
  voidLookUpsMax: countOption(0, 10).default(2),
  receiver: z
    .string({ error: "the name of a domain" })
    .refine((text) => domainToAscii(text) !== undefined, "the name of a domain")
    .default("unknown"),
  dnsTime: dnsTimeOption(),
});
