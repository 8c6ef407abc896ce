/** Checks a plugin's definition by itself, for JavaScript and for what types can not see. Its place is checked later. */
import { isScramIterations, isScramSaltLength, scramIterationsMax, scramIterationsMin } from "../mail/mod.ts";
import { EDIT_KINDS, EVENT_NAMES } from "./context.ts";
import { durationMs } from "./duration.ts";
import { type Fact, isFact } from "./fact.ts";
import { ON_ERROR } from "./on-error.ts";
import { CAPABILITIES, HASH_NAMES } from "./services.ts";
import { isKnownIn, STAGES, type Stage } from "./stage.ts";
import { NOT_A_FACT, providedElsewhere, readTooEarly } from "./words.ts";

const NAME = /^[a-z][A-Za-z0-9]{0,63}$/;
const LISTS = ["reads", "mayRead", "provides"] as const;
const KEYS: ReadonlySet<string> = new Set([
  ...["name", "needs", "edits", "routes", "digests", "timeout", "onError", "envelopeRoute", "nextHops"],
  ...["verifies", "scram", "waysBack", "publishedKeys", "selfTest", "check", "on", ...LISTS, ...STAGES],
]);

type Definition = { readonly [key: string]: unknown };

/** "plugin 'NAME'", or what can be said of one without a name. */
export function nameOf(definition: unknown): string {
  const name = (definition as { readonly name?: unknown } | null | undefined)?.name;
  return typeof name === "string" && name !== ""
    ? `plugin '${name.slice(0, 64)}'`
    : "a plugin without a name";
}

/** The first thing that is wrong, in words that do not name the plugin; undefined when all is right. */
export function definitionFault(definition: unknown): string | undefined {
  if (typeof definition !== "object" || definition === null) return "definePlugin() takes an object";
  const given = definition as Definition;
  if (typeof given.name !== "string" || !NAME.test(given.name)) {
    return "its 'name' is letters and digits in lower camel case, 64 at most";
  }
  const unknown = Object.keys(given).find((key) => !KEYS.has(key));
  if (unknown !== undefined) return `there is no '${unknown}' in a plugin`;
  return valuesFault(given) ?? hooksFault(given) ?? factsFault(given);
}

function valuesFault(given: Definition): string | undefined {
  const { timeout, onError, routes, digests, scram, waysBack, publishedKeys } = given;
  if (timeout !== undefined) {
    try {
      if (durationMs(timeout as number) <= 0) return "its 'timeout' must be longer than nothing";
    } catch (error) {
      return `its 'timeout': ${(error as Error).message}`;
    }
  }
  if (onError !== undefined && !(ON_ERROR as readonly unknown[]).includes(onError)) {
    return `its 'onError' is one of ${ON_ERROR.join(", ")}`;
  }
  if (routes !== undefined && typeof routes !== "boolean") return "its 'routes' is true or false";
  if (waysBack !== undefined && typeof waysBack !== "boolean") return "its 'waysBack' is true or false";
  if (scram !== undefined && !isScramCost(scram)) {
    return `its 'scram' is { iterations: ${scramIterationsMin} to ${scramIterationsMax}, saltBytes: 8 to 64 }`;
  }
  if (digests !== undefined && !(Array.isArray(digests) && digests.every(isDigest))) {
    return "its 'digests' is a list of { canonical: simple or relaxed, hash: sha1, sha256 or sha512 }";
  }
  if (publishedKeys !== undefined && !(Array.isArray(publishedKeys) && publishedKeys.every(isPublishedKey))) {
    return "its 'publishedKeys' is a list of { domain, selector, algorithm, bits, publicKey, place, warnings }";
  }
  return (
    wordsFault(given, "needs", CAPABILITIES) ??
    wordsFault(given, "edits", EDIT_KINDS) ??
    wordsFault(given, "nextHops", undefined) ??
    wordsFault(given, "verifies", undefined)
  );
}

function isScramCost(value: unknown): boolean {
  const { iterations, saltBytes } = (value ?? {}) as Definition;
  return isScramIterations(iterations) && isScramSaltLength(saltBytes);
}

function isPublishedKey(value: unknown): boolean {
  const { domain, selector, algorithm, bits, publicKey, place, warnings } = (value ?? {}) as Definition;
  const texts = [domain, selector, publicKey, place];
  return (
    texts.every((text) => typeof text === "string") &&
    (algorithm === "rsa" || algorithm === "ed25519") &&
    typeof bits === "number" &&
    Array.isArray(warnings)
  );
}

function isDigest(value: unknown): boolean {
  const { canonical, hash } = (value ?? {}) as Definition;
  return (
    (canonical === "simple" || canonical === "relaxed") && (HASH_NAMES as readonly unknown[]).includes(hash)
  );
}

function wordsFault(
  given: Definition,
  key: string,
  known: readonly string[] | undefined,
): string | undefined {
  const list = given[key];
  if (list === undefined) return undefined;
  const right = (one: unknown) => typeof one === "string" && (!known || known.includes(one));
  if (Array.isArray(list) && list.every(right)) return undefined;
  return `its '${key}' is a list of ${known ? known.join(", ") : "names"}`;
}

function hooksFault(given: Definition): string | undefined {
  for (const key of [...STAGES, "envelopeRoute", "selfTest", "check"]) {
    if (given[key] !== undefined && typeof given[key] !== "function") return `its '${key}' is no function`;
  }
  if (given.routes === true && given.route === undefined) return "it has 'routes: true' and no 'route' hook";
  if (given.scram !== undefined && given.auth === undefined) return "it has 'scram' and no 'auth' hook";
  if (given.waysBack === true && given.rcpt === undefined)
    return "it has 'waysBack: true' and no 'rcpt' hook";
  const on = given.on;
  if (on === undefined) return undefined;
  if (typeof on !== "object" || on === null) return "its 'on' is an object of functions";
  for (const [name, hook] of Object.entries(on)) {
    if (!(EVENT_NAMES as readonly string[]).includes(name)) {
      return `there is no event '${name}': there are ${EVENT_NAMES.join(", ")}`;
    }
    if (hook !== undefined && typeof hook !== "function") return `its 'on.${name}' is no function`;
  }
  return undefined;
}

function factsFault(given: Definition): string | undefined {
  const lists: { [name: string]: readonly Fact[] } = {};
  for (const key of LISTS) {
    const list = given[key] ?? [];
    if (!Array.isArray(list)) return `its '${key}' is a list of facts`;
    if (!list.every(isFact)) return `in its '${key}': ${NOT_A_FACT}`;
    if (new Set(list).size < list.length) return `its '${key}' names a fact twice`;
    lists[key] = list;
  }
  const stages = STAGES.filter((stage) => given[stage] !== undefined);
  const last = lastReader(given, stages);
  for (const fact of [...lists.reads!, ...lists.mayRead!]) {
    if (last && !isKnownIn(fact.stage, last)) return readTooEarly(fact.name, fact.stage, last);
  }
  for (const fact of lists.provides!) {
    if (given[fact.stage] !== undefined) continue;
    const [first] = stages;
    if (first) return providedElsewhere(fact.name, fact.stage, first);
    return `it provides the fact '${fact.name}' of the stage '${fact.stage}' and has no hook for it`;
  }
  return undefined;
}

/** The last stage in which it can read; `envelopeRoute` is asked in `rcpt`. */
function lastReader(given: Definition, stages: readonly Stage[]): Stage | undefined {
  const last = stages.at(-1);
  if (given.envelopeRoute === undefined || (last && isKnownIn("rcpt", last))) return last;
  return "rcpt";
}
