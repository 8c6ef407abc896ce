/**
 * Authentication with a user and a password (RFC 4954, mechanisms PLAIN and LOGIN), and what an authenticated user may
 * write as: the reverse-path and every From. It does not decide who may relay, does not look at Sender, and does not
 * see the connection: hosts offer AUTH under TLS only.
 */
import {
  type AuthAttempt,
  type BaseContext,
  definePlugin,
  domainToAscii,
  type Identity,
  identify,
  type Plugin,
  reject,
  tempfail,
  z,
} from "postern";
import { countOption, functionOption, objectOption, parseOptions } from "../options.ts";
import { mayWriteAs } from "./may-write-as.ts";
import { matchesScrypt, parseScryptHash, type ScryptHash } from "./scrypt-hash.ts";
import { untilAborted, workLimit } from "./work-limit.ts";

/** A user of the config. */
export interface SmtpUser {
  /** `scrypt$N$r$p$salt$hash`, salt and hash in base64; `postern hash` makes it. */
  readonly hash: string;
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
  /** Users by name; a string is a hash alone. */
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
  for (const [name, { hash, maySendAs }] of Object.entries(users)) {
    const parsed = parseScryptHash(hash);
    if (parsed)
      known.set(name, { hash: parsed, identity: maySendAs ? { user: name, maySendAs } : { user: name } });
  }
  const dummy = dummyOf([...known.values()].map((user) => user.hash));
  const limit = workLimit(checksMax, waitingMax);

  const check = async (ctx: AuthContext): Promise<Identity | undefined> => {
    const { attempt, signal } = ctx;
    const entry = known.get(attempt.user);
    // One that never answers must not keep its place for good: four of them would lock everybody out.
    if (!entry && verify)
      return identityOf(await untilAborted(Promise.resolve(verify(attempt, ctx)), signal));
    const matches = await matchesScrypt(ctx.crypto, attempt.password, entry?.hash ?? dummy);
    return matches ? entry?.identity : undefined;
  };

  return definePlugin({
    name: "smtpAuth",
    needs: ["auth"],
    async auth(ctx) {
      const { mechanism, user, password } = ctx.attempt;
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
      if (mayWriteAs(ctx.identity, reversePath.localPart, reversePath.domainAscii)) return undefined;
      return reject("5.7.1", "You may not send as this address");
    },
    data(ctx) {
      if (!ctx.identity) return undefined;
      const { mailboxes, malformed } = ctx.message.header.addresses("From");
      if (malformed || mailboxes.length === 0) return reject("5.7.1", "The From field can not be read");
      for (const mailbox of mailboxes) {
        if (!mayWriteAs(ctx.identity, mailbox.localPart, mailbox.domain)) {
          return reject("5.7.1", "You may not write as an address of the From field");
        }
      }
      return undefined;
    },
  });
}

type AuthContext = BaseContext<"auth", never> & { readonly attempt: AuthAttempt };

interface KnownUser {
  readonly hash: ScryptHash;
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

/** Paid for an unknown user, so that time does not tell who exists. Its cost is that of the dearest configured hash. */
function dummyOf(hashes: readonly ScryptHash[]): ScryptHash {
  const cost = (hash: ScryptHash): number => hash.n * hash.r * hash.p;
  const dearest = hashes.reduce<ScryptHash | undefined>(
    (a, b) => (a && cost(a) >= cost(b) ? a : b),
    undefined,
  );
  return { n: 2 ** 14, r: 8, p: 1, ...dearest, salt: new Uint8Array(16), key: new Uint8Array(32) };
}

const IDENTITY = z.object({
  user: z.string().min(1).max(USER_CHARACTERS_MAX),
  maySendAs: z.array(z.string()).max(MAY_SEND_AS_MAX).optional(),
});
const HASH_FORM =
  "scrypt$N$r$p$salt$hash with N a power of 2 from 16384 to 131072, r up to 16, p up to 4, base64 salt and hash";
const HASH = z.string({ error: HASH_FORM }).refine((text) => parseScryptHash(text) !== undefined, HASH_FORM);
const isSender = (text: string): boolean =>
  /^[^@\s]*@[^@\s]+$/.test(text) && domainToAscii(text.slice(text.lastIndexOf("@") + 1)) !== undefined;
const SENDER_FORM = "an address, or @domain for a whole domain";
const SENDER = z.string({ error: SENDER_FORM }).refine(isSender, SENDER_FORM);
const USER = z.preprocess(
  (value) => (typeof value === "string" ? { hash: value } : value),
  objectOption({
    hash: HASH,
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
    for (const [name, { maySendAs }] of Object.entries(users)) {
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
