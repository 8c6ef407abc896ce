/**
 * Routing by a list: the first entry that holds names the next hop. Entries that need no content are decided at RCPT.
 * It rewrites no addresses. Put it after plugins that do.
 */
import {
  type AnyFact,
  type ContextOf,
  definePlugin,
  type Envelope,
  type Identity,
  isNetwork,
  networkMatcher,
  type PermanentCode,
  type Plugin,
  type Recipient,
  reject,
  routeTo,
  z,
} from "postern";
import { functionOption, parseOptions } from "../options.ts";
import { type AddressPattern, compileAddressPattern } from "./address-pattern.ts";

/** What conditions and functions of routes are given. */
export type RouteContext<F extends AnyFact> = ContextOf<F, never, never>["route"];

/** One entry. Absent conditions hold always; of a list, one must hold. Either `nextHop` or `reject`. */
export interface RouteEntry<F extends AnyFact = never> {
  /** `local@domain` with `*`, or `*` alone; letter case plays no part. */
  readonly recipient?: string | readonly string[];
  /** The same for the reverse-path; `<>` is the null one. */
  readonly sender?: string | readonly string[];
  /** Authenticated users, with `*`. */
  readonly user?: string | readonly string[];
  /** Networks of the client in CIDR form. */
  readonly network?: string | readonly string[];
  /** Asked in the stage `route`, with the content and the facts at hand. */
  readonly when?: (ctx: RouteContext<F>) => boolean;
  readonly nextHop?: string;
  /** Default: the next hop's own. */
  readonly mode?: "inline" | "queue";
  readonly reject?: { readonly enhanced: PermanentCode; readonly text: string };
}

/** A route in code: a next hop's name, or undefined to ask the following entries. Asked in the stage `route`. */
export type RouteFunction<F extends AnyFact = never> = (
  ctx: RouteContext<F>,
) => string | undefined | Promise<string | undefined>;

/** What an entry's envelope conditions look at. */
interface EnvelopeView {
  readonly envelope: Envelope;
  readonly recipient: Recipient;
  readonly identity: Identity | undefined;
  readonly client: { readonly ip: string };
}

const PATTERN = z.string().regex(/^(\*|[^@\s]+@[^@\s]+)$/, "an address pattern as '*@example.com', or '*'");
const oneOrMore = (item: z.ZodType<string>, what: string) =>
  z.union([item, z.array(item).min(1)], what).transform((value): string[] => [value].flat());
const ENTRY = z
  .strictObject({
    recipient: oneOrMore(PATTERN, "an address pattern as '*@example.com', '*', or a list of them").optional(),
    sender: oneOrMore(
      z.union([z.literal("<>"), PATTERN]),
      "an address pattern, '<>', or a list of them",
    ).optional(),
    user: oneOrMore(z.string().min(1), "a user's name, or a list of them").optional(),
    network: oneOrMore(
      z.string().refine(isNetwork),
      "a network as '192.0.2.0/24', or a list of them",
    ).optional(),
    when: functionOption<(ctx: never) => boolean>("a function (ctx) => true or false").optional(),
    nextHop: z.string().min(1).optional(),
    mode: z.enum(["inline", "queue"]).optional(),
    reject: z
      .strictObject({
        enhanced: z.string().regex(/^5\.\d{1,3}\.\d{1,3}$/, "an enhanced status code of class 5, as '5.1.1'"),
        text: z.string().min(1),
      })
      .optional(),
  })
  .refine(
    (entry) => (entry.nextHop === undefined) !== (entry.reject === undefined),
    "either 'nextHop' or 'reject'",
  )
  .refine((entry) => entry.mode === undefined || entry.nextHop !== undefined, "'mode' only beside 'nextHop'");
const LIST = z
  .array(z.union([functionOption<RouteFunction>("a function"), ENTRY]))
  .min(1, "at least one route");

type Entry = z.output<typeof ENTRY>;
type AnyRouteContext = RouteContext<never>;

interface CompiledRoute {
  readonly recipients: readonly AddressPattern[];
  /** Whether only `recipient` restricts it. */
  readonly byRecipientOnly: boolean;
  readonly needsContent: boolean;
  readonly entry: Entry | undefined;
  readonly code: RouteFunction | undefined;
  holdsFor(view: EnvelopeView): boolean;
}

function compileRoute(route: Entry | RouteFunction): CompiledRoute {
  const every = [compileAddressPattern("*")];
  if (typeof route === "function") {
    const code = route;
    return {
      recipients: every,
      byRecipientOnly: false,
      needsContent: true,
      entry: undefined,
      code,
      holdsFor: () => true,
    };
  }
  const recipients = route.recipient?.map(compileAddressPattern) ?? every;
  const senders = route.sender?.filter((text) => text !== "<>").map(compileAddressPattern);
  const nullSender = route.sender?.includes("<>") ?? false;
  // A user's name is matched like a local part: with stars, letter case aside.
  const users = route.user?.map((user) => compileAddressPattern(`${user}@*`));
  const inNetworks = route.network && networkMatcher(route.network);
  return {
    recipients,
    byRecipientOnly: !senders && !users && !inNetworks && !route.when,
    needsContent: route.when !== undefined,
    entry: route,
    code: undefined,
    holdsFor({ envelope, recipient, identity, client }) {
      const { localPart, domainAscii } = recipient.forwardPath;
      if (!recipients.some((pattern) => pattern.matches(localPart, domainAscii))) return false;
      const sender = envelope.reversePath;
      if (senders) {
        if (!sender && !nullSender) return false;
        if (sender && !senders.some((pattern) => pattern.matches(sender.localPart, sender.domainAscii)))
          return false;
      }
      if (users && !(identity && users.some((pattern) => pattern.matches(identity.user, "")))) return false;
      return !inNetworks || inNetworks(client.ip);
    },
  };
}

/** Routes that a former one leaves nothing for. */
function unreachable(compiled: readonly CompiledRoute[]): string[] {
  const lines: string[] = [];
  compiled.forEach((route, index) => {
    const covering = compiled.findIndex(
      (former, at) =>
        at < index &&
        former.byRecipientOnly &&
        route.recipients.every((pattern) => former.recipients.some((wider) => wider.covers(pattern))),
    );
    if (covering >= 0) {
      lines.push(
        `routes[${index}] is never reached: routes[${covering}] takes all its recipients; put it before`,
      );
    }
  });
  return lines;
}

/** Domains that no route can match. */
function unrouted(compiled: readonly CompiledRoute[], domains: readonly string[]): string[] {
  return domains
    .filter((domain) => {
      const wanted = compileAddressPattern(`*@${domain}`);
      return !compiled.some((route) =>
        route.recipients.some((pattern) => compileAddressPattern(`*@${pattern.domainGlob}`).covers(wanted)),
      );
    })
    .map(
      (domain) => `no route matches the domain '${domain}': add { recipient: "*@${domain}", nextHop: ... }`,
    );
}

/**
 * Routes recipients by a list, first match first.
 *
 * @param list entries and functions
 * @param options `facts`: those that conditions and functions read
 * @throws TypeError when an option is wrong
 */
export function routes<const F extends readonly AnyFact[] = []>(
  list: readonly (RouteEntry<F[number]> | RouteFunction<F[number]>)[],
  options: { readonly facts?: F } = {},
): Plugin<never, F[number]["name"], true> {
  const compiled = parseOptions("routes", LIST, list).map(compileRoute);
  const atEnvelope = (view: EnvelopeView): Entry | "none" | undefined => {
    for (const route of compiled) {
      if (!route.holdsFor(view)) continue;
      return route.needsContent ? undefined : route.entry;
    }
    return "none";
  };
  const plugin = definePlugin({
    name: "routes",
    reads: options.facts ?? [],
    routes: true,
    nextHops: [...new Set(compiled.flatMap((route) => route.entry?.nextHop ?? []))],
    check: ({ domains }) => [...unreachable(compiled), ...unrouted(compiled, domains)],
    rcpt(ctx) {
      const found = atEnvelope(ctx);
      if (found === undefined || found === "none" || !found.reject) return undefined;
      return reject(found.reject.enhanced as PermanentCode, found.reject.text);
    },
    envelopeRoute(ctx) {
      const found = atEnvelope(ctx);
      if (found === undefined || found === "none") return found;
      if (found.nextHop === undefined) return "none";
      return found.mode ? { nextHop: found.nextHop, mode: found.mode } : { nextHop: found.nextHop };
    },
    async route(ctx) {
      for (const { entry, code, holdsFor } of compiled) {
        if (!holdsFor(ctx)) continue;
        if (code) {
          const nextHop = await code(ctx as AnyRouteContext);
          if (nextHop !== undefined) return routeTo(nextHop);
          continue;
        }
        if (!entry || (entry.when && !entry.when(ctx as never))) continue;
        if (entry.reject) return reject(entry.reject.enhanced as PermanentCode, entry.reject.text);
        if (entry.nextHop) return routeTo(entry.nextHop, entry.mode ? { mode: entry.mode } : {});
      }
      return undefined;
    },
  });
  return plugin as unknown as Plugin<never, F[number]["name"], true>;
}
