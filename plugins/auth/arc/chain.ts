/**
 * The ARC sets of a message and whether they make a chain (RFC 8617 5.2, steps 1 to 3). Nothing in it was proved yet. An
 * ARC field that belongs to no set makes it none: who added it did not know what it did.
 */
import { decodeBase64, type HeaderField, type HeaderView, parseTagList } from "postern";
import type { Claim } from "../dkim/proof.ts";
import { keyOfSigner, type Signer, signerOf, timeOf } from "../dkim/signature.ts";
import { instanceOf } from "./assessment.ts";

/** One set: who had the message, what it found out, what it sent on. */
export interface ArcSet {
  readonly assessment: HeaderField;
  readonly signature: HeaderField;
  readonly seal: HeaderField;
  /** `d=` and `s=` of the seal, in A-labels and lower case. */
  readonly sealer: Signer;
  /** The seal's signature, or what is wrong with its field. */
  readonly claim: Claim | string;
}

/** Sets 1 to n, or why there is no chain. */
export interface Chain {
  readonly sets: readonly ArcSet[];
  /** "" for a chain. */
  readonly fault: string;
  /** The newest instance; 0 where none can be read. */
  readonly newest: number;
  /** `d=` of the newest seal; "" where it can not be read. */
  readonly sealer: string;
}

/** RFC 8617 4.2.1. */
export const SETS_MAX = 50;
/** Octets of all ARC fields; each seal is over all that came before it, so that their work is its square at worst. */
export const ARC_BYTES_MAX = 524_288;

const NAMES = ["ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"] as const;
type Name = (typeof NAMES)[number];

/** @returns undefined where there are no ARC fields */
export function readChain(header: HeaderView): Chain | undefined {
  const fields = NAMES.map((name) => header.all(name));
  const count = fields.reduce((sum, { length }) => sum + length, 0);
  if (count === 0) return undefined;
  const broken = (fault: string): Chain => ({ sets: [], fault, newest: 0, sealer: "" });
  if (fields.some(({ length }) => length > SETS_MAX)) return broken(`there are more than ${SETS_MAX} sets`);
  const octets = fields.flat().reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (octets > ARC_BYTES_MAX) return broken("its fields are too long");
  const parts = fields.flatMap((all, index) => all.map((field) => partOf(NAMES[index]!, field)));
  const newest = parts.reduce((max, { instance }) => Math.max(max, instance), 0);
  const last = parts.find(({ name, instance }) => name === "ARC-Seal" && instance === newest);
  const told = { newest, sealer: last?.seal?.sealer.domain ?? "" };
  // Step 2, before the structure: it says why the others may make none.
  const fault =
    last?.seal?.status === "fail"
      ? `i=${newest} says that the chain was broken before (cv=fail)`
      : structureFault(parts, newest);
  if (fault !== undefined) return { sets: [], fault, ...told };
  const sets = Array.from({ length: newest }, (_, index) => setOf(parts, index + 1));
  return { sets, fault: "", ...told };
}

/** A field, and what of it counts for the structure. */
interface Part {
  readonly name: Name;
  readonly field: HeaderField;
  /** 0 where it can not be read. */
  readonly instance: number;
  readonly seal: Seal | undefined;
}

interface Seal extends Pick<ArcSet, "sealer" | "claim"> {
  /** `cv=`, in lower case. */
  readonly status: string;
}

function partOf(name: Name, field: HeaderField): Part {
  if (name === "ARC-Authentication-Results")
    return { name, field, instance: inRange(instanceOf(field.value)?.instance), seal: undefined };
  const tags = parseTagList(field.value);
  if ("fault" in tags) return { name, field, instance: 0, seal: undefined };
  const seal = name === "ARC-Seal" ? sealOf(tags) : undefined;
  return { name, field, instance: inRange(tags.get("i")), seal };
}

/** RFC 8617 3.9 and 4.2.1. */
function inRange(text = ""): number {
  const instance = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  return instance <= SETS_MAX ? instance : 0;
}

/** RFC 8617 4.1.3; tags that it does not name mean nothing, but for h=. */
function sealOf(tags: ReadonlyMap<string, string>): Seal {
  const sealer = signerOf(tags);
  return { status: (tags.get("cv") ?? "").toLowerCase(), sealer, claim: claimOf(tags, sealer) };
}

function claimOf(tags: ReadonlyMap<string, string>, sealer: Signer): Claim | string {
  if (tags.has("h")) return "it has h=, which no seal may have";
  for (const tag of ["a", "b", "d", "s"]) if (!tags.has(tag)) return `the tag ${tag}= is missing`;
  if (timeOf(tags.get("t")) === "none") return "t= is no time";
  const key = keyOfSigner(sealer);
  if ("result" in key) return key.reason;
  const signature = decodeBase64(tags.get("b") ?? "");
  if (!signature || signature.length === 0) return "b= is no base64";
  return { ...key, isOwnDomain: true, signature };
}

/** Step 3; undefined where it is right. */
function structureFault(parts: readonly Part[], newest: number): string | undefined {
  const seen = new Set<string>();
  for (const { name, instance } of parts) {
    if (instance === 0) return `an ${name} field has no instance from 1 to ${SETS_MAX}`;
    const one = `${instance} ${name}`;
    if (seen.has(one)) return `i=${instance} has more than one ${name} field`;
    seen.add(one);
  }
  for (let instance = 1; instance <= newest; instance++)
    for (const name of NAMES)
      if (!seen.has(`${instance} ${name}`)) return `i=${instance} has no ${name} field`;
  for (const { instance, seal } of parts) {
    if (!seal) continue;
    const wanted = instance === 1 ? "none" : "pass";
    if (seal.status !== wanted) return `the seal of i=${instance} does not say cv=${wanted}`;
    if (typeof seal.claim === "string") return `the seal of i=${instance}: ${seal.claim}`;
  }
  return undefined;
}

/** Of parts whose structure is right. */
function setOf(parts: readonly Part[], instance: number): ArcSet {
  const [assessment, signature, sealed] = NAMES.map((name) =>
    parts.find((part) => part.instance === instance && part.name === name),
  );
  const { sealer, claim } = sealed!.seal!;
  return { assessment: assessment!.field, signature: signature!.field, seal: sealed!.field, sealer, claim };
}
