/** Plugins: `definePlugin` and the object it gives, which the runner drives. */
import { definitionFault, nameOf } from "./check-definition.ts";
import type {
  AnyFact,
  ContextOf,
  EditKind,
  EnvelopeRoute,
  EnvelopeRouteContext,
  EventContext,
  EventName,
  MailEvent,
} from "./context.ts";
import type { EngineFactName } from "./engine-facts.ts";
import type { OnError } from "./on-error.ts";
import type { Capability, Crypto, HashName } from "./services.ts";
import type { Stage } from "./stage.ts";
import type { RouteTo, VerdictOf } from "./verdict.ts";
import type { ROUTES_UNDECLARED, VERDICT_WORDS } from "./words.ts";

/** A verdict with words in place of its values: returning that verdict tells them. */
type Refused<V, Words> = {
  readonly [K in keyof V]: K extends "verdict" ? V[K] : Words;
};

/** The verdicts of other stages, each with the words that say what this stage takes. */
type WrongVerdict<S extends Stage, V = VerdictOf[Stage]> = V extends {
  readonly verdict: VerdictOf[S]["verdict"];
}
  ? never
  : Refused<V, (typeof VERDICT_WORDS)[S]>;

/** `routeTo` of a plugin that does not declare `routes: true`. */
type RightVerdict<S extends Stage, Routes> = [S, Routes] extends ["route", false]
  ? Exclude<VerdictOf[S], RouteTo> | Refused<RouteTo, typeof ROUTES_UNDECLARED>
  : VerdictOf[S];

type Given<S extends Stage, Routes> = RightVerdict<S, Routes> | WrongVerdict<S> | undefined;

/** What a hook of a stage gives back: a verdict, or nothing to go on. */
export type HookResult<S extends Stage, Routes = boolean> =
  | Given<S, Routes>
  | void
  // biome-ignore lint/suspicious/noConfusingVoidType: the same for an async hook
  | Promise<Given<S, Routes> | void>;

/** A span of time: milliseconds, or "250ms", "10s", "2m", "4h", "5d". */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

type Hooks<D extends AnyFact, P extends AnyFact, E extends EditKind, Routes> = {
  [S in Stage]?: (ctx: ContextOf<D, P, E>[S]) => HookResult<S, Routes>;
};

/** The definition of a plugin. Each hook is one stage; leave out what the plugin has no say in. */
export interface PluginDefinition<
  R extends readonly AnyFact[],
  M extends readonly AnyFact[],
  P extends readonly AnyFact[],
  E extends readonly EditKind[],
  Routes extends boolean = boolean,
> extends Hooks<R[number] | M[number] | P[number], P[number], E[number], Routes> {
  /** Short and in lower camel case; shown in traces, logs and errors. */
  readonly name: string;
  /** What it needs of the host. */
  readonly needs?: readonly Capability[];
  /** Facts it reads; the pipeline must have a provider earlier in the written order, but for those of the engine. */
  readonly reads?: R;
  /** Facts it reads if somebody provides them. */
  readonly mayRead?: M;
  /** Facts it provides, each in the hook of the fact's stage. */
  readonly provides?: P;
  /** What it may change; without it the methods are not there. */
  readonly edits?: E;
  /** Whether its `route` hook may return `routeTo`. */
  readonly routes?: Routes;
  /**
   * Whether its `rcpt` hook takes ways back: recipients of a domain served here that hold an address of elsewhere, in
   * the form `SRS0=...` or `SRS1=...`, signed by us. The engine lets strangers name them also where their local part
   * would be refused for looking like a route of its own, and refuses those that no such plugin has rewritten.
   */
  readonly waysBack?: boolean;
  /** Body digests to compute while the message is received; of a small one when somebody asks. */
  readonly digests?: readonly { readonly canonical: "simple" | "relaxed"; readonly hash: HashName }[];
  /**
   * Its `auth` hook can answer SCRAM-SHA-256 by `identifyByProof`, and hosts offer it. This is what a user that nobody
   * knows is asked, so that none can tell from it who exists: the cost and the length of the salt of most users' keys.
   */
  readonly scram?: { readonly iterations: number; readonly saltBytes: number };
  /** For each hook run. Default 30 s, 10 s for plugins that need `dns`. */
  readonly timeout?: Duration;
  /** Default `tempfail`. */
  readonly onError?: OnError;
  /** The envelope part of routing: asked after the `rcpt` hooks, for each recipient. */
  readonly envelopeRoute?: (ctx: EnvelopeRouteContext<R[number] | M[number] | P[number]>) => EnvelopeRoute;
  /** Next hops this plugin may route to, where it knows them: `check` names those the config does not have. */
  readonly nextHops?: readonly string[];
  /** Those of them that `envelopeRoute` has asked for recipients; `mx()` is none of them. */
  readonly verifies?: readonly string[];
  /** Keys it signs with: `postern check` and `postern dkim check` hold them against DNS. */
  readonly publishedKeys?: readonly PublishedKey[];
  /**
   * Tries what the plugin needs of its host's cryptography: one line for each thing that does not work, which stops the
   * start. Called once by each host before its first client, and by `check`; 5 s at most.
   */
  readonly selfTest?: (ctx: SelfTestContext) => readonly string[] | Promise<readonly string[]>;
  /** What the plugin finds wrong with its place in a config: one line each. Called at start and by `check`. */
  readonly check?: (config: PluginCheckContext) => readonly string[];
  /** Events of messages, afterwards. */
  readonly on?: { readonly [N in EventName]?: (event: MailEvent, ctx: EventContext) => void | Promise<void> };
}

/** A key for signatures whose public half stands in DNS (RFC 6376 3.6.1), at `selector._domainkey.domain`. */
export interface PublishedKey {
  /** In A-labels and lower case. */
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: "rsa" | "ed25519";
  /** Of the modulus; 256 for Ed25519. */
  readonly bits: number;
  /** What `p=` says, in base64. */
  readonly publicKey: string;
  /** Where it stands in the plugin's options, as "keys[0]". */
  readonly place: string;
  /** What works and should be better, one line each: the start logs them, `check` prints them. */
  readonly warnings: readonly string[];
}

/** What a plugin's `selfTest` is given. */
export interface SelfTestContext {
  readonly crypto: Crypto;
}

/** What a plugin's own `check` sees of the config. */
export interface PluginCheckContext {
  readonly domains: readonly string[];
  readonly nextHops: readonly string[];
  /** Whether accepted mail can be kept: without it nothing may be queued, held or split. */
  readonly durableSpool: boolean;
}

/** The names of facts in a list. */
type NamesOf<L extends readonly AnyFact[]> = L[number]["name"];

/** Of those that are read, the ones that a plugin must provide. */
type NeededOf<L extends readonly AnyFact[]> = Exclude<NamesOf<L>, EngineFactName>;

/** A plugin. The type parameters carry what `pipeline()` checks; they have no value. */
export interface Plugin<
  Provides extends string = string,
  Needs extends string = string,
  Routes extends boolean = boolean,
> {
  readonly kind: "plugin";
  readonly name: string;
  readonly definition: AnyDefinition;
  /** Only a type. */
  readonly "~":
    | {
        readonly provides: Provides;
        readonly gives: Provides;
        readonly needs: Needs;
        readonly reads: Needs;
        readonly routes: Routes;
      }
    | undefined;
}

/** A definition as the runner sees it, with the checks of the types taken off. */
// biome-ignore lint/suspicious/noExplicitAny: hooks are contravariant in their context; the runner builds the right one
export type AnyDefinition = PluginDefinition<any, any, any, any, any>;

/**
 * Makes a plugin. Options belong to the function around it; check them there with zod, so that a wrong one is told
 * before the start.
 *
 * @throws TypeError when the definition itself is wrong, in words that name the plugin
 */
export function definePlugin<
  const R extends readonly AnyFact[] = [],
  const M extends readonly AnyFact[] = [],
  const P extends readonly AnyFact[] = [],
  const E extends readonly EditKind[] = [],
  const Routes extends boolean = false,
>(definition: PluginDefinition<R, M, P, E, Routes>): Plugin<NamesOf<P>, NeededOf<R>, Routes> {
  const fault = definitionFault(definition);
  if (fault !== undefined) throw new TypeError(`${nameOf(definition)}: ${fault}`);
  return { kind: "plugin", name: definition.name, definition, "~": undefined };
}
