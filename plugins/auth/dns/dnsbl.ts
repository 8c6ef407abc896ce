/**
 * DNS lists of addresses (RFC 5782): lists that block, and lists of the good that beat them. What they say is the fact
 * `Dnsbl`. It asks for A records alone: the TXT of a list is a stranger's text and goes nowhere. No lists of domains.
 */
import {
  type Client,
  type ContextOf,
  type Duration,
  definePlugin,
  domainToAscii,
  type FactValue,
  type Plugin,
  type Reject,
  reject,
  reversedAddress,
  type Tempfail,
  tempfail,
  z,
} from "postern";
import { objectOption, parseOptions } from "../../options.ts";
import { Dnsbl } from "../auth-results.ts";
import { dnsTimeOption, withBoundedDns } from "../bounded-dns.ts";
import { type Skipped, skipOption, skipReason } from "../skip-option.ts";
import { isInnerAddress } from "./inner-address.ts";
import { type AnswerRange, answerRange, listState } from "./list-answers.ts";

/** A list. */
export interface DnsList {
  /** As "zen.spamhaus.org". */
  readonly zone: string;
  /** `allow`: who is in it passes, whatever lists of the other kind say. Default "block". */
  readonly kind?: "block" | "allow";
  /** The answers that count, each an address of 127.0.0.0/8 or a range as "127.0.0.2-127.0.0.11". Default all. */
  readonly answers?: readonly string[];
  /** What a list does that gives no answer, or says that it gives us none. Default "pass". */
  readonly onError?: "pass" | "tempfail";
}

/** Options of `dnsbl`. */
export interface DnsblOptions {
  /** 1 to 20 lists, all asked at once. */
  readonly lists: readonly DnsList[];
  /** Whose messages are not checked. Default both. */
  readonly skip?: readonly Skipped[];
  /** What is done with a client that a list blocks. Default "reject". */
  readonly onListed?: "reject" | "tempfail" | "record";
  /** How long DNS is asked in all; a list that has not answered then has an error. Default "3s". */
  readonly dnsTime?: Duration;
}

/**
 * Refuses clients that are in DNS lists: at MAIL, or in `data` where the client behind an upstream is known; there it
 * provides the fact `Dnsbl`.
 *
 * @throws TypeError when an option is wrong
 */
export function dnsbl(options: DnsblOptions): Plugin<"dnsbl", never, false> {
  const rules = parseOptions("dnsbl", OPTIONS, options);
  return definePlugin({
    name: "dnsbl",
    needs: ["clientIp", "dns"],
    provides: [Dnsbl],
    async mail(ctx) {
      // What is refused here saves the content; the answers are in the resolver's cache when `data` asks again.
      return verdictOf(await look(ctx, rules), rules);
    },
    async data(ctx) {
      const found = await look(ctx, rules);
      ctx.provide(Dnsbl, found);
      return verdictOf(found, rules);
    },
  });
}

type Found = FactValue<typeof Dnsbl>;
type Rules = z.output<typeof OPTIONS>;
type Context = Pick<
  ContextOf<never, never, never>["mail"],
  "client" | "identity" | "dns" | "clock" | "signal"
>;

const NOTHING: Found = { listed: [], allowed: [], errors: [] };

async function look(ctx: Context, rules: Rules): Promise<Found> {
  const address = askedAbout(ctx.client);
  if (address === undefined || skipReason(ctx, rules.skip) !== undefined) return NOTHING;
  const states = await withBoundedDns(ctx, rules.dnsTime, (dns) =>
    Promise.all(
      rules.lists.map(async ({ zone, answers }) => {
        const answer = await dns.resolve(`${address}.${zone}`, "A");
        return listState(answer, answers);
      }),
    ),
  );
  const listed: Found["listed"] = [];
  const allowed: string[] = [];
  const errors: Found["errors"] = [];
  for (const [n, state] of states.entries()) {
    const { zone, kind } = rules.lists[n]!;
    if (state.state === "error") errors.push({ zone, reason: state.reason });
    else if (state.state === "absent") continue;
    else if (kind === "allow") allowed.push(zone);
    else listed.push({ zone, answers: [...state.answers] });
  }
  return { listed, allowed, errors };
}

/** Not about an upstream, behind which anybody may be, nor about addresses that no list can know. */
function askedAbout({ ip, isUpstream }: Client): string | undefined {
  return isUpstream || isInnerAddress(ip) ? undefined : reversedAddress(ip)?.labels;
}

function verdictOf({ listed, allowed, errors }: Found, rules: Rules): Reject | Tempfail | undefined {
  if (allowed.length > 0) return undefined;
  const waits = errors.some(({ zone }) =>
    rules.lists.some((list) => list.zone === zone && list.onError === "tempfail"),
  );
  // First: the list that is silent may be the one that would let the client pass.
  if (waits) return tempfail("4.7.1", "The client's address can not be looked up now");
  const [first] = listed;
  if (!first || rules.onListed === "record") return undefined;
  const text = `The client's address is listed by ${first.zone}`;
  return rules.onListed === "reject" ? reject("5.7.1", text) : tempfail("4.7.1", text);
}

const ZONE_FORM = "the name of a zone, as 'list.example'";
/** A zone's labels stand before an address reversed: 64 octets of IPv6 (RFC 1035 2.3.4). */
const ZONE_CHARACTERS_MAX = 180;
const RANGE_FORM = "an address of 127.0.0.0/8 such as '127.0.0.2', or a range '127.0.0.2-127.0.0.11'";
const LIST = objectOption({
  zone: z
    .string({ error: ZONE_FORM })
    .refine((zone) => zone.length <= ZONE_CHARACTERS_MAX && isZone(zone), ZONE_FORM)
    .transform((zone) => domainToAscii(zone)!.toLowerCase()),
  kind: z.enum(["block", "allow"], { error: "'block' or 'allow'" }).default("block"),
  answers: z
    .array(
      z
        .string({ error: RANGE_FORM })
        .refine((text) => answerRange(text) !== undefined, RANGE_FORM)
        .transform((text): AnswerRange => answerRange(text)!),
      "a list of answers",
    )
    .min(1, "at least one answer")
    .max(32, "at most 32 answers")
    .optional(),
  onError: z.enum(["pass", "tempfail"], { error: "'pass' or 'tempfail'" }).default("pass"),
});

const OPTIONS = objectOption({
  lists: z.array(LIST, "a list of { zone }").min(1, "at least one list").max(20, "at most 20 lists"),
  skip: skipOption(),
  onListed: z
    .enum(["reject", "tempfail", "record"], { error: "'reject', 'tempfail' or 'record'" })
    .default("reject"),
  dnsTime: dnsTimeOption(),
});

function isZone(zone: string): boolean {
  const ascii = domainToAscii(zone);
  return ascii !== undefined && !ascii.startsWith("[") && ascii.includes(".");
}
