/**
 * Forward-confirmed reverse DNS (RFC 8601 2.7.3 and 3): whether a name that the client's address points to points back.
 * The result is the fact `Iprev`; by itself it refuses nothing. It looks at no name that the client says itself.
 */
import {
  canonicalIp,
  type Duration,
  definePlugin,
  domainToAscii,
  type FactValue,
  type MessageVerdict,
  type Plugin,
  type Resolver,
  reject,
  reverseName,
  tempfail,
  z,
} from "postern";
import { objectOption, parseOptions } from "../../options.ts";
import { Iprev } from "../auth-results.ts";
import { dnsTimeOption, withBoundedDns } from "../bounded-dns.ts";
import { type Skipped, skipOption, skipReason } from "../skip-option.ts";
import { isInnerAddress } from "./inner-address.ts";

/** Options of `iprev`. */
export interface IprevOptions {
  /** Whose messages are not checked; their result is `none`. Default both. */
  readonly skip?: readonly Skipped[];
  /** What a `fail` does: no name points back. Default "record". */
  readonly onFail?: "record" | "tempfail" | "reject";
  /** What a `permerror` does: the address has no name. Default "record". */
  readonly onPermerror?: "record" | "tempfail" | "reject";
  /** What a `temperror` does: DNS gave no answer. Default "record". */
  readonly onTemperror?: "record" | "tempfail";
  /** How long DNS is asked in all; then it is a `temperror`. Default "3s". */
  readonly dnsTime?: Duration;
}

/**
 * Checks the client's reverse DNS in the stage `data`, where the client behind trusted upstreams is known, and provides
 * the fact `Iprev`.
 *
 * @throws TypeError when an option is wrong
 */
export function iprev(options: IprevOptions = {}): Plugin<"iprev", never, false> {
  const rules = parseOptions("iprev", OPTIONS, options);
  return definePlugin({
    name: "iprev",
    needs: ["clientIp", "dns"],
    provides: [Iprev],
    async data(ctx) {
      const { ip } = ctx.client;
      const reason = skipReason(ctx, rules.skip) ?? notAsked(ip);
      const found =
        reason === undefined
          ? await withBoundedDns(ctx, rules.dnsTime, (dns) => confirm(ip, dns))
          : { result: "none" as const, reason, name: "" };
      ctx.provide(Iprev, { ...found, ip });
      return verdictOf(found.result, rules);
    },
  });
}

type Found = Omit<FactValue<typeof Iprev>, "ip">;

/** PTR names looked at; an address that has thousands is not helped by them (RFC 7208 4.6.4 has the same bound). */
const NAMES_MAX = 10;

function notAsked(ip: string): string | undefined {
  if (reverseName(ip) === undefined) return "the client's address is not known";
  return isInnerAddress(ip) ? "the client's address is not of the public Internet" : undefined;
}

async function confirm(ip: string, dns: Resolver): Promise<Found> {
  const reverse = await dns.resolve(reverseName(ip)!, "PTR");
  const end = (result: Found["result"], reason: string): Found => ({ result, reason, name: "" });
  if (reverse.status === "nxdomain" || reverse.status === "nodata")
    return end("permerror", "the address has no name");
  if (reverse.status !== "found") return end("temperror", `DNS: ${reverse.status} for PTR`);
  const names = reverse.records.slice(0, NAMES_MAX).map(hostName);
  const states = await Promise.all(names.map((name) => pointsBack(name, ip, dns)));
  const confirmed = states.indexOf("yes");
  if (confirmed >= 0) return { result: "pass", reason: "the name points back", name: names[confirmed]! };
  if (states.includes("unknown")) return end("temperror", "DNS: no answer for a name of the address");
  const more = reverse.records.length > NAMES_MAX ? `; ${NAMES_MAX} names were looked at` : "";
  return end("fail", `no name of the address points back${more}`);
}

/** The name in lower case without the final dot; undefined for what no host can be called. */
const hostName = (record: string): string | undefined =>
  domainToAscii(record.endsWith(".") ? record.slice(0, -1) : record)?.toLowerCase();

async function pointsBack(name: string | undefined, ip: string, dns: Resolver) {
  if (name === undefined || name.startsWith("[")) return "no";
  const want = canonicalIp(ip);
  const answer = await dns.resolve(name, want.includes(":") ? "AAAA" : "A");
  if (answer.status === "servfail" || answer.status === "timeout") return "unknown";
  return answer.status === "found" && answer.records.some((record) => record === want) ? "yes" : "no";
}

/** RFC 7372 3.3 has the code. */
function verdictOf(result: Found["result"], rules: z.output<typeof OPTIONS>): MessageVerdict | undefined {
  const action = { fail: rules.onFail, permerror: rules.onPermerror, temperror: rules.onTemperror }[
    result as "fail"
  ];
  if (action === "reject") return reject("5.7.25", "The client's address has no name that points back to it");
  if (action !== "tempfail") return undefined;
  return tempfail("4.7.25", "The client's address has no name yet that points back to it");
}

const ACTION = z
  .enum(["record", "tempfail", "reject"], { error: "'record', 'tempfail' or 'reject'" })
  .default("record");
const OPTIONS = objectOption({
  skip: skipOption(),
  onFail: ACTION,
  onPermerror: ACTION,
  onTemperror: z.enum(["record", "tempfail"], { error: "'record' or 'tempfail'" }).default("record"),
  dnsTime: dnsTimeOption(),
});
