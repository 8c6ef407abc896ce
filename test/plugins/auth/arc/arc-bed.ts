/** Messages through `arc` in a gateway of their own, and a sealer that seals what it is told to, right or wrong. */
import assert from "node:assert/strict";
import { createHash, type KeyObject, sign } from "node:crypto";
import { defineGateway, type FactValue, mailbox, pipeline, type Resolver } from "postern";
import { createTestGateway } from "postern/testing";
import { type ArcOptions, arc } from "../../../../plugins/auth/arc/arc.ts";
import type { Arc } from "../../../../plugins/auth/auth-results.ts";
import { toBackend } from "../../fakes.ts";
import { CLOCK, ED25519, publicKey, RSA, type Zone, zoneOf } from "../dkim/dkim-bed.ts";

export type ArcValue = FactValue<typeof Arc>;

/** Makes a gateway; gives the way to hear what `arc` says of a message. */
export async function validator(dns: Resolver | Zone, options?: ArcOptions) {
  const gateway = await createTestGateway(
    defineGateway({
      domains: ["inside.example"],
      pipeline: pipeline(arc(options), toBackend),
      nextHops: { backend: mailbox() },
    }),
    { dns: typeof dns.resolve === "function" ? (dns as Resolver) : zoneOf(dns as Zone), clock: CLOCK },
  );
  return async (content: Uint8Array | string): Promise<ArcValue> => {
    const { facts, reply } = await gateway.inject({
      reversePath: "",
      recipients: ["b@inside.example"],
      content: typeof content === "string" ? Buffer.from(content, "latin1") : content,
    });
    if (reply.code !== 250) throw new Error(`${reply.code} ${reply.text}`);
    return facts.arc as ArcValue;
  };
}

/** What `arc` says of one message. */
export const validated = async (content: Uint8Array | string, dns: Resolver | Zone, options?: ArcOptions) =>
  (await validator(dns, options))(content);

/** Sealers by instance: "one.example" seals i=1. */
export const SEALERS = [
  "one.example",
  "two.example",
  "three.example",
  "four.example",
  "five.example",
] as const;

/** The keys of all of them: the selector s1 for RSA, e1 for Ed25519. */
export const KEYS: Zone = Object.fromEntries(
  SEALERS.flatMap((domain) => [
    [`s1._domainkey.${domain}`, [`v=DKIM1; k=rsa; p=${publicKey(RSA)}`]],
    [`e1._domainkey.${domain}`, [`v=DKIM1; k=ed25519; p=${publicKey(ED25519)}`]],
  ]),
);

type Tags = { readonly [tag: string]: string | null };

/** What is done by one hop, otherwise than right. */
export interface Hop {
  readonly domain?: string;
  readonly key?: KeyObject;
  /** Tags in place of those of the message signature, or beside them; null takes one out. */
  readonly ams?: Tags;
  /** The same of the seal. */
  readonly seal?: Tags;
  /** Of the assessment, behind the instance. */
  readonly results?: string;
  /** Its whole value. */
  readonly aar?: string;
  /** Done to the message before it is sealed. */
  readonly edit?: (message: Letter) => Letter;
  /** Whether the seal is over its own set alone (RFC 8617 5.1.2). */
  readonly alone?: boolean;
}

/** A message; fields of one line each, "Name: value", in relaxed form but for the case of their names. */
export interface Letter {
  readonly arc: readonly string[];
  readonly fields: readonly string[];
  readonly body: string;
}

export const LETTER: Letter = {
  arc: [],
  fields: ["From: Ann <ann@sender.example>", "To: b@inside.example", "Subject: Words"],
  body: "Hello,\r\nworld\r\n",
};

/** Seals a message hop by hop, by the text of the RFC and not by the code under test. */
export function sealed(hops: readonly Hop[], letter: Letter = LETTER): Letter {
  return hops.reduce((before, hop, n) => withSet(hop.edit?.(before) ?? before, hop, n + 1), letter);
}

/** The octets, one character each. */
export const textOf = ({ arc: sets, fields, body }: Letter): string =>
  `${[...sets, ...fields].map((field) => `${field}\r\n`).join("")}\r\n${body}`;

/** A sealed message as text. */
export const chainOf = (...hops: readonly Hop[]): string => textOf(sealed(hops));

function withSet(letter: Letter, hop: Hop, instance: number): Letter {
  const {
    domain: d = SEALERS[(instance - 1) % 5]!,
    key = RSA.privateKey,
    results = `${d}; dmarc=pass`,
  } = hop;
  const isRsa = key.asymmetricKeyType === "rsa";
  const by = { a: isRsa ? "rsa-sha256" : "ed25519-sha256", d, s: isRsa ? "s1" : "e1" };
  const aar = `ARC-Authentication-Results: ${hop.aar ?? `i=${instance}; ${results}`}`;
  const bh = createHash("sha256").update(letter.body, "latin1").digest("base64");
  const tags = { i: `${instance}`, ...by, c: "relaxed/relaxed", h: "from:subject:from", bh, ...hop.ams };
  const ams = signedField("ARC-Message-Signature", tags, namedFields(letter.fields, tags.h ?? ""), key);
  const cv = instance === 1 ? "none" : "pass";
  const older = hop.alone ? [] : [...letter.arc].reverse();
  const over = [...older, aar, ams];
  const seal = signedField("ARC-Seal", { i: `${instance}`, ...by, cv, ...hop.seal }, over, key);
  return { ...letter, arc: [seal, ams, aar, ...letter.arc] };
}

/** A field that signs others: those, then itself without `b=` (RFC 6376 3.7). */
function signedField(name: string, tags: Tags, over: readonly string[], key: KeyObject): string {
  const list = Object.entries(tags).flatMap(([tag, value]) => (value === null ? [] : [`${tag}=${value}`]));
  const value = `${list.join("; ")}; b=`;
  const hashed = `${over.map((field) => `${relaxed(field)}\r\n`).join("")}${relaxed(`${name}: ${value}`)}`;
  const octets = Buffer.from(hashed, "latin1");
  const isRsa = key.asymmetricKeyType === "rsa";
  const made = isRsa
    ? sign("sha256", octets, key)
    : sign(null, createHash("sha256").update(octets).digest(), key);
  return `${name}: ${value}${made.toString("base64").replace(/(.{60})/g, "$1\r\n ")}`;
}

/** RFC 6376 5.4.2: from the bottom. */
function namedFields(fields: readonly string[], names: string): readonly string[] {
  const left = [...fields];
  return names.split(":").flatMap((name) => {
    const index = left.findLastIndex((field) => field.toLowerCase().startsWith(`${name.toLowerCase()}:`));
    return index < 0 ? [] : left.splice(index, 1);
  });
}

/** RFC 6376 3.4.2, of a field whose white space is SP, HTAB and folds. */
function relaxed(field: string): string {
  const colon = field.indexOf(":");
  const value = field
    .slice(colon + 1)
    .replace(/\r\n/g, "")
    .replace(/[ \t]+/g, " ")
    .replace(/^ | $/g, "");
  return `${field.slice(0, colon).toLowerCase()}:${value}`;
}

/** One message. */
export interface Case {
  readonly name: string;
  readonly message: string;
  readonly zone?: Zone;
  readonly options?: ArcOptions;
  /** Result, words of the reason, the oldest signature that holds. */
  readonly want: readonly [result: ArcValue["result"], reason?: string, oldestPass?: number];
}

/** Without a field of a set. */
export const withoutField = (text: string, name: string, instance: number): string => {
  const found = fieldOf(text, name, instance);
  return text.replace(`${found}\r\n`, "");
};
/** A field of a set, folds and all. */
export const fieldOf = (text: string, name: string, instance: number): string =>
  text.split(/\r\n(?![ \t])/).find((field) => field.startsWith(`${name}: i=${instance};`)) ??
  assert.fail(name);
/** The same message with the first character of the base64 made another. */
export const damaged = (text: string, name: string, instance: number): string =>
  text.replace(fieldOf(text, name, instance), (field) =>
    field.replace(/b=(.)(?=[^=]*=*$)/s, (_, first) => `b=${first === "A" ? "B" : "A"}`),
  );
