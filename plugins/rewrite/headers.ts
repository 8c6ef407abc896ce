/**
 * Removes, replaces and adds header fields (RFC 5322 2.2). Values may come from facts and from the message: the engine
 * escapes and folds them, so no value can end its field. It does not touch bodies.
 */
import { type AnyFact, type ContextOf, definePlugin, type FieldPosition, type Plugin, z } from "postern";
import { countOption, functionOption, objectOption, parseOptions } from "../options.ts";

/** What a computed value is given: the context of the stage `data`, with the message as the earlier changes left it. */
export type HeadersContext<F extends AnyFact> = ContextOf<F, never, "header">["data"];

/**
 * A text, or a function of the message and the facts, as `(ctx) => \`score=${ctx.fact(Score)}\``; undefined leaves the
 * field as it is. What it takes from strangers can not end the field, but in a field with a syntax of its own, such as
 * To, it may say more than was meant.
 */
export type FieldValue<F extends AnyFact> = string | ((ctx: HeadersContext<F>) => string | undefined);

/** One change to a field. */
export interface FieldChange<F extends AnyFact> {
  /** The name; letter case plays no part when fields are looked for. */
  readonly name: string;
  /** The new value, cut at 10,000 characters. What is not ASCII becomes encoded words (RFC 2047). */
  readonly value: FieldValue<F>;
  /** For the trace. Default: "set in the config". */
  readonly reason?: string;
}

/** Options of `headers`. Removals come first, then replacements, then additions, each in the written order. */
export interface HeadersOptions<F extends readonly AnyFact[]> {
  /** Facts that the values read; the pipeline must have their providers earlier. */
  readonly facts?: F;
  /** Names of fields to remove, all of each name. */
  readonly remove?: readonly (string | { readonly name: string; readonly reason?: string })[];
  /**
   * Fields to replace where there is one of the name; others are not added. The first takes the value and further
   * ones of the name go, so that none contradicts it.
   */
  readonly replace?: readonly FieldChange<F[number]>[];
  /**
   * Fields to add. Without a position each goes on top, so the one written last stands first; after a field that is
   * not there, it goes on top too. One that may stand once only (RFC 5322 3.6) is for `replace`, or for a function
   * that gives undefined where it is there.
   */
  readonly add?: readonly (FieldChange<F[number]> & { readonly position?: FieldPosition })[];
  /** Protected fields that may be changed all the same, such as "Received". */
  readonly allowProtected?: readonly string[];
}

/** Characters of a value; more are cut, as some servers take no field of more than 100 KB. */
const VALUE_CHARACTERS_MAX = 10_000;

/**
 * Changes header fields in the stage `data`. A value function that throws, or gives something else than a text, is a
 * fault of the plugin: the message is tempfailed and none of the changes counts.
 *
 * @throws TypeError when an option is wrong, or names a protected field
 */
export function headers<const F extends readonly AnyFact[] = []>(
  options: HeadersOptions<F>,
): Plugin<never, F[number]["name"], false> {
  const { remove, replace, add } = parseOptions("headers", OPTIONS, options);
  return definePlugin<F, [], [], ["header"]>({
    name: "headers",
    ...(options.facts ? { reads: options.facts } : {}),
    edits: ["header"],
    data(ctx) {
      const { message } = ctx;
      for (const { name, reason } of remove) message.removeField(name, reason);
      for (const change of replace) {
        const { name, reason } = change;
        const others = message.header.all(name).length;
        const text = others === 0 ? undefined : textOf(change, ctx);
        if (text === undefined) continue;
        message.replaceField(name, text, reason);
        for (let n = others - 1; n > 0; n--) message.removeField(name, reason, n);
      }
      for (const change of add) {
        const text = textOf(change, ctx);
        if (text !== undefined) message.addField(change.name, text, change.reason, change.position);
      }
    },
  });
}

/** Fields that record a message's way, that a signature speaks with, or that say how the body is read. */
const PROTECTED = new Set(
  [
    "received return-path delivered-to received-spf dkim-signature authentication-results",
    "arc-seal arc-message-signature arc-authentication-results",
    "mime-version content-type content-transfer-encoding",
  ].flatMap((names) => names.split(" ")),
);

const NAME = z
  .string({ error: "a field name" })
  .regex(/^[\x21-\x39\x3b-\x7e]{1,76}$/, "a field name of up to 76 visible ASCII characters without ':'");
const VALUE = z
  .string({ error: "a text of one line" })
  .regex(/^[^\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]*$/, "a text of one line");
const CHANGE = {
  name: NAME,
  // A computed value is cleaned of what is no text of one line; one that stands in the config is a mistake there.
  value: z.union(
    [VALUE, functionOption<(ctx: never) => unknown>("a function")],
    "a text of one line, or a function",
  ),
  reason: z.string({ error: "a text" }).min(1, "a text").default("set in the config"),
};
const POSITION = z
  .union(
    [z.literal("top"), z.strictObject({ after: NAME, n: countOption(0, 10_000).optional() })],
    "'top' or { after: name, n: 0 for the first }",
  )
  .transform((position): FieldPosition => {
    if (position === "top" || position.n === undefined) return position as FieldPosition;
    return { after: position.after, n: position.n };
  });
const OPTIONS = objectOption({
  facts: z.array(z.unknown(), "a list of facts").optional(),
  remove: z
    .array(
      z.preprocess(
        (item) => (typeof item === "string" ? { name: item } : item),
        objectOption({ name: NAME, reason: CHANGE.reason }),
      ),
      "a list of field names",
    )
    .default([]),
  replace: z.array(objectOption(CHANGE), "a list of { name, value }").default([]),
  add: z
    .array(objectOption({ ...CHANGE, position: POSITION.optional() }), "a list of { name, value }")
    .default([]),
  allowProtected: z.array(NAME, "a list of field names").default([]),
}).superRefine((options, ctx) => {
  const allowed = new Set(options.allowProtected.map((name) => name.toLowerCase()));
  for (const list of ["remove", "replace", "add"] as const) {
    options[list].forEach(({ name }, index) => {
      const lower = name.toLowerCase();
      if (!PROTECTED.has(lower) || allowed.has(lower)) return;
      const message = `a field that is not protected, or '${name}' in allowProtected`;
      ctx.addIssue({ code: "custom", path: [list, index, "name"], message });
    });
  }
});

type Change = z.output<typeof OPTIONS>["replace"][number];

function textOf({ name, value }: Change, ctx: object): string | undefined {
  const text = typeof value === "string" ? value : value(ctx as never);
  if (text === undefined) return undefined;
  // From JavaScript a number or a promise may come: written as they are, they would only puzzle the reader.
  if (typeof text !== "string") {
    throw new TypeError(`the value of '${name}' gave no text: return a string, or undefined to leave it`);
  }
  if (text.length <= VALUE_CHARACTERS_MAX) return text;
  // Without the half of a character that the cut may leave.
  return text.slice(0, VALUE_CHARACTERS_MAX).replace(/[\ud800-\udbff]$/, "");
}
