/**
 * Sender rewriting (SRS): mail that is sent on to others leaves with a reverse-path of our own domain, which SPF there
 * allows, and what comes back to that finds its way to whom it stands for. It changes the envelope alone: DMARC looks at
 * From, which stays. It keeps no state; a way back is what its hash proves.
 */
import {
  type Address,
  type ContextOf,
  definePlugin,
  domainToAscii,
  makeAddress,
  type Plugin,
  reject,
  z,
} from "postern";
import { countOption, functionOption, objectOption, parseOptions } from "../../options.ts";
import { addressOf, isSrs, type SrsSigner, srsOf } from "./srs-address.ts";

/** What `leaves` is given. */
export type SrsContext = ContextOf<never, never, "envelope">["route"];

/** Options of `srs`. */
export interface SrsOptions {
  /** Where ways back lead to: one of the config's `domains`, whose SPF record allows our servers. */
  readonly domain: string;
  /** Secrets of 16 characters or more: the first signs, all verify, so that a new one goes first. */
  readonly keys: readonly string[];
  /** Whether a recipient's copy goes to others. Default: its domain is none of the config's `domains`. */
  readonly leaves?: (ctx: SrsContext) => boolean | Promise<boolean>;
  /** Days for which a way back holds, 1 to 500. Default 21. */
  readonly ageDaysMax?: number;
  /** Characters of a hash, 4 to 27; those with fewer are refused. Default 8; 4 is what Mail::SRS and postsrsd make. */
  readonly hashCharacters?: number;
  /** Who may take a way back: `any`, or only `dsn`, mail with a null reverse-path. Default `any`. */
  readonly wayBack?: "any" | "dsn";
  /**
   * What becomes of mail whose rewritten local part would be over 64 octets (RFC 5321 4.5.3.1.1): it keeps its
   * reverse-path, or it is refused with 5.1.7. Default `keep`.
   */
  readonly tooLong?: "keep" | "reject";
}

/**
 * Rewrites the reverse-path of mail that leaves, and takes what comes back. Put it before the plugin that routes.
 *
 * @throws TypeError when an option is wrong; keys are not shown
 */
export function srs(options: SrsOptions): Plugin<never, never, false> {
  const { domain, keys, leaves, ageDaysMax, hashCharacters, wayBack, tooLong } = parseOptions(
    "srs",
    OPTIONS,
    options,
    ["keys"],
  );
  const octets = keys.map((key) => new TextEncoder().encode(key));
  const signerOf = ({ crypto }: { readonly crypto: SrsSigner["crypto"] }): SrsSigner => ({
    crypto,
    keys: octets,
    hashCharacters,
    ageDaysMax,
  });
  return definePlugin({
    name: "srs",
    edits: ["envelope"],
    waysBack: true,
    check: ({ domains }) =>
      domains.includes(domain)
        ? []
        : [`'${domain}' among the config's domains, as nobody outside could take the way back there`],
    async rcpt(ctx) {
      const { localPart, domainAscii } = ctx.recipient.forwardPath;
      if (domainAscii !== domain || !isSrs(localPart)) return undefined;
      if (wayBack === "dsn" && ctx.envelope.reversePath)
        return reject("5.7.1", "This address takes delivery status notifications only");
      const back = await addressOf(localPart, ctx.clock.now(), signerOf(ctx));
      if (back === "expired") return reject("5.7.1", "This address has expired");
      const address = back === "forged" ? undefined : addressFrom(back.localPart, back.domain);
      if (!address) return reject("5.1.1", "There is no such address");
      ctx.rewriteRecipient(address, "the way back of SRS");
      return undefined;
    },
    async route(ctx) {
      const { reversePath } = ctx.envelope;
      if (!reversePath || ctx.gateway.serves(reversePath.domainAscii)) return undefined;
      if (!(await goesOut(ctx, leaves))) return undefined;
      const sender = { localPart: reversePath.localPart, domain: reversePath.domainAscii };
      const rewritten = addressFrom(await srsOf(sender, ctx.clock.now(), signerOf(ctx)), domain);
      if (rewritten) {
        ctx.setReversePath(rewritten, "SRS, as the mail leaves for another domain");
        return undefined;
      }
      ctx.log.warn("srsTooLong", { ref: ctx.id, domain: sender.domain });
      return tooLong === "reject"
        ? reject("5.1.7", "The sender's address is too long to be rewritten")
        : undefined;
    },
  });
}

async function goesOut(ctx: SrsContext, leaves: SrsOptions["leaves"]): Promise<boolean> {
  if (!leaves) return !ctx.gateway.serves(ctx.recipient.forwardPath.domainAscii);
  const says: unknown = await leaves(ctx);
  // From JavaScript anything may come: a promise that was forgotten, or nothing, must not count as a no.
  if (typeof says !== "boolean") throw new TypeError("'leaves' gave neither true nor false");
  return says;
}

/** Undefined where there can be no such address, as it would be too long. */
function addressFrom(localPart: string, domain: string): Address | undefined {
  try {
    return makeAddress(localPart, domain);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const KEYS_MAX = 20;
const KEY_CHARACTERS_MAX = 1_024;
const KEYS_FORM = `a list of 1 to ${KEYS_MAX} secrets`;
const KEY_FORM = "a secret of 16 characters or more";
/** With a local part of 64 octets it must fit into a path (RFC 5321 4.5.3.1.3). */
const DOMAIN_CHARACTERS_MAX = 180;
const DOMAIN_FORM = "a domain as 'example.com'";
const OPTIONS = objectOption({
  domain: z
    .string({ error: DOMAIN_FORM })
    .max(DOMAIN_CHARACTERS_MAX, DOMAIN_FORM)
    .refine((text) => !text.startsWith("[") && domainToAscii(text) !== undefined, DOMAIN_FORM)
    .transform((text) => domainToAscii(text) ?? text),
  keys: z
    .array(z.string({ error: KEY_FORM }).min(16, KEY_FORM).max(KEY_CHARACTERS_MAX, KEY_FORM), KEYS_FORM)
    .refine((keys) => keys.length > 0 && keys.length <= KEYS_MAX, KEYS_FORM),
  leaves: functionOption<NonNullable<SrsOptions["leaves"]>>("a function (ctx) => boolean").optional(),
  ageDaysMax: countOption(1, 500).default(21),
  hashCharacters: countOption(4, 27).default(8),
  wayBack: z.enum(["any", "dsn"], { error: "'any' or 'dsn'" }).default("any"),
  tooLong: z.enum(["keep", "reject"], { error: "'keep' or 'reject'" }).default("keep"),
});
