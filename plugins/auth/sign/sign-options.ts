/** The options of `sign`: their types, their schema, and the header fields that are signed unless they say otherwise. */
import {
  type BaseContext,
  type Duration,
  domainToAscii,
  durationMs,
  isFieldName,
  keyRecordName,
  z,
} from "postern";
import { functionOption, objectOption } from "../../options.ts";

/** Where the private key lies: a PEM file, an environment variable that holds PEM, or PEM itself. */
export type SignKeySource = string | { readonly file: string } | { readonly env: string };

/** One key. Those of one domain sign each message together. */
export interface SignKey {
  /** `d=`: the domain that signs, and for whose From fields. */
  readonly domain: string;
  /** `s=`: the name under `_domainkey` of the domain where its public half stands. */
  readonly selector: string;
  /** RSA of 1,024 to 4,096 bits, or Ed25519. A relative path is from the working folder. */
  readonly key: SignKeySource;
  /** Whether it signs for all domains below `domain` too that have no key of their own. Default false. */
  readonly subdomains?: boolean;
  /**
   * `i=`: "headerFrom" for the address of the From field where that is in `domain` or below it, or a text such as
   * "@news.example.com". Absent: no `i=`, which stands for `@` and the domain.
   */
  readonly identity?: string;
}

/** What `also` is asked with. */
export type SignContext = BaseContext<"delivery", never>;

/** Options of `sign`. */
export interface SignOptions {
  /** All keys, at least one; up to 8 of one domain. */
  readonly keys: readonly SignKey[];
  /** The domain whose keys sign where there is none for the domain of From. Absent: such mail leaves unsigned. */
  readonly fallback?: string;
  /**
   * Header fields to sign where they are there, the lowest of each name; a name that stands twice has the lowest two
   * signed. From is always among them. Default `SIGNED_HEADERS`.
   */
  readonly headers?: readonly string[];
  /**
   * Names of `headers` of which all fields are signed, and that there is no further one: a second Subject breaks the
   * signature. From always is. Default `OVERSIGNED_HEADERS`.
   */
  readonly oversign?: readonly string[];
  /** `c=`: the canonical form of the header and of the body. Default "relaxed/relaxed". */
  readonly canonical?: (typeof CANONICAL_FORMS)[number];
  /** Whether `t=`, the time of signing, is there. Default true. */
  readonly signedAt?: boolean;
  /** How long signatures hold, which `x=` says; from one minute on. Absent: no `x=`. */
  readonly expiresAfter?: Duration;
  /**
   * Signs more than our own users' mail: called for each delivery that neither a login, nor a trusted network, nor the
   * origins dsn and local make ours. Whoever it holds for can have any From of your domains signed.
   */
  readonly also?: (ctx: SignContext) => boolean;
}

/** The pairs of canonical forms (RFC 6376 3.4). */
export const CANONICAL_FORMS = [
  "relaxed/relaxed",
  "relaxed/simple",
  "simple/relaxed",
  "simple/simple",
] as const;

/** Fields signed unless options say otherwise: those of RFC 6376 5.4.1, Sender, Message-ID, MIME, RFC 8058's. */
export const SIGNED_HEADERS: readonly string[] = [
  ...["From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "MIME-Version"],
  ...["Content-Type", "Content-Transfer-Encoding", "Resent-Date", "Resent-From", "Resent-Sender"],
  ...["Resent-To", "Resent-Cc", "Resent-Message-ID", "In-Reply-To", "References", "List-Id", "List-Help"],
  ...["List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe", "List-Post", "List-Owner"],
  "List-Archive",
];

/** Fields that readers are shown or that say how the body is read: nobody may add a second one. */
export const OVERSIGNED_HEADERS: readonly string[] = [
  ...["From", "Reply-To", "Subject", "To", "Cc", "Content-Type"],
];

/** RFC 6376 5.4: they are put on, changed or taken off on the way, or are signatures themselves. */
const UNSIGNABLE = new Set(["received", "return-path", "dkim-signature", "delivered-to", "bcc"]);
const KEYS_MAX = 10_000;
/** Signatures that one message gets. */
const KEYS_PER_DOMAIN_MAX = 8;
const HEADERS_MAX = 100;
/** Octets of a PEM text: RSA of 4,096 bits takes 3,300. */
export const PEM_BYTES_MAX = 16_384;

const DOMAIN_FORM = 'a domain such as "example.com"';
const DOMAIN = z
  .string({ error: DOMAIN_FORM })
  .refine((text) => domainToAscii(text) !== undefined && !text.startsWith("["), DOMAIN_FORM)
  .transform((text) => domainToAscii(text) ?? text);
const SELECTOR_FORM = 'a selector such as "s2026": letters, digits, hyphens, in labels with dots between';
const SELECTOR = z
  .string({ error: SELECTOR_FORM })
  .refine(
    (text) =>
      domainToAscii(keyRecordName({ domain: "x", selector: text })) !== undefined && /^[\w.-]+$/.test(text),
    SELECTOR_FORM,
  )
  .transform((text) => text.toLowerCase());
const SOURCE_FORM = '{ file: "keys/s2026.pem" }, { env: "DKIM_KEY" }, or the text of a PEM file';
const SOURCE = z.union(
  [
    // How long it is, is looked at later, in words that do not show it.
    z.string(),
    z.strictObject({ file: z.string().min(1) }),
    z.strictObject({ env: z.string().min(1) }),
  ],
  SOURCE_FORM,
);
const NAME_FORM = "a name of a header field that stays as it is on the way";
const NAME = z
  .string({ error: NAME_FORM })
  // A semicolon would end the list in the signature.
  .refine(
    (name) => isFieldName(name) && !name.includes(";") && !UNSIGNABLE.has(name.toLowerCase()),
    NAME_FORM,
  )
  .transform((name) => name.toLowerCase());
const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());
const FLAG = z.boolean({ error: "true or false" });
const EXPIRY_FORM = 'a duration from "1m" to "3650d"';
const IDENTITY_FORM = '"headerFrom", or "@" and the domain or one below it, with or without a local part';

const KEY = objectOption({
  domain: DOMAIN,
  selector: SELECTOR,
  key: SOURCE,
  subdomains: FLAG.default(false),
  identity: z.string({ error: IDENTITY_FORM }).optional(),
}).superRefine(({ domain, identity }, ctx) => {
  if (identity === undefined || identity === "headerFrom") return;
  const at = identity.lastIndexOf("@");
  const given = at < 0 ? undefined : domainToAscii(identity.slice(at + 1));
  // RFC 6376 3.5: a verifier takes no other.
  if (given !== undefined && identity.length <= 320 && isBelow(given, domain)) return;
  ctx.addIssue({ code: "custom", path: ["identity"], message: IDENTITY_FORM });
});

/** The schema. */
export const SIGN_OPTIONS = objectOption({
  keys: z.array(KEY, "a list of keys").min(1, "at least one key").max(KEYS_MAX, "a shorter list"),
  fallback: DOMAIN.optional(),
  headers: z
    .array(NAME, "a list of field names")
    .max(HEADERS_MAX, `at most ${HEADERS_MAX} names`)
    .default(lower(SIGNED_HEADERS))
    .transform((names) => (names.includes("from") ? names : ["from", ...names])),
  oversign: z
    .array(NAME, "a list of field names")
    .max(HEADERS_MAX, `at most ${HEADERS_MAX} names`)
    .optional(),
  canonical: z
    .enum(CANONICAL_FORMS, { error: CANONICAL_FORMS.map((form) => `"${form}"`).join(", ") })
    .default("relaxed/relaxed"),
  signedAt: FLAG.default(true),
  expiresAfter: z
    .custom<Duration>((value) => {
      try {
        const ms = durationMs(value as Duration);
        return ms >= 60_000 && ms <= 3650 * 86_400_000;
      } catch {
        return false;
      }
    }, EXPIRY_FORM)
    .optional(),
  also: functionOption<(ctx: SignContext) => boolean>("a function (ctx) => true or false").optional(),
})
  .superRefine(({ keys, fallback, headers, oversign }, ctx) => {
    const places = new Map<string, number>();
    const counts = new Map<string, number>();
    for (const [index, { domain, selector }] of keys.entries()) {
      const place = keyRecordName({ domain, selector });
      const other = places.get(place);
      if (other !== undefined) {
        const message = `a selector of its own, because keys[${other}] has this one`;
        ctx.addIssue({ code: "custom", path: ["keys", index, "selector"], message });
      }
      places.set(place, index);
      counts.set(domain, (counts.get(domain) ?? 0) + 1);
    }
    for (const [domain, count] of counts) {
      if (count <= KEYS_PER_DOMAIN_MAX) continue;
      const message = `at most ${KEYS_PER_DOMAIN_MAX} keys of ${domain}, because each signs every message`;
      ctx.addIssue({ code: "custom", path: ["keys"], message });
    }
    if (fallback !== undefined && !counts.has(fallback)) {
      const message = "a domain of one of the keys";
      ctx.addIssue({ code: "custom", path: ["fallback"], message });
    }
    for (const [index, name] of (oversign ?? []).entries()) {
      if (headers.includes(name)) continue;
      const message = "a name that stands in headers too";
      ctx.addIssue({ code: "custom", path: ["oversign", index], message });
    }
  })
  .transform(({ expiresAfter, ...rest }) => ({
    ...rest,
    expiresAfterMs: expiresAfter === undefined ? undefined : durationMs(expiresAfter),
  }));

/** Options as they count. */
export type CheckedSignOptions = z.output<typeof SIGN_OPTIONS>;

/** Of the names that are signed, those of which no further one may be added; From always. */
export function oversignedOf({ headers, oversign }: Pick<CheckedSignOptions, "headers" | "oversign">) {
  const wanted = oversign ?? lower(OVERSIGNED_HEADERS).filter((name) => headers.includes(name));
  return new Set(["from", ...wanted]);
}

/** Whether a domain is another or one below it; both in A-labels and lower case. */
export const isBelow = (domain: string, parent: string): boolean =>
  domain === parent || domain.endsWith(`.${parent}`);
