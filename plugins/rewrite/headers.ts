/**
 * Adds, replaces and removes header fields. Values may come from facts and from the message: the engine escapes and
 * folds them, so no value can end its field. It does not touch bodies.
 */
import { type AnyFact, type ContextOf, definePlugin, type FieldPosition, type Plugin, z } from "postern";
import { functionOption, parseOptions } from "../options.ts";

/** What a computed value is given. */
export type HeadersContext<F extends AnyFact> = ContextOf<F, never, "header">["data"];

/** A text, or a function of the message and the facts; undefined leaves the field as it is. */
export type FieldValue<F extends AnyFact> = string | ((ctx: HeadersContext<F>) => string | undefined);

/** One change to a field. */
export interface FieldChange<F extends AnyFact> {
  readonly name: string;
  readonly value: FieldValue<F>;
  /** For the trace. Default: "set in the config". */
  readonly reason?: string;
}

/** Options of `headers`. Removals come first, then replacements, then additions, each in the written order. */
export interface HeadersOptions<F extends readonly AnyFact[]> {
  /** Facts that the values read. */
  readonly facts?: F;
  /** Names of fields to remove, all of each name. */
  readonly remove?: readonly (string | { readonly name: string; readonly reason?: string })[];
  /** Fields to replace where there is one of the name; others are not added. */
  readonly replace?: readonly FieldChange<F[number]>[];
  readonly add?: readonly (FieldChange<F[number]> & { readonly position?: FieldPosition })[];
  /** Protected fields that may be changed all the same, such as "Received". */
  readonly allowProtected?: readonly string[];
}

/** Fields that record a message's way or that a signature speaks with: changing them misleads others. */
const PROTECTED = new Set([
  "received",
  "return-path",
  "delivered-to",
  "dkim-signature",
  "authentication-results",
  "arc-seal",
  "arc-message-signature",
  "arc-authentication-results",
  "received-spf",
]);

const NAME = z.string().regex(/^[\x21-\x39\x3b-\x7e]{1,76}$/, "a field name of visible ASCII without ':'");
const CHANGE = {
  name: NAME,
  value: z.union(
    [z.string(), functionOption<(ctx: never) => string | undefined>("a function")],
    "a text or a function",
  ),
  reason: z.string().min(1).default("set in the config"),
};
const POSITION = z.union(
  [z.literal("top"), z.strictObject({ after: NAME, n: z.int().min(0).optional() })],
  "'top' or { after: name, n? }",
);
const OPTIONS = z
  .strictObject({
    facts: z.array(z.unknown()).optional(),
    remove: z
      .array(
        z.preprocess(
          (item) => (typeof item === "string" ? { name: item } : item),
          z.strictObject({ name: NAME, reason: CHANGE.reason }),
        ),
      )
      .default([]),
    replace: z.array(z.strictObject(CHANGE)).default([]),
    add: z.array(z.strictObject({ ...CHANGE, position: POSITION.optional() })).default([]),
    allowProtected: z.array(NAME).default([]),
  })
  .superRefine((options, ctx) => {
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

/**
 * Changes header fields in the stage `data`.
 *
 * @throws TypeError when an option is wrong, or changes a protected field
 */
export function headers<const F extends readonly AnyFact[] = []>(
  options: HeadersOptions<F>,
): Plugin<never, F[number]["name"], false> {
  const { remove, replace, add } = parseOptions("headers", OPTIONS, options);
  const plugin = definePlugin({
    name: "headers",
    reads: options.facts ?? [],
    edits: ["header"],
    data(ctx) {
      const { message } = ctx;
      const textOf = (value: string | ((ctx: never) => string | undefined)): string | undefined =>
        typeof value === "string" ? value : value(ctx as never);
      for (const { name, reason } of remove) message.removeField(name, reason);
      for (const { name, value, reason } of replace) {
        const text = textOf(value);
        if (text !== undefined) message.replaceField(name, text, reason);
      }
      for (const { name, value, reason, position } of add) {
        const text = textOf(value);
        if (text !== undefined) message.addField(name, text, reason, position as FieldPosition | undefined);
      }
    },
  });
  return plugin as unknown as Plugin<never, F[number]["name"], false>;
}
