/**
 * Routing by a list: the first entry that holds names the next hop. Entries that need no content are decided at RCPT.
 * It rewrites no addresses. Put it after plugins that do.
 */
import {
  type AnyFact,
  type ContextOf,
  definePlugin,
  type EnvelopeRoute,
  type PermanentCode,
  type Plugin,
  type RouteVerdict,
  reject,
  routeTo,
  type VerifyRecipients,
  z,
} from "postern";
import { objectOption, parseOptions } from "../options.ts";
import { type CompiledRoute, compileRoute, type EnvelopeView } from "./compile-route.ts";
import { unqueueable, unreachable, unrouted } from "./route-checks.ts";
import { type EntryOptions, ROUTE_LIST } from "./route-options.ts";

/** What conditions and functions of routes are given. */
export type RouteContext<F extends AnyFact> = ContextOf<F, never, never>["route"];

/** One entry. Absent conditions hold always; of a list, one must hold. Either `nextHop` or `reject`. */
export interface RouteEntry<F extends AnyFact = never> {
  /** `local@domain` with `*`, or `*` alone; letter case plays no part. */
  readonly recipient?: string | readonly string[];
  /** The same for the reverse-path; `<>` is the null one, which no other pattern matches, `*` neither. */
  readonly sender?: string | readonly string[];
  /** Authenticated users, with `*`; nobody matches who did not log in. */
  readonly user?: string | readonly string[];
  /** Networks of the client in CIDR form. */
  readonly network?: string | readonly string[];
  /** Asked in the stage `route`, with the content and the facts at hand. */
  readonly when?: (ctx: RouteContext<F>) => boolean | Promise<boolean>;
  /** The next hop's name in the config; absent: the entry refuses. */
  readonly nextHop?: string;
  /** Default: the next hop's own. */
  readonly mode?: "inline" | "queue";
  /**
   * Asks the next hop at RCPT whether it knows the recipient, so that unknown ones are refused there. Not with `when`,
   * nor for a next hop of `mx()`. Default: it is not asked.
   */
  readonly verifyRecipients?: VerifyRecipients;
  /** A refusal, at RCPT where the envelope alone tells; absent: the entry names a next hop. */
  readonly reject?: { readonly enhanced: PermanentCode; readonly text: string };
}

/** A route in code: a next hop's name, or undefined to ask the following entries. Asked in the stage `route`. */
export type RouteFunction<F extends AnyFact = never> = (
  ctx: RouteContext<F>,
) => string | undefined | Promise<string | undefined>;

/** Options of `routes`. */
export interface RoutesOptions<F extends readonly AnyFact[]> {
  /** Facts that conditions and functions read; the pipeline must have their providers earlier. */
  readonly facts?: F;
  /**
   * What becomes of recipients that no entry holds for: `refuse` with 550, at RCPT where the envelope alone tells, or
   * `pass` to the routing plugin that follows. Default `refuse`.
   */
  readonly otherwise?: "refuse" | "pass";
}

/**
 * Routes recipients by a list, first match first.
 *
 * @throws TypeError when an option is wrong
 */
export function routes<const F extends readonly AnyFact[] = []>(
  list: readonly (RouteEntry<F[number]> | RouteFunction<F[number]>)[],
  options: RoutesOptions<F> = {},
): Plugin<never, F[number]["name"], true> {
  const compiled = parseOptions("routes", ROUTE_LIST, list).map(compileRoute);
  const { otherwise } = parseOptions("routes", OPTIONS, options);
  const atEnvelope = (view: EnvelopeView): EntryOptions | "none" | undefined => {
    for (const route of compiled) {
      if (!route.holdsFor(view)) continue;
      return route.needsContent ? undefined : route.entry;
    }
    return otherwise === "refuse" ? "none" : undefined;
  };
  const atRcpt = new Map(compiled.flatMap(({ entry }) => (entry ? [[entry, envelopeRouteOf(entry)]] : [])));
  const plugin = definePlugin({
    name: "routes",
    needs: [
      ...(compiled.some(({ entry }) => entry?.network) ? (["clientIp"] as const) : []),
      ...(compiled.some(({ entry }) => entry?.user) ? (["auth"] as const) : []),
    ],
    reads: options.facts ?? [],
    routes: true,
    nextHops: [...new Set(compiled.flatMap((route) => route.entry?.nextHop ?? []))],
    verifies: compiled.flatMap(({ entry }) => (entry?.verifyRecipients && entry.nextHop) || []),
    check: ({ domains, durableSpool }) => [
      ...unreachable(compiled),
      ...(durableSpool ? [] : unqueueable(compiled)),
      ...(otherwise === "refuse" ? unrouted(compiled, domains) : []),
    ],
    rcpt(ctx) {
      const found = atEnvelope(ctx);
      if (found === undefined || found === "none" || !found.reject) return undefined;
      return reject(found.reject.enhanced as PermanentCode, found.reject.text);
    },
    envelopeRoute(ctx) {
      const found = atEnvelope(ctx);
      if (found === undefined || found === "none") return found;
      return atRcpt.get(found);
    },
    route(ctx): RouteVerdict | undefined | Promise<RouteVerdict | undefined> {
      return firstVerdict(compiled, 0, ctx as RouteContext<never>);
    },
  });
  return plugin as unknown as Plugin<never, F[number]["name"], true>;
}

/** What is known of an entry's route without the content. */
function envelopeRouteOf({ nextHop, mode, verifyRecipients }: EntryOptions): EnvelopeRoute {
  if (nextHop === undefined) return "none";
  return {
    nextHop,
    ...(mode ? { mode } : {}),
    ...(verifyRecipients ? { verifyRecipients: verifyRecipients as VerifyRecipients } : {}),
  };
}

/** The first verdict of the routes from a place on; a promise only where code of the config is asked, as most need none. */
function firstVerdict(
  routes: readonly CompiledRoute[],
  from: number,
  ctx: RouteContext<never>,
): RouteVerdict | undefined | Promise<RouteVerdict | undefined> {
  for (let i = from; i < routes.length; i++) {
    const route = routes[i]!;
    if (!route.holdsFor(ctx)) continue;
    if (route.code || route.entry?.when) {
      return askCode(route, ctx).then((verdict) => verdict ?? firstVerdict(routes, i + 1, ctx));
    }
    const verdict = verdictOf(route.entry);
    if (verdict) return verdict;
  }
  return undefined;
}

/** What a route with code says; undefined where the following ones are to be asked. */
async function askCode(
  { entry, code }: CompiledRoute,
  ctx: RouteContext<never>,
): Promise<RouteVerdict | undefined> {
  if (code) {
    const nextHop: unknown = await code(ctx);
    if (nextHop === undefined) return undefined;
    // From JavaScript anything may come. A guess would send mail to where it does not belong.
    if (typeof nextHop !== "string") throw new TypeError("a route function gave no next hop's name");
    return routeTo(nextHop);
  }
  if (entry?.when) {
    const holds: unknown = await entry.when(ctx as never);
    if (typeof holds !== "boolean") throw new TypeError("'when' of a route gave neither true nor false");
    if (!holds) return undefined;
  }
  return verdictOf(entry);
}

function verdictOf(entry: CompiledRoute["entry"]): RouteVerdict | undefined {
  if (entry?.reject) return reject(entry.reject.enhanced as PermanentCode, entry.reject.text);
  if (entry?.nextHop) return routeTo(entry.nextHop, entry.mode ? { mode: entry.mode } : {});
  return undefined;
}

const OPTIONS = objectOption({
  facts: z.array(z.unknown(), "a list of facts").optional(),
  otherwise: z.enum(["refuse", "pass"], { error: "'refuse' or 'pass'" }).default("refuse"),
});
