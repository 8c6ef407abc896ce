/**
 * mailauth as the oracle: what it passes we pass, and what it does not pass we do not. Over chains of its own with an
 * octet, a field or a line of them changed, and over our table of right and wrong ones.
 */
import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { before, describe, test } from "node:test";
import fc from "fast-check";
import { arc as mailauthArc, sealMessage } from "mailauth/lib/arc/index.js";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { ED25519, NOW, RSA, type Zone } from "../dkim/dkim-bed.ts";
import { KEYS, SEALERS, validated, validator } from "./arc-bed.ts";
import { CASES } from "./arc-cases.ts";

/** A first line that belongs to one above, or a line that begins neither with a name and a colon nor with white space: mailauth gives it to the field above. */
const NO_FIELD = /^[ \t]|(?:^|\r\n)(?![!-9;-~]+[ \t]*:|[ \t])/;
const BASE = Buffer.from(
  "From: Ann <ann@sender.example>\r\nTo: b@inside.example\r\nSubject: Words\r\nDate: Tue, 3 Mar 2026 10:00:00 +0000\r\n" +
    "Message-ID: <1@sender.example>\r\nX-Unsigned: nothing here is signed\r\n\r\nHello,\r\nworld\r\n",
);

/** What mailauth says, in its strict mode. */
async function byMailauth(message: Buffer, zone: Zone, minBitLength = 1024): Promise<string> {
  const resolver = async (name: string, type: string): Promise<string[][]> => {
    const records = type === "TXT" ? zone[name] : undefined;
    if (!records) throw Object.assign(new Error("no record"), { code: "ENOTFOUND" });
    return records.map((record) => [record]);
  };
  const options = { resolver, curTime: new Date(NOW), strict: true, minBitLength };
  const verified = (await dkimVerify(message, options as never)) as unknown as { readonly arc: never };
  return (await mailauthArc(verified.arc, options as never)).status.result;
}

/** A chain by mailauth; what an odd hop changes, those before it signed. */
async function chainBy(count: number): Promise<Buffer> {
  let message = BASE;
  for (let instance = 1; instance <= count; instance++) {
    const isRsa = instance % 3 !== 0;
    if (instance === 2) message = Buffer.from(message.toString("latin1").replace("Words", "[list] Words"));
    if (instance === 4) message = Buffer.concat([message, Buffer.from("--\r\na list\r\n")]);
    const pem = ({ privateKey }: { readonly privateKey: KeyObject }) =>
      privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const sets = await sealMessage(message, {
      signingDomain: SEALERS[instance - 1]!,
      selector: isRsa ? "s1" : "e1",
      privateKey: pem(isRsa ? RSA : ED25519),
      authResults: `mx.${SEALERS[instance - 1]}; dmarc=pass header.from=sender.example`,
      cv: instance === 1 ? "none" : "pass",
    } as never);
    assert.ok(sets.length > 0);
    message = Buffer.concat([sets, message]);
  }
  return message;
}

describe("arc and mailauth", () => {
  const chains: Buffer[] = [];
  let validate: Awaited<ReturnType<typeof validator>>;
  before(async () => {
    for (let count = 1; count <= 5; count++) chains.push(await chainBy(count));
    validate = await validator(KEYS);
  });

  test("arc passes what mailauth seals, one to five times, and tells the oldest signature that holds", async () => {
    const found = await Promise.all(chains.map((message) => validate(message)));
    for (const { result, reason, instance, sets } of found) {
      assert.equal(result, "pass", reason);
      assert.deepEqual(
        sets.map(({ sealer }) => sealer),
        SEALERS.slice(0, instance),
      );
      assert.ok(sets.every(({ dmarc, headerFrom }) => dmarc === "pass" && headerFrom === "sender.example"));
    }
    assert.deepEqual(
      found.map(({ oldestPass }) => oldestPass),
      [0, 2, 2, 4, 4],
    );
  });

  const agree = async (message: Buffer) => {
    const header = message.subarray(0, message.indexOf("\r\n\r\n")).toString("latin1");
    if (NO_FIELD.test(header)) return "";
    const { result, reason } = await validate(message);
    assert.equal(result, await byMailauth(message, KEYS), `${reason}\n${message.toString("latin1")}`);
    return result;
  };

  test("arc and mailauth agree on chains with an octet changed", async () => {
    const seen = new Map<string, number>();
    const damage = fc.record({
      chain: fc.nat(4),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    const octet = fc.constantFrom(..."abAB019=;: ".split(""));
    await fc.assert(
      fc.asyncProperty(damage, octet, async ({ chain, at }, character) => {
        const message = Buffer.from(chains[chain]!);
        const index = Math.floor(at * message.length);
        if (message[index] === 13 || message[index] === 10) return;
        message[index] = character.charCodeAt(0);
        const result = await agree(message);
        seen.set(result, (seen.get(result) ?? 0) + 1);
      }),
      { numRuns: 400 },
    );
    assert.ok((seen.get("fail") ?? 0) > 100 && (seen.get("pass") ?? 0) > 5, JSON.stringify([...seen]));
  });

  test("arc and mailauth agree on chains with a field taken out, doubled, or moved", async () => {
    const change = fc.record({ chain: fc.nat(4), from: fc.nat(30), to: fc.nat(30), kind: fc.nat(2) });
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(change, async ({ chain, from, to, kind }) => {
        const [head = "", body = ""] = chains[chain]!.toString("latin1").split(/\r\n\r\n(.*)/s);
        const fields = head.split(/\r\n(?![ \t])/);
        const [field = ""] = fields.splice(from % fields.length, 1);
        if (kind > 0) fields.splice(to % (fields.length + 1), 0, field);
        if (kind > 1) fields.push(field);
        seen.add(await agree(Buffer.from(`${fields.join("\r\n")}\r\n\r\n${body}`, "latin1")));
      }),
      { numRuns: 200 },
    );
    assert.deepEqual([...seen].sort(), ["fail", "pass"]);
  });

  /** Where mailauth passes what we do not, and why. */
  const KNOWN: { readonly [name: string]: string } = {
    "t= in the future": "it takes any time",
    "l= of a part (RFC 6376 8.2)": "it leaves that to the caller",
  };

  test("arc and mailauth agree on our table, but where it is told", async () => {
    const different: string[] = [];
    for (const { name, message, zone = KEYS, options } of Object.values(CASES).flat()) {
      const ours = (await validated(message, zone, options)).result;
      const theirs = await byMailauth(Buffer.from(message, "latin1"), zone, options?.rsaBitsMin);
      if (ours !== theirs && !Object.hasOwn(KNOWN, name))
        different.push(`${name}: ${ours}, mailauth ${theirs}`);
      if (ours === theirs && Object.hasOwn(KNOWN, name)) different.push(`${name}: no difference`);
    }
    assert.deepEqual(different, []);
  });
});
