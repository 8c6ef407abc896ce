/**
 * The client side of SASL for next hops (RFC 4954): SCRAM-SHA-256 (RFC 5802, RFC 7677, without channel binding), PLAIN
 * (RFC 4616) and LOGIN. Only called once TLS is up.
 */
import { randomBytes } from "node:crypto";
import { equalInConstantTime, fromBase64, isScramIterations, saslPrep, scramProof } from "../mail/mod.ts";

/** Who we are at the next hop. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** One exchange: the initial response, then an answer to each challenge. All of it without base64. */
export interface SaslExchange {
  readonly mechanism: string;
  /** Sent with AUTH; undefined where the server speaks first. */
  readonly initial: string | undefined;
  /** Throws when the server's challenge can not be trusted or read. */
  answer(challenge: string): Promise<string>;
  /** Whether a positive end of the server is to be believed. */
  readonly complete: () => boolean;
}

/** The best exchange for the mechanisms of an EHLO answer; undefined when there is none in common. */
export function chooseExchange(
  offered: readonly string[],
  credentials: Credentials,
): SaslExchange | undefined {
  if (offered.includes("SCRAM-SHA-256")) return scramSha256(credentials);
  if (offered.includes("PLAIN")) return plain(credentials);
  return offered.includes("LOGIN") ? login(credentials) : undefined;
}

function plain({ user, password }: Credentials): SaslExchange {
  return {
    mechanism: "PLAIN",
    initial: `\0${user}\0${password}`,
    answer: () => Promise.reject(new Error("PLAIN has one step, and the server asks for more")),
    complete: () => true,
  };
}

function login({ user, password }: Credentials): SaslExchange {
  const answers = [user, password];
  return {
    mechanism: "LOGIN",
    initial: undefined,
    async answer() {
      const next = answers.shift();
      if (next === undefined) throw new Error("LOGIN has two steps, and the server asks for more");
      return next;
    },
    complete: () => answers.length === 0,
  };
}

/** @param nonce of the client, for tests */
export function scramSha256(
  { user, password }: Credentials,
  nonce = randomBytes(18).toString("base64"),
): SaslExchange {
  const name = (saslPrep(user) ?? user).replaceAll("=", "=3D").replaceAll(",", "=2C");
  const bare = `n=${name},r=${nonce}`;
  let serverSignature: Uint8Array | undefined;
  let proven = false;

  async function clientFinal(challenge: string): Promise<string> {
    const fields = readFields(challenge);
    const [serverNonce, salt, iterations] = [
      fields.get("r"),
      fromBase64(fields.get("s") ?? ""),
      Number(fields.get("i")),
    ];
    if (!serverNonce?.startsWith(nonce) || serverNonce.length === nonce.length || !salt || fields.has("m"))
      throw new Error("SCRAM: the server's first message is malformed");
    if (salt.length === 0) throw new Error("SCRAM: the server has no salt");
    if (!isScramIterations(iterations))
      throw new Error(`SCRAM: ${fields.get("i")} iterations are out of bounds`);
    // "biws" is "n,,": no channel binding, no other identity (RFC 5802 7).
    const withoutProof = `c=biws,r=${serverNonce}`;
    const authMessage = `${bare},${challenge},${withoutProof}`;
    const answer = await scramProof(password, { salt, iterations }, authMessage);
    serverSignature = answer.serverSignature;
    return `${withoutProof},p=${Buffer.from(answer.proof).toString("base64")}`;
  }

  return {
    mechanism: "SCRAM-SHA-256",
    initial: `n,,${bare}`,
    async answer(challenge) {
      if (serverSignature === undefined) return clientFinal(challenge);
      const given = fromBase64(readFields(challenge).get("v") ?? "");
      if (given === undefined || !equalInConstantTime(given, serverSignature))
        throw new Error("SCRAM: the server does not know the password");
      proven = true;
      return "";
    },
    // A server that says yes without its proof may be another than ours (RFC 5802 3).
    complete: () => proven,
  };
}

function readFields(message: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of message.split(",")) if (field[1] === "=") fields.set(field[0]!, field.slice(2));
  return fields;
}
