/**
 * Authentication with a user and a password (RFC 4954, mechanisms PLAIN and LOGIN), and what an authenticated user may
 * write as: the reverse-path and every From. It does not decide who may relay, and does not look at Sender.
 */
import {
  type AuthAttempt,
  type BaseContext,
  definePlugin,
  type Identity,
  identify,
  type Plugin,
  reject,
  tempfail,
  z,
} from "postern";
import { functionOption, parseOptions } from "../options.ts";
import { mayWriteAs } from "./may-write-as.ts";
import { matchesScrypt, parseScryptHash, type ScryptHash } from "./scrypt-hash.ts";
import { workLimit } from "./work-limit.ts";

/** A user of the config. */
export interface SmtpUser {
  /** `scrypt$N$r$p$salt$hash`, salt and hash in base64. */
  readonly hash: string;
  /** Addresses and `@domain`s; absent: the user's own name, where that is an address. */
  readonly maySendAs?: readonly string[];
}

/** Asks another user store. Undefined: wrong user or password; a throw is a temporary failure. */
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

const HASH = z
  .string("a hash of the form scrypt$N$r$p$salt$hash")
  .refine(
    (text) => parseScryptHash(text) !== undefined,
    "scrypt$N$r$p$salt$hash with N a power of 2 from 16384 to 131072, r up to 16, p up to 4, base64 salt and hash",
  );
const SENDER = z.string().regex(/^[^@\s]*@[^@\s]+$/, "an address, or @domain for a whole domain");
const USER = z.preprocess(
  (value) => (typeof value === "string" ? { hash: value } : value),
  z.strictObject({ hash: HASH, maySendAs: z.array(SENDER).optional() }),
);
const OPTIONS = z
  .strictObject({
    users: z.record(z.string().min(1), USER).optional(),
    verify: functionOption<VerifyUser>("a function (attempt, ctx) => identity or undefined").optional(),
    checksMax: z.int().min(1).max(64).default(4),
    waitingMax: z.int().min(0).max(10_000).default(100),
  })
  .refine((options) => options.users || options.verify, "'users' or 'verify'");

/** Paid for an unknown user, so that time does not tell who exists. Its cost is that of the dearest configured hash. */
function dummyOf(hashes: readonly ScryptHash[]): ScryptHash {
  const cost = (hash: ScryptHash): number => hash.n * hash.r * hash.p;
  const dearest = hashes.reduce<ScryptHash | undefined>(
    (a, b) => (a && cost(a) >= cost(b) ? a : b),
    undefined,
  );
  return { n: 2 ** 14, r: 8, p: 1, ...dearest, salt: new Uint8Array(16), key: new Uint8Array(32) };
}

const WRONG = () => reject("5.7.8", "Wrong user or password");

/**
 * Takes users and passwords, and holds authenticated users to the addresses they may write as.
 *
 * @throws TypeError when an option is wrong
 */
export function smtpAuth(options: SmtpAuthOptions): Plugin<never, never, false> {
  const { users = {}, verify, checksMax, waitingMax } = parseOptions("smtpAuth", OPTIONS, options);
  const known = new Map<string, { hash: ScryptHash; maySendAs: readonly string[] | undefined }>();
  for (const [name, { hash, maySendAs }] of Object.entries(users)) {
    const parsed = parseScryptHash(hash);
    if (parsed) known.set(name, { hash: parsed, maySendAs });
  }
  const dummy = dummyOf([...known.values()].map((user) => user.hash));
  const limit = workLimit(checksMax, waitingMax);

  const check = async (
    ctx: BaseContext<"auth", never> & { attempt: AuthAttempt },
  ): Promise<Identity | undefined> => {
    const { user, password } = ctx.attempt;
    const entry = known.get(user);
    if (!entry && verify) return verify(ctx.attempt, ctx);
    const matches = await matchesScrypt(ctx.crypto, password, entry?.hash ?? dummy);
    if (!entry || !matches) return undefined;
    return entry.maySendAs ? { user, maySendAs: entry.maySendAs } : { user };
  };

  return definePlugin({
    name: "smtpAuth",
    needs: ["auth"],
    async auth(ctx) {
      const { mechanism, user, password } = ctx.attempt;
      if (mechanism !== "PLAIN" && mechanism !== "LOGIN") return undefined;
      if (user === "" || user.length > 320 || password.length > 1024) return WRONG();
      const checking = limit.run(() => check(ctx));
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
