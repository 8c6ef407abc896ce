/** Keys, their records, and a gateway that signs, for the tests of `sign`. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { pipeline } from "postern";
import type { Injection, Outcome, TestOptions } from "postern/testing";
import { type SignKey, type SignOptions, sign } from "../../../../plugins/auth/sign/sign.ts";
import { gatewayOf, toBackend } from "../../fakes.ts";

const textOf = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed25519 = generateKeyPairSync("ed25519");
const rawEd25519 = ed25519.publicKey.export({ type: "spki", format: "der" }).subarray(-32);

/** Private keys in PEM. */
export const PEM = { rsa: textOf(rsa.privateKey), ed25519: textOf(ed25519.privateKey) };
/** Key objects of the same. */
export const KEYS = { rsa, ed25519 };
/** One key of each type for example.com. */
export const BOTH: readonly SignKey[] = [
  { domain: "example.com", selector: "r", key: PEM.rsa },
  { domain: "example.com", selector: "e", key: PEM.ed25519 },
];
/** What DNS says of them. */
export const RECORDS: { readonly [name: string]: string } = {
  "r._domainkey.example.com": `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ type: "spki", format: "der" }).toString("base64")}`,
  "e._domainkey.example.com": `v=DKIM1; k=ed25519; p=${rawEd25519.toString("base64")}`,
};

/** A gateway that signs; its clients are in a trusted network unless the test says otherwise. */
export async function signingGateway(options: Partial<SignOptions> = {}, test: TestOptions = {}) {
  return gatewayOf(pipeline(sign({ keys: BOTH, ...options }), toBackend), test);
}

/** Signs a message and gives the octets that left, without our trace field. */
export async function signedBytes(
  inject: (injection: Partial<Injection> & Pick<Injection, "content">) => Promise<Outcome>,
  content: string | Uint8Array,
): Promise<Buffer> {
  const { deliveries, reply } = await inject({ content });
  const sent = deliveries[0]?.bytes;
  if (!sent) throw new Error(`not delivered: ${reply.code} ${reply.text}`);
  const bytes = Buffer.from(sent);
  return bytes.subarray(bytes.indexOf("\r\nDKIM-Signature:") + 2);
}
