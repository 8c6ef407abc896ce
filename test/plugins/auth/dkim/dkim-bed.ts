/** Messages through `dkim` in a gateway of their own, and a signer that signs what it is told to, right or wrong. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { type Clock, defineGateway, type FactValue, mailbox, pipeline, type Resolver } from "postern";
import { createTestGateway } from "postern/testing";
import { fixedResolver } from "../../../../core/dns/mod.ts";
import type { Dkim } from "../../../../plugins/auth/auth-results.ts";
import { type DkimOptions, dkim } from "../../../../plugins/auth/dkim/dkim.ts";
import { toBackend } from "../../fakes.ts";

export type Signatures = FactValue<typeof Dkim>;

/** Later than any signer's own clock says. */
export const NOW = Date.UTC(2100, 0, 1);

/** TXT records by name. */
export type Zone = { readonly [name: string]: readonly string[] };

export const zoneOf = (zone: Zone): Resolver =>
  fixedResolver(Object.fromEntries(Object.entries(zone).map(([name, TXT]) => [name, { TXT: [...TXT] }])));

/** Makes a gateway; gives the way to hear what `dkim` says of a message. */
export async function verifier(dns: Resolver | Zone, options?: DkimOptions) {
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(dkim(options), toBackend),
      nextHops: { backend: mailbox() },
    }),
    { dns: typeof dns.resolve === "function" ? (dns as Resolver) : zoneOf(dns as Zone), clock: CLOCK },
  );
  return async (content: Uint8Array | string): Promise<Signatures> => {
    const { facts, reply } = await gateway.inject({
      reversePath: "",
      recipients: ["b@inside.example"],
      content,
    });
    if (reply.code !== 250) throw new Error(`${reply.code} ${reply.text}`);
    return facts.dkim as Signatures;
  };
}

/** What `dkim` says of one message. */
export const verified = async (content: Uint8Array | string, dns: Resolver | Zone, options?: DkimOptions) =>
  (await verifier(dns, options))(content);

/** It stands still, and nobody waits for it but to be told to stop. */
export const CLOCK: Clock = {
  now: () => NOW,
  monotonic: () => 0,
  sleep: (_ms, signal) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    }),
};

export const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 });
export const ED25519 = generateKeyPairSync("ed25519");

/** `p=` of a key. */
export function publicKey({ publicKey: key }: { readonly publicKey: KeyObject }): string {
  const spki = key.export({ type: "spki", format: "der" });
  return (key.asymmetricKeyType === "ed25519" ? spki.subarray(-32) : spki).toString("base64");
}

export const NAME = "s1._domainkey.sender.example";
export const RECORDS: Zone = {
  [NAME]: [`v=DKIM1; k=rsa; p=${publicKey(RSA)}`],
  "e1._domainkey.sender.example": [`v=DKIM1; k=ed25519; p=${publicKey(ED25519)}`],
};

/** A message with two signatures of mailauth's before it: by RSA with relaxed forms, by Ed25519 with simple ones. */
export async function signedFor(message: Buffer): Promise<Buffer> {
  const pem = ({ privateKey }: { readonly privateKey: KeyObject }) =>
    privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const by = (selector: string, privateKey: string) => ({
    signingDomain: "sender.example",
    selector,
    privateKey,
  });
  const rsa = by("s1", pem(RSA));
  const { signatures, errors } = await dkimSign(message, {
    ...rsa,
    canonicalization: "relaxed/relaxed",
    signTime: new Date(0),
    signatureData: [rsa, { ...by("e1", pem(ED25519)), canonicalization: "simple/simple" }],
  });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return Buffer.concat([Buffer.from(signatures), message]);
}

/** What a test changes of a signature that is right. */
export interface Wish {
  /** Tags in place of those, or beside them; null takes one out. */
  readonly tags?: { readonly [tag: string]: string | null };
  readonly key?: KeyObject;
  /** The canonical body; absent: as it stands, in relaxed form already. */
  readonly hashedBody?: string;
}

/**
 * Signs fields of one line each, "Name: value", that are in relaxed form but for the case of their names, by the text of
 * the RFC and not by the code under test.
 */
export function signed(
  fields: readonly string[],
  body: string,
  { tags = {}, key = RSA.privateKey, hashedBody = body }: Wish = {},
): string {
  const isRsa = key.asymmetricKeyType === "rsa";
  const all: { [tag: string]: string | null } = {
    ...{ v: "1", a: isRsa ? "rsa-sha256" : "ed25519-sha256", c: "relaxed/relaxed", d: "sender.example" },
    ...{ s: isRsa ? "s1" : "e1", h: "from:subject:from" },
    bh: createHash("sha256").update(hashedBody, "latin1").digest("base64"),
    ...tags,
  };
  const list = Object.entries(all)
    .filter(([, value]) => value !== null)
    .map(([tag, value]) => `${tag}=${value}`);
  const value = `${list.join("; ")}; b=`;
  const left = [...fields];
  const hashed = (all.h ?? "").split(":").flatMap((name) => {
    const index = left.findLastIndex((field) => field.toLowerCase().startsWith(`${name.toLowerCase()}:`));
    return index < 0 ? [] : left.splice(index, 1).map(relaxed);
  });
  const octets = Buffer.from(
    `${hashed.map((field) => `${field}\r\n`).join("")}dkim-signature:${value}`,
    "latin1",
  );
  const signature = isRsa
    ? sign("sha256", octets, key)
    : sign(null, createHash("sha256").update(octets).digest(), key);
  return `DKIM-Signature: ${value}${signature.toString("base64").replace(/(.{60})/g, "$1\r\n ")}\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n${body}`;
}

const relaxed = (field: string): string => {
  const colon = field.indexOf(":");
  return `${field.slice(0, colon).toLowerCase()}:${field.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")}`;
};

export const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
