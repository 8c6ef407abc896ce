/**
 * Signs what leaves (RFC 6376, RFC 8301, RFC 8463) with the keys of the domain of its From field: mail of our own users,
 * servers and reports, and nobody else's. Once for each attempt, on the header as it is sent and the hash of the body as it
 * is sent. It verifies nothing, makes no `l=` and no rsa-sha1, and does not sign for ARC. For Node and its like.
 */
import { definePlugin, fact, keyRecordName, type Plugin, toBase64, z } from "postern";
import { parseOptions } from "../../options.ts";
import { loadFieldShape } from "./field-shape.ts";
import { identityOf, keyChoice } from "./key-choice.ts";
import { loadKeys, testKeys } from "./loaded-keys.ts";
import {
  type CheckedSignOptions,
  oversignedOf,
  SIGN_OPTIONS,
  type SignContext,
  type SignOptions,
} from "./sign-options.ts";
import { FIELD_NAME, signatureLines } from "./signature-field.ts";
import { signedFields } from "./signed-fields.ts";

export {
  CANONICAL_FORMS,
  OVERSIGNED_HEADERS,
  SIGNED_HEADERS,
  type SignContext,
  type SignKey,
  type SignKeySource,
  type SignOptions,
} from "./sign-options.ts";

/** What was signed of a delivery. Fallback: nothing. */
export const Signed = fact("signed", {
  stage: "delivery",
  scope: "delivery",
  schema: z.object({
    /** From the top of the message. */
    signatures: z.array(
      z.object({
        domain: z.string(),
        selector: z.string(),
        algorithm: z.enum(["rsa-sha256", "ed25519-sha256"]),
      }),
    ),
    /** Why there is none; "" where there is one. */
    reason: z.string(),
  }),
  fallback: { signatures: [], reason: "not looked at" },
});

/**
 * Adds DKIM-Signature fields in the stage `delivery`: after all that changes the message, wherever it stands.
 *
 * @throws TypeError when an option is wrong, or a key can not be read or used
 */
export function sign(options: SignOptions): Plugin<"signed", never, false> {
  const checked = parseOptions("sign", SIGN_OPTIONS, options);
  const keys = loadKeys(checked.keys);
  const choose = keyChoice(keys, checked.fallback);
  const oversigned = oversignedOf(checked);
  const [headerForm, bodyForm] = formsOf(checked.canonical);
  return definePlugin({
    name: "sign",
    // Keys are read from files, and what shapes the field is a library for Node.
    needs: ["files"],
    provides: [Signed],
    edits: ["header"],
    digests: [{ canonical: bodyForm, hash: "sha256" }],
    publishedKeys: keys.map(({ published }) => published),
    async selfTest({ crypto }) {
      await loadFieldShape();
      return testKeys(keys, crypto);
    },
    async delivery(ctx) {
      const unsigned = (reason: string) => ctx.provide(Signed, { signatures: [], reason });
      if (!isOurs(ctx, checked.also)) return unsigned("not of our own users, networks or reports");
      const { header } = ctx.message;
      const choice = choose(header);
      if (!choice.keys) return unsigned(choice.reason);
      const signed = signedFields(header, checked.headers, oversigned);
      if (!signed) return unsigned("too many header fields to sign");
      const shape = await loadFieldShape();
      const bodyHash = toBase64(await ctx.bodyDigest(bodyForm, "sha256"));
      const times = timesOf(ctx.clock.now(), checked);
      const made = await Promise.all(
        choice.keys.map(async (key) => {
          const { algorithm, domain, selector } = key;
          const identity = identityOf(key, choice.author);
          const { canonical } = checked;
          const tags = {
            algorithm,
            canonical,
            domain,
            selector,
            identity,
            ...times,
            bodyHash,
            names: signed.names,
          };
          const parts = { tags, headerForm, fields: signed.fields };
          return signatureLines(parts, shape, ctx.crypto, await key.handle(ctx.crypto));
        }),
      );
      // From the last up, so that the first key's stands on top.
      for (const [index, lines] of [...made.entries()].reverse())
        ctx.message.addFoldedField(FIELD_NAME, lines, `signed for ${keyRecordName(choice.keys[index]!)}`);
      ctx.provide(Signed, {
        signatures: choice.keys.map(({ domain, selector, algorithm }) => ({ domain, selector, algorithm })),
        reason: "",
      });
    },
  });
}

/**
 * Whether a delivery is our own mail: anybody can write our domain into From, and a signature would make it true. What a
 * client only says of itself plays no part.
 */
function isOurs(ctx: SignContext, also: CheckedSignOptions["also"]): boolean {
  const { identity, client, origin } = ctx;
  if (identity !== undefined || client.trusted || origin === "dsn" || origin === "local") return true;
  const given = also?.(ctx) ?? false;
  // A promise is true to JavaScript, whatever becomes of it.
  if (typeof given !== "boolean") throw new TypeError("'also' gave neither true nor false");
  return given;
}

type Form = "simple" | "relaxed";

const formsOf = (canonical: CheckedSignOptions["canonical"]): readonly [Form, Form] => {
  const [header, body] = canonical.split("/") as [Form, Form];
  return [header, body];
};

function timesOf(nowMs: number, { signedAt, expiresAfterMs }: CheckedSignOptions) {
  const seconds = Math.floor(nowMs / 1000);
  return {
    ...(signedAt ? { signedAtSeconds: seconds } : {}),
    ...(expiresAfterMs === undefined
      ? {}
      : { expiresAtSeconds: seconds + Math.round(expiresAfterMs / 1000) }),
  };
}
