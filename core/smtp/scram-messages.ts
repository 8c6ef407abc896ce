/**
 * The messages of SCRAM-SHA-256 as the server reads and writes them (RFC 5802 5, 7). Pure: no keys and no socket.
 * Channel binding is not offered, so a client that demands it ("p") is malformed here; extensions are passed over.
 */
import { fromBase64, type ScramCost, saslPrep, toBase64 } from "../mail/mod.ts";

/** What a client says first. */
export interface ClientFirst {
  /** As "n,," or "y,a=ann,": the client must repeat it with its proof. */
  readonly gs2Header: string;
  /** What of it is signed. */
  readonly bare: string;
  /** As saslPrep gives it. */
  readonly user: string;
  /** Whom the client wants to act as; undefined: as the user. */
  readonly authzid: string | undefined;
  readonly nonce: string;
}

/** What a client says with its proof. */
export interface ClientFinal {
  readonly gs2Header: string;
  readonly nonce: string;
  readonly proof: Uint8Array;
  /** What of it is signed. */
  readonly withoutProof: string;
}

/** Of a client's nonce: with ours, salt and count it must fit into one reply line. */
const FIRST = /^([ny],(?:a=([^,\0]+))?,)(n=([^,\0]+),r=([!-+\--~]{1,200})(?:,[A-Za-ln-z]=[^,\0]*)*)$/;
const FINAL =
  /^(c=([A-Za-z0-9+/=]+),r=([!-+\--~]{1,300})(?:,[A-Za-ln-oq-z]=[^,\0]*)*),p=([A-Za-z0-9+/=]{44})$/;

/** Reads it; undefined when it is malformed, or names nobody. */
export function parseClientFirst(text: string): ClientFirst | undefined {
  const [, gs2Header, authzid, bare, name, nonce] = FIRST.exec(text) ?? [];
  const user = nameOf(name);
  if (gs2Header === undefined || bare === undefined || nonce === undefined || !user) return undefined;
  const other = authzid === undefined ? undefined : nameOf(authzid);
  return authzid !== undefined && other === undefined
    ? undefined
    : { gs2Header, bare, user, authzid: other, nonce };
}

/** Reads it; undefined when it is malformed. */
export function parseClientFinal(text: string): ClientFinal | undefined {
  const [, withoutProof, binding = "", nonce, proofText = ""] = FINAL.exec(text) ?? [];
  const header = fromBase64(binding);
  const proof = fromBase64(proofText);
  if (withoutProof === undefined || nonce === undefined || !header || !proof) return undefined;
  return { gs2Header: new TextDecoder().decode(header), nonce, proof, withoutProof };
}

/** Our first message. */
export function serverFirst(nonce: string, { salt, iterations }: ScramCost): string {
  return `r=${nonce},s=${toBase64(salt)},i=${iterations}`;
}

/** Our last message: the proof that we know the password too. */
export function serverFinal(signature: Uint8Array): string {
  return `v=${toBase64(signature)}`;
}

/** A saslname (RFC 5802 5.1), prepared. */
function nameOf(text: string | undefined): string | undefined {
  if (text === undefined || /=(?!2C|3D)/.test(text)) return undefined;
  return saslPrep(text.replaceAll("=2C", ",").replaceAll("=3D", "="));
}
