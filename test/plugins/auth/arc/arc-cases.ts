/** Chains that are right and wrong, clause by clause of RFC 8617, with what `arc` must say of them. */
import { ED25519 } from "../dkim/dkim-bed.ts";
import { type Case, chainOf, fieldOf, type Hop, LETTER, sealed, textOf, withoutField } from "./arc-bed.ts";
import { KEY_CASES, SEALS, SIGNATURES } from "./seal-cases.ts";

/** A list puts its name into the subject and words under the body. */
const asList: NonNullable<Hop["edit"]> = (letter) => ({
  ...letter,
  fields: letter.fields.map((field) => field.replace("Subject: ", "Subject: [list] ")),
  body: `${letter.body}-- \r\nthe list\r\n`.replace("-- \r\n", "--\r\n"),
});
/** Two sets of which nothing is wrong. */
export const two = chainOf({}, {});
const three = chainOf({}, {}, {});

const CHAINS: readonly Case[] = [
  { name: "no chain (5.2, 1)", message: textOf(LETTER), want: ["none", "there is no chain"] },
  { name: "one set", message: chainOf({}), want: ["pass"] },
  { name: "five sets", message: chainOf({}, {}, {}, {}, {}), want: ["pass"] },
  {
    name: "fifty sets (4.2.1)",
    message: chainOf(...Array.from({ length: 50 }, () => ({}))),
    want: ["pass"],
  },
  {
    name: "fifty-one",
    message: chainOf(...Array.from({ length: 51 }, () => ({}))),
    want: ["fail", "more than 50 sets"],
  },
  { name: "Ed25519 (RFC 8463)", message: chainOf({ key: ED25519.privateKey }, {}), want: ["pass"] },
  {
    name: "a message signature and a seal of different domains (4.1.3)",
    message: chainOf({ ams: { d: "five.example" } }),
    want: ["pass"],
  },
  {
    name: "a body that the second hop changed (5.2, 5)",
    message: chainOf({}, { edit: asList }, {}),
    want: ["pass", "", 2],
  },
  {
    name: "a body that the last of three changed",
    message: chainOf({}, {}, { edit: asList }),
    want: ["pass", "", 3],
  },
  {
    name: "an older message signature whose key is gone",
    message: chainOf({ ams: { d: "gone.example" } }, {}),
    want: ["pass", "", 2],
  },
  { name: "raw UTF-8, 0xA0 in it", message: utf8(), want: ["pass"] },
  { name: "the sets in another order of lines", message: mixed(), want: ["pass"] },
];

function utf8(): string {
  const subject = Buffer.from("Subject: à bientôt, voilà", "utf8").toString("latin1");
  const fields = [LETTER.fields[0]!, subject];
  return textOf(
    sealed([{}, { results: "two.example; spf=pass smtp.mailfrom=\xe0@x.example" }], { ...LETTER, fields }),
  );
}

function mixed(): string {
  const letter = sealed([{}, {}]);
  return textOf({ ...letter, arc: [...letter.arc].reverse() });
}

const STRUCTURE: readonly Case[] = [
  ...(["ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"] as const).flatMap(
    (name): readonly Case[] => [
      {
        name: `no ${name} in the newest set (5.2, 3 A)`,
        message: withoutField(two, name, 2),
        want: ["fail", `i=2 has no ${name} field`],
      },
      {
        name: `no ${name} in an older set`,
        message: withoutField(three, name, 2),
        want: ["fail", `i=2 has no ${name} field`],
      },
      {
        name: `${name} twice`,
        message: `${fieldOf(two, name, 1)}\r\n${two}`,
        want: ["fail", `i=1 has more than one ${name} field`],
      },
      {
        name: `${name} without an instance`,
        message: two.replace(`${name}: i=2; `, `${name}: `),
        want: ["fail", `an ${name} field has no instance`],
      },
      ...["0", "51", "1x", "", "-1", "100", "+1"].map(
        (instance): Case => ({
          name: `${name} with i=${instance}`,
          message: two.replace(`${name}: i=2;`, `${name}: i=${instance};`),
          want: ["fail", `an ${name} field has no instance`],
        }),
      ),
    ],
  ),
  {
    name: "a gap (3 B)",
    message: ["ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"].reduce(
      (text, name) => withoutField(text, name, 2),
      three,
    ),
    want: ["fail", "i=2 has no ARC-Authentication-Results field"],
  },
  {
    name: "no i=1",
    message: two.replaceAll("i=1;", "i=3;"),
    want: ["fail", "i=1 has no ARC-Authentication-Results field"],
  },
  {
    name: "cv=fail at i=1 (5.2, 2)",
    message: chainOf({ seal: { cv: "fail" } }),
    want: ["fail", "(cv=fail)"],
  },
  {
    name: "cv=fail of a sealer who sealed its set alone (5.1.2)",
    message: chainOf({}, { seal: { cv: "fail" }, alone: true }),
    want: ["fail", "i=2 says that the chain was broken before"],
  },
  {
    name: "cv=fail in the middle (3 C)",
    message: chainOf({}, { seal: { cv: "fail" } }, {}),
    want: ["fail", "i=2 does not say cv=pass"],
  },
  {
    name: "cv=pass at i=1",
    message: chainOf({ seal: { cv: "pass" } }),
    want: ["fail", "i=1 does not say cv=none"],
  },
  {
    name: "cv=none at i=2",
    message: chainOf({}, { seal: { cv: "none" } }),
    want: ["fail", "i=2 does not say cv=pass"],
  },
  { name: "no cv=", message: chainOf({ seal: { cv: null } }), want: ["fail", "i=1 does not say cv=none"] },
  { name: "cv= of another word", message: chainOf({ seal: { cv: "good" } }), want: ["fail", "does not say"] },
  { name: "cv=None (RFC 5234 2.3)", message: chainOf({ seal: { cv: "None" } }), want: ["pass"] },
  {
    name: "i= behind a comment (3.9)",
    message: chainOf({ aar: "(we say) i (is) = 1 (of one) ; one.example; dmarc=pass" }),
    want: ["pass"],
  },
  {
    name: "an assessment whose instance is not in front (4.1.1)",
    message: chainOf({ aar: "one.example; i=1; dmarc=pass" }),
    want: ["fail", "an ARC-Authentication-Results field has no instance"],
  },
];

/** All of them. */
export const CASES: { readonly [group: string]: readonly Case[] } = {
  chains: CHAINS,
  structure: STRUCTURE,
  seals: SEALS,
  signatures: SIGNATURES,
  keys: KEY_CASES,
};
