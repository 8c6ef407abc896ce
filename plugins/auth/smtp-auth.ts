/**
 * Authentication with a user and a password (RFC 4954; PLAIN, LOGIN, and SCRAM-SHA-256 where the config has keys for
 * it), and what an authenticated user may write as: the reverse-path and every From. It does not decide who may relay,
 * does not look at Sender, and does not see the connection: hosts offer AUTH under TLS only.
 */
import {
  type AuthAttempt,
  type BaseContext,
  definePlugin,
  domainToAscii,
  type Identity,
  identify,
  identifyByProof,
  type Plugin,
  reject,
  SCRAM_SHA_256,
  saslPrep,
  tempfail,
  z,
} from "postern";
import { countOption, functionOption, objectOption, parseOptions } from "../options.ts";
import { isDisguised } from "./look-alike.ts";
import { mayWriteAs } from "./may-write-as.ts";
import { dummyOf, matchesUser, parseUserKeys, scramCostOf, type UserKeys } from "./user-keys.ts";
import { untilAborted, workLimit } from "./work-limit.ts";

/** A user of the config. At least one of `hash` and `scram`; `postern hash` makes both. */
export interface SmtpUser {
  /** `scrypt$N$r$p$salt$hash`, salt and hash in base64; or the same as `scram`. */
  readonly hash?: string;
  /**
   * `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, all but the number in base64. SCRAM is offered where every user
   * has it and there is no `verify`.
   */
  readonly scram?: string;
  /** Addresses and `@domain`s; absent: the user's own name, which then must be an address. Empty: none at all. */
  readonly maySendAs?: readonly string[];
}

/**
 * Asks another user store. Undefined: wrong user or password. A throw, no answer in time or anything that is no
 * identity is a temporary failure. That unknown users take as long as known ones is the callback's to see to.
 */
export type VerifyUser = (
  attempt: AuthAttempt,
  ctx: BaseContext<"auth", never>,
) => Promise<Identity | undefined> | Identity | undefined;

/** Options of `smtpAuth`. At least one of `users` and `verify`. */
export interface SmtpAuthOptions {
  /** Users by name, which saslPrep brings to one spelling; a string is a hash alone. */
  readonly users?: { readonly [user: string]: SmtpUser | string };
  /** Asked for users that are not in `users`. */
  readonly verify?: VerifyUser;
  /** Checks running at once. Default 4. */
  readonly checksMax?: number;
  /** Checks that may wait; more are told 4.7.0. Default 100. */
  readonly waitingMax?: number;
}

/**
 * Takes users and passwords, and holds authenticated users to the addresses they may write as.
 *
 * @throws TypeError when an option is wrong
 */
export function smtpAuth(options: SmtpAuthOptions): Plugin<never, never, false> {
  const { users = {}, verify, checksMax, waitingMax } = parseOptions("smtpAuth", OPTIONS, options, SECRETS);
  const known = new Map<string, KnownUser>();
  for (const [name, { hash, scram, maySendAs }] of Object.entries(users)) {
    const keys = parseUserKeys(hash, scram);
    const identity = maySendAs ? { user: name, maySendAs } : { user: name };
    if (keys) known.set(spelling(name), { keys, identity });
  }
  const all = [...known.values()].map(({ keys }) => keys);
  const dummy = dummyOf(all);
  // Of users that `verify` knows there are no keys.
  const scram = verify ? undefined : scramCostOf(all);
  const limit = workLimit(checksMax, waitingMax);

  const check = async (ctx: AuthContext): Promise<Identity | undefined> => {
    const { attempt, signal } = ctx;
    const entry = known.get(spelling(attempt.user));
    // One that never answers must not keep its place for good: four of them would lock everybody out.
    if (!entry && verify)
      return identityOf(await untilAborted(Promise.resolve(verify(attempt, ctx)), signal));
    const matches = await matchesUser(ctx.crypto, attempt.password, entry?.keys ?? dummy);
    return matches ? entry?.identity : undefined;
  };

  // A login that a server in front tells of (XCLIENT) is a name alone: what the config has of that user holds for it too.
  const writer = (identity: Identity): Identity =>
    identity.maySendAs ? identity : (known.get(spelling(identity.user))?.identity ?? identity);

  return definePlugin({
    name: "smtpAuth",
    needs: ["auth"],
    ...(scram ? { scram } : {}),
    async auth(ctx) {
      const { mechanism, user, password } = ctx.attempt;
      if (mechanism === SCRAM_SHA_256) {
        const { keys, identity } = known.get(spelling(user)) ?? {};
        return keys?.scram && identity ? identifyByProof(keys.scram, identity) : WRONG();
      }
      if (mechanism !== "PLAIN" && mechanism !== "LOGIN") return undefined;
      if (user === "" || user.length > USER_CHARACTERS_MAX || password.length > PASSWORD_CHARACTERS_MAX)
        return WRONG();
      const checking = limit.run(() => check(ctx), ctx.signal);
      if (!checking) return tempfail("4.7.0", "Too many logins at once, try again later");
      const identity = await checking;
      return identity ? identify(identity) : WRONG();
    },
    mail(ctx) {
      const { reversePath } = ctx.envelope;
      if (!ctx.identity || !reversePath) return undefined;
      if (mayWriteAs(writer(ctx.identity), reversePath.localPart, reversePath.domainAscii)) return undefined;
      return reject("5.7.1", "You may not send as this address");
    },
    data(ctx) {
      if (!ctx.identity) return undefined;
      const identity = writer(ctx.identity);
      const { header } = ctx.message;
      const { mailboxes, malformed } = header.addresses("From");
      // A field that only some readers see would show them any address.
      if (malformed || mailboxes.length === 0 || isDisguised(header, "from"))
        return reject("5.7.1", "The From field can not be read");
      for (const mailbox of mailboxes) {
        if (!mayWriteAs(identity, mailbox.localPart, mailbox.domain)) {
          return reject("5.7.1", "You may not write as an address of the From field");
        }
      }
      return undefined;
    },
  });
}

type AuthContext = BaseContext<"auth", never> & { readonly attempt: AuthAttempt };

interface KnownUser {
  readonly keys: UserKeys;
  readonly identity: Identity;
}

/** A user store's address may hold a password. */
const SECRETS = ["users", "verify"];
const USER_CHARACTERS_MAX = 320;
const PASSWORD_CHARACTERS_MAX = 1024;
const MAY_SEND_AS_MAX = 10_000;

const WRONG = () => reject("5.7.8", "Wrong user or password");

/** What `verify` gave. Whatever else than an identity must not count as one: it would open the relay. */
function identityOf(given: unknown): Identity | undefined {
  if (given === undefined || given === null || given === false) return undefined;
  const result = IDENTITY.safeParse(given);
  if (!result.success)
    throw new TypeError("'verify' gave no identity: return { user, maySendAs }, or undefined to refuse");
  const { user, maySendAs } = result.data;
  return maySendAs ? { user, maySendAs } : { user };
}

/** The one spelling of a name (RFC 4013): a client may send another, and hosts prepare those of SCRAM. */
const spelling = (name: string): string => saslPrep(name) ?? name;

const IDENTITY = z.object({
  user: z.string().min(1).max(USER_CHARACTERS_MAX),
  maySendAs: z.array(z.string()).max(MAY_SEND_AS_MAX).optional(),
});
const SCRAM_FORM = "SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey with 4096 to 1000000 iterations";
const HASH_FORM = `scrypt$N$r$p$salt$hash with N a power of 2 from 16384 to 131072, r up to 16, p up to 4, base64 salt and hash; or ${SCRAM_FORM}`;
const HASH = z.string({ error: HASH_FORM }).refine((text) => parseUserKeys(text, undefined), HASH_FORM);
const SCRAM = z.string({ error: SCRAM_FORM }).refine((text) => parseUserKeys(undefined, text), SCRAM_FORM);
const isSender = (text: string): boolean =>
  /^[^@\s]*@[^@\s]+$/.test(text) && domainToAscii(text.slice(text.lastIndexOf("@") + 1)) !== undefined;
const SENDER_FORM = "an address, or @domain for a whole domain";
const SENDER = z.string({ error: SENDER_FORM }).refine(isSender, SENDER_FORM);
const USER = z.preprocess(
  (value) => (typeof value === "string" ? { hash: value } : value),
  objectOption({
    hash: HASH.optional(),
    scram: SCRAM.optional(),
    maySendAs: z.array(SENDER, "a list of addresses").max(MAY_SEND_AS_MAX, "a shorter list").optional(),
  }),
);
const USERS = z.record(
  z
    .string()
    .min(1, "a name that is not empty")
    .max(USER_CHARACTERS_MAX, `a name of up to ${USER_CHARACTERS_MAX} characters`),
  USER,
  "an object with a user's name and hash for each user",
);
const OPTIONS = objectOption({
  users: USERS.superRefine((users, ctx) => {
    const spellings = new Set<string>();
    for (const [name, { hash, scram, maySendAs }] of Object.entries(users)) {
      if (hash === undefined && scram === undefined)
        ctx.addIssue({ code: "custom", path: [name], message: "'hash' or 'scram'" });
      if (spellings.has(spelling(name)))
        ctx.addIssue({
          code: "custom",
          path: [name],
          message: "a name that no other user has, in any spelling",
        });
      spellings.add(spelling(name));
      // Such a user could log in and then send nothing: better told now than found out by the user.
      if (maySendAs || (isSender(name) && !name.startsWith("@"))) continue;
      const message = "a list of addresses, because the user's name is no address itself";
      ctx.addIssue({ code: "custom", path: [name, "maySendAs"], message });
    }
  }).optional(),
  verify: functionOption<VerifyUser>("a function (attempt, ctx) => identity or undefined").optional(),
  checksMax: countOption(1, 64).default(4),
  waitingMax: countOption(0, 10_000).default(100),
}).refine((options) => options.users || options.verify, "'users' or 'verify'");
