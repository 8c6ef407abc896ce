/** What the parts of `auth` share: a message of 10 KB that its sender signed, and what DNS says of that sender. */
import { generateKeyPairSync } from "node:crypto";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { benchMessage } from "../bench-message.ts";

/** Goes to other processes over IPC: texts of octets, one character each. */
export interface AuthMaterial {
  readonly unsigned: string;
  /** The same with a DKIM-Signature before it, which mailauth made with its defaults: rsa-sha256, relaxed/relaxed. */
  readonly signed: string;
  /** RSA of 2,048 bits, PKCS #8 in PEM. */
  readonly privateKey: string;
  readonly ed25519Key: string;
  /** TXT records by name. */
  readonly records: { readonly [name: string]: readonly string[] };
}

/** Who sends it: from an address of the documentation, so that no network here is trusted for it. */
export const CLIENT_IP = "198.51.100.7";
export const CLIENT_EHLO = "out.sender.example";
export const SENDER = "ann@sender.example";
export const RECIPIENT = "bob@rcpt.example";
export const SIGNED_DOMAIN = "sender.example";
export const SELECTOR = "s2026";

const MESSAGE_BYTES = 10_000;

/** Makes the key and the message. */
export async function makeMaterial(): Promise<AuthMaterial> {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const ed25519 = generateKeyPairSync("ed25519");
  const privateKey = rsa.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const unsigned = benchMessage(MESSAGE_BYTES).toString("latin1").slice(0, -".\r\n".length);
  const by = { signingDomain: SIGNED_DOMAIN, selector: SELECTOR, privateKey };
  const { signatures } = await dkimSign(Buffer.from(unsigned, "latin1"), { ...by, signatureData: [by] });
  if (!signatures.startsWith("DKIM-Signature:")) throw new Error("mailauth did not sign");
  const publicKey = rsa.publicKey.export({ type: "spki", format: "der" }).toString("base64");
  return {
    unsigned,
    signed: signatures + unsigned,
    privateKey,
    ed25519Key: ed25519.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    records: {
      [SIGNED_DOMAIN]: ["v=spf1 ip4:192.0.2.0/24 include:_spf.sender.example -all"],
      "_spf.sender.example": ["v=spf1 ip4:203.0.113.0/24 ip4:198.51.100.0/26 -all"],
      [`${SELECTOR}._domainkey.${SIGNED_DOMAIN}`]: [`v=DKIM1; k=rsa; p=${publicKey}`],
      [`_dmarc.${SIGNED_DOMAIN}`]: ["v=DMARC1; p=reject; rua=mailto:dmarc@sender.example"],
    },
  };
}
