/**
 * The words in which mistakes are told, each as a type for the compiler's last line and as a function for the start and
 * the runner. The compiler holds every function to its type, so that both say the same.
 */
import type { Scope, Stage } from "./stage.ts";

export type NeedsEarlier<N extends string> = `needs the fact '${N}': put the plugin that provides it earlier`;
export const needsEarlier = <const N extends string>(name: N): NeedsEarlier<N> =>
  `needs the fact '${name}': put the plugin that provides it earlier`;

export type ProvidedTwice<N extends string> =
  `the fact '${N}' is provided by an earlier plugin already: a fact has one provider`;
export const providedTwice = <const N extends string>(name: N): ProvidedTwice<N> =>
  `the fact '${name}' is provided by an earlier plugin already: a fact has one provider`;

export type SiblingRead<N extends string> =
  `reads the fact '${N}' of a sibling: plugins in parallel(...) do not see each other's facts`;
export const siblingRead = <const N extends string>(name: N): SiblingRead<N> =>
  `reads the fact '${name}' of a sibling: plugins in parallel(...) do not see each other's facts`;

export type ReadTooEarly<
  N extends string,
  Of extends Stage,
  S extends Stage,
> = `the fact '${N}' is known from the stage '${Of}' on: it can not be read in '${S}'`;
export const readTooEarly = <const N extends string, const Of extends Stage, const S extends Stage>(
  name: N,
  of: Of,
  stage: S,
): ReadTooEarly<N, Of, S> =>
  `the fact '${name}' is known from the stage '${of}' on: it can not be read in '${stage}'`;

export type ReadUndeclared<N extends string> =
  `to read the fact '${N}', put it into the plugin's 'reads' or 'mayRead'`;
export const readUndeclared = <const N extends string>(name: N): ReadUndeclared<N> =>
  `to read the fact '${name}', put it into the plugin's 'reads' or 'mayRead'`;

export type ReadByCondition<N extends string> =
  `to read the fact '${N}', put it into the condition's 'reads'`;
export const readByCondition = <const N extends string>(name: N): ReadByCondition<N> =>
  `to read the fact '${name}', put it into the condition's 'reads'`;

export type TooNarrow<
  N extends string,
  Sc extends Scope,
  Per extends string,
> = `the fact '${N}' has the scope '${Sc}': a condition per ${Per} can not read it`;
export const tooNarrow = <const N extends string, const Sc extends Scope, const Per extends string>(
  name: N,
  scope: Sc,
  per: Per,
): TooNarrow<N, Sc, Per> =>
  `the fact '${name}' has the scope '${scope}': a condition per ${per} can not read it`;

export type PerTooEarly<
  Per extends string,
  S extends Stage,
> = `a condition per ${Per} can not be known from the stage '${S}' on`;
export const perTooEarly = <const Per extends string, const S extends Stage>(
  per: Per,
  stage: S,
): PerTooEarly<Per, S> => `a condition per ${per} can not be known from the stage '${stage}' on`;

export type PerHasNone<Per extends string, What extends string> = `a condition per ${Per} has no ${What}`;
export const perHasNone = <const Per extends string, const What extends string>(
  per: Per,
  what: What,
): PerHasNone<Per, What> => `a condition per ${per} has no ${what}`;

export type ProvidedElsewhere<
  N extends string,
  Of extends Stage,
  S extends Stage,
> = `the fact '${N}' belongs to the stage '${Of}': it can not be provided in '${S}'`;
export const providedElsewhere = <const N extends string, const Of extends Stage, const S extends Stage>(
  name: N,
  of: Of,
  stage: S,
): ProvidedElsewhere<N, Of, S> =>
  `the fact '${name}' belongs to the stage '${of}': it can not be provided in '${stage}'`;

export type ProvideUndeclared<N extends string> =
  `to provide the fact '${N}', put it into the plugin's 'provides'`;
export const provideUndeclared = <const N extends string>(name: N): ProvideUndeclared<N> =>
  `to provide the fact '${name}', put it into the plugin's 'provides'`;

export type NameRecipient<
  N extends string,
  S extends Stage,
> = `the fact '${N}' is about a recipient: name the recipient in '${S}'`;
export const nameRecipient = <const N extends string, const S extends Stage>(
  name: N,
  stage: S,
): NameRecipient<N, S> => `the fact '${name}' is about a recipient: name the recipient in '${stage}'`;

export type WrongScope<
  S extends Stage,
  Sc extends string,
> = `a fact of the stage '${S}' has the scope '${Sc}'`;
export const wrongScope = <const S extends Stage, const Sc extends string>(
  stage: S,
  scope: Sc,
): WrongScope<S, Sc> => `a fact of the stage '${stage}' has the scope '${scope}'`;

export type EditUndeclared<K extends string> = `to change this, put '${K}' into the plugin's 'edits'`;
export const editUndeclared = <const K extends string>(kind: K): EditUndeclared<K> =>
  `to change this, put '${kind}' into the plugin's 'edits'`;

export const NOT_A_FACT = "this is not a fact: make one with fact()";
export const SPREAD_LIST = "a spread list hides which plugins there are: use when(...) or choose(...)";
export const LIST_ELEMENT =
  "a list is no element: write its plugins one by one, and use when(...) for what is only sometimes there";
export const NOT_AN_ELEMENT =
  "this is no plugin: call the plugin's function, and use when(...) for what is only sometimes there";
export const HIDDEN_FACTS = "its type hides which facts it needs: let definePlugin() infer it";
export const NO_ROUTES = "the pipeline has no plugin that routes: add routes(...)";
export const DELIVERY_EDITS = "a 'delivery' hook edits header fields only: edit bodies in 'data' or 'route'";
export const ROUTES_UNDECLARED = "to return routeTo, put 'routes: true' into the plugin";
export const PROOF_NEEDED =
  "returned identify for SCRAM, where nobody has proved anything yet: return identifyByProof(keys, identity)";
export const PROOF_ABSENT =
  "returned identifyByProof for a mechanism that sends the password: check it, by matchesScram(password, keys), and return identify";
export const KEYS_NEEDED =
  "returned identifyByProof without keys: make them of their text by parseScramKeys(), or of a password by scramKeysOf()";
export const PERMANENT_CODE = "reject() takes an enhanced status code of class 5, as '5.7.1'";
export const TRANSIENT_CODE = {
  tempfail: "tempfail() takes an enhanced status code of class 4, as '4.7.1'",
  disconnect: "disconnect() takes an enhanced status code of class 4, as '4.7.1'",
} as const;

/** What the hooks of each stage may return. */
export const VERDICT_WORDS = {
  connect: "'connect' takes reject, tempfail, disconnect or nothing",
  ehlo: "'ehlo' takes reject, tempfail, disconnect or nothing",
  auth: "'auth' takes identify, identifyByProof, reject, tempfail, disconnect or nothing",
  mail: "'mail' takes reject, tempfail, discard, quarantine or nothing",
  rcpt: "'rcpt' takes reject, tempfail, discard, quarantine or nothing",
  data: "'data' takes reject, tempfail, discard, quarantine, forRecipients or nothing",
  route: "'route' takes routeTo, reject, tempfail or nothing",
  delivery: "'delivery' takes tempfail or nothing",
} as const;
