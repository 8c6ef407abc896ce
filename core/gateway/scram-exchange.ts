/**
 * The server's side of SCRAM-SHA-256 (RFC 5802) between the first and the last message: whom a client may prove to be,
 * and whether it did. Who is unknown is asked like one who is known, and refused in the same words, so that nobody can
 * tell which users there are. The messages of an exchange are the hosts'.
 */
import { acceptScramProof, hmacSha256, type ScramKeys } from "../mail/mod.ts";
import type { Identity, Random, Slot } from "../pipeline/mod.ts";
import { goOn, rejected } from "./answers.ts";
import type { Answer, ScramChallenge } from "./session.ts";

/** The plugins that answer SCRAM, and what others than their users are asked. */
export interface ScramPlugins {
  readonly slots: readonly Slot[];
  /** Keys that no password has. For one user always the same, while the secret is. */
  strangersKeys(user: string): Promise<ScramKeys>;
}

/** Finds them; undefined when there are none. @param kept gives the secret; absent: a random one, of this process */
export function scramPluginsOf(
  authSlots: readonly Slot[],
  random: Random,
  kept: (() => Uint8Array) | undefined,
): ScramPlugins | undefined {
  const slots = authSlots.filter(({ definition }) => definition.scram !== undefined);
  const cost = slots[0]?.definition.scram;
  if (cost === undefined) return undefined;
  const secret = kept?.() ?? random.bytes(SECRET_BYTES);
  const derive = (what: string, user: string): Promise<Uint8Array> => hmacSha256(secret, `${what} ${user}`);
  return {
    slots,
    async strangersKeys(user) {
      const halves = [await derive("salt", user), await derive("more salt", user)];
      return {
        iterations: cost.iterations,
        salt: Uint8Array.from(halves.flatMap((half) => [...half])).slice(0, cost.saltBytes),
        storedKey: await derive("stored key", user),
        serverKey: await derive("server key", user),
      };
    },
  };
}

/** Whom a client may prove to be: nobody, or an identity that counts once it is taken. */
export interface Claim {
  readonly keys: ScramKeys;
  readonly identity: Identity | undefined;
  /** Told how the proof was found. */
  readonly judged: (result: "right" | "wrong") => void;
  /** Makes the identity the session's; false when another attempt or TLS has begun in between. */
  readonly take: (identity: Identity) => boolean;
}

/** One exchange: a challenge, one proof, and the client's consent to our own proof. */
export class ScramExchange implements ScramChallenge {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly #claim: Claim;
  #step: "asked" | "proven" | "over" = "asked";

  constructor(claim: Claim) {
    this.salt = claim.keys.salt;
    this.iterations = claim.keys.iterations;
    this.#claim = claim;
  }

  async prove(authMessage: string, proof: Uint8Array): Promise<Uint8Array | Answer> {
    // A second guess needs a new exchange, with a new nonce.
    const wasAsked = this.#step === "asked";
    this.#step = "over";
    const signature = await acceptScramProof(this.#claim.keys, authMessage, proof);
    const isRight = wasAsked && signature !== undefined && this.#claim.identity !== undefined;
    this.#claim.judged(isRight ? "right" : "wrong");
    if (!isRight) return notAuthentic();
    this.#step = "proven";
    return signature;
  }

  accept(): Answer {
    const { identity, take } = this.#claim;
    const isProven = this.#step === "proven";
    this.#step = "over";
    return isProven && identity !== undefined && take(identity) ? goOn : notAuthentic();
  }
}

/** Nobody vouched for the client, or it can not prove what it claims. */
export const notAuthentic = (): Answer => rejected("7.8", "Authentication credentials invalid", 535);

const SECRET_BYTES = 32;
